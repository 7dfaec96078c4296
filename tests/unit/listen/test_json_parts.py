"""The numbers that results and live messages have in common."""

import pytest

from ringback.listen.json_parts import seconds, share


@pytest.mark.parametrize(
    ("time", "written"),
    [(0.0, 0.0), (0.1234, 0.123), (0.1235001, 0.124), (0.9996, 1.0), (2, 2.0), (35_999.9997, 36_000.0)],
)
def test_times_are_rounded_to_the_nearest_millisecond(time: float, written: float) -> None:
    assert seconds(time) == written
    assert isinstance(seconds(time), float)


@pytest.mark.parametrize(
    ("confidence", "written"),
    [(0.98765432, 0.9877), (0.98764, 0.9876), (0.99996, 1.0), (1.2, 1.0), (-0.1, 0.0), (float("nan"), 0.0)],
)
def test_confidences_are_rounded_to_four_places_within_0_and_1(confidence: float, written: float) -> None:
    assert share(confidence) == written
