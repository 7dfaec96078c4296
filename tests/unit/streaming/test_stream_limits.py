"""What one key, and one project, may have of the places for live streams."""

import pytest

from ringback.errors import Refusal
from ringback.streaming.stream_limits import StreamLimits, StreamSlots


def taken_by(places: StreamSlots, *callers: tuple[str, str]) -> list[str]:
    """What each was told: empty where it got a place."""
    refusals = []
    for project, key in callers:
        try:
            places.take_slot(project, key)
        except Refusal as refusal:
            refusals.append(f"{refusal.failure.status}: {refusal.failure.err_msg}")
        else:
            refusals.append("")
    return refusals


def test_one_key_leaves_places_to_others_of_its_project_and_these_to_other_projects() -> None:
    places = StreamSlots(StreamLimits(16))
    first = taken_by(places, *[("p", "a")] * 20)
    assert [not refusals for refusals in first].count(True) == 12
    assert first[-1].startswith("429: ")
    assert "this key" in first[-1]
    second = taken_by(places, *[("p", "b")] * 3)
    assert [not refusals for refusals in second] == [True, True, False]
    assert "this project" in second[-1]
    assert taken_by(places, ("q", "c"), ("q", "d")) == ["", ""]
    [refusals] = taken_by(places, ("r", "e"))
    assert "all 16" in refusals
    places.release_slot("p", "a")
    assert taken_by(places, ("r", "e")) == [""]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_few_places_are_everybodys(most: int) -> None:
    assert taken_by(StreamSlots(StreamLimits(most)), *[("p", "a")] * most) == [""] * most


def test_shares_may_be_set() -> None:
    places = StreamSlots(StreamLimits(16, per_key=2, per_project=3))
    assert [not refusals for refusals in taken_by(places, *[("p", "a")] * 3, *[("p", "b")] * 2)] == [
        True,
        True,
        False,
        True,
        False,
    ]
