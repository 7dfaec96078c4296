"""Where one person speaks: stretches of speech, cut where another one begins, and the windows of each."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.voice_windows import (
    ALIKE,
    FIRST_FRAME,
    FRAME,
    HOP,
    LEAST,
    ONLY_WINDOW,
    WINDOW,
    Stretch,
    VoiceWindow,
    changes,
    cut,
    embedded_first,
    in_doubt,
    owners,
    speech_in,
    windows,
)

SECOND = 16_000


def owning(stretch: Stretch) -> list[VoiceWindow]:
    return list(owners(stretch, windows(stretch)))


def test_speech_ends_where_it_has_been_quiet_for_a_while() -> None:
    probabilities = [0.1] * 10 + [0.9] * 20 + [0.1] * 5 + [0.9] * 5 + [0.1] * 6 + [0.8] * 4
    found = list(speech_in(probabilities, 50 * 512))
    assert found == [Stretch(10 * 512 - 480, 40 * 512 + 480), Stretch(46 * 512 - 480, 50 * 512)]


def test_a_half_hearted_window_neither_begins_nor_ends_speech() -> None:
    assert list(speech_in([0.4] * 20, 20 * 512)) == []
    assert list(speech_in([0.9, *[0.4] * 20], 21 * 512)) == [Stretch(0, 21 * 512)]
    assert list(speech_in([], 0)) == []


@pytest.mark.parametrize(
    ("probabilities", "stretches"),
    [
        ([0.5] * 3, [(0, 3)]),
        ([0.49] * 3, []),
        ([0.9, *[0.35] * 9], [(0, 10)]),
        ([0.9, *[0.34] * 5], [(0, 1)]),
        ([0.9, *[0.34] * 6, 0.9], [(0, 1), (7, 8)]),
        ([0.9, *[0.34] * 5, 0.5, *[0.34] * 5, 0.9], [(0, 13)]),
        ([0.9, 0.34, *[0.49] * 5, 0.9], [(0, 1), (7, 8)]),
        ([0.9, *[0.34] * 9, 0.4, 0.9], [(0, 1), (11, 12)]),
    ],
)
def test_the_limits_of_speech(probabilities: list[float], stretches: list[tuple[int, int]]) -> None:
    found = list(speech_in(probabilities, len(probabilities) * 512))
    margin = 480
    assert found == [
        Stretch(max(0, first * 512 - margin), min(len(probabilities) * 512, end * 512 + margin))
        for first, end in stretches
    ]


def test_a_change_at_the_edge_of_what_was_listened_to_is_not_believed() -> None:
    for before, behind, known in [(6, 6, True), (5, 9, False), (9, 5, False)]:
        classes = np.array([1] * before + [2] * behind)
        assert changes(classes, 0) == ([FIRST_FRAME + before * FRAME] if known else [])


def test_a_change_is_where_others_speak_than_before() -> None:
    classes = np.array([0] * 20 + [1] * 30 + [0] * 10 + [1] * 20 + [0] * 10 + [2] * 30 + [4] * 30)
    assert changes(classes, 1_000) == [1_000 + FIRST_FRAME + frame * FRAME for frame in (85, 120)]
    assert changes(np.array([1] * 3 + [2] * 60 + [1] * 3), 0) == []
    assert changes(np.array([0] * 50), 0) == []
    assert changes(np.array([], np.intp), 0) == []


def test_cuts_are_apart_from_each_other_and_from_the_ends() -> None:
    speech = [Stretch(0, 3 * SECOND), Stretch(4 * SECOND, 5 * SECOND)]
    at = [100, SECOND, SECOND + 100, 2 * SECOND, 3 * SECOND - 100, int(3.5 * SECOND), int(4.5 * SECOND)]
    found = [(each.start / SECOND, each.end / SECOND) for each in cut(speech, at)]
    assert found == [(0, 1), (1, 2), (2, 3), (4, 4.5), (4.5, 5)]


def test_the_least_between_cuts_and_from_the_ends() -> None:
    (speech,) = [Stretch(SECOND, 2 * SECOND)]
    tenth, fifth = SECOND // 10, SECOND // 5

    def edges(*at: int) -> list[int]:
        return [each.start - SECOND for each in cut([speech], [SECOND + place for place in at])][1:]

    assert edges(tenth) == [tenth]
    assert edges(tenth - 1) == []
    assert edges(SECOND - tenth) == [SECOND - tenth]
    assert edges(SECOND - tenth + 1) == []
    assert edges(2 * tenth + fifth, 2 * tenth) == [2 * tenth, 2 * tenth + fifth]
    assert edges(2 * tenth, 2 * tenth + fifth - 1) == [2 * tenth]


def test_windows_are_spread_evenly_and_own_up_to_the_middle_between_them() -> None:
    (least,) = owning(Stretch(SECOND, SECOND + LEAST))
    assert (least.covered, least.owns, least.goes_on) == (Stretch(SECOND, SECOND + LEAST),) * 2 + (False,)
    first, second, third = owning(Stretch(SECOND, 4 * SECOND))
    assert [each.covered.start - SECOND for each in (first, second, third)] == [0, 12_000, 24_000]
    assert [each.owns.end - SECOND for each in (first, second, third)] == [18_000, 30_000, 48_000]
    assert [each.goes_on for each in (first, second, third)] == [False, True, True]


@given(st.integers(0, 20 * SECOND), st.integers(0, 15 * SECOND))
def test_windows_own_all_of_their_stretch_and_none_of_another(start: int, length: int) -> None:
    stretch = Stretch(start, start + length)
    if length < LEAST:
        assert windows(stretch) == []
        return
    found = owning(stretch)
    assert (found[0].owns.start, found[-1].owns.end) == (start, start + length)
    for one, other in pairwise(found):
        assert one.owns.end == other.owns.start
        assert other.covered.start - one.covered.start <= HOP
    for each in found:
        assert each.covered.length == (length if length <= ONLY_WINDOW else WINDOW)
        assert start <= each.covered.start <= each.owns.start < each.owns.end <= each.covered.end
        assert each.covered.end <= start + length


@pytest.mark.parametrize(("seconds", "count"), [(0.3, 1), (1.5, 1), (2.0, 1), (2.1, 2), (15.0, 15)])
def test_longer_stretches_have_more_windows(seconds: float, count: int) -> None:
    assert len(windows(Stretch(0, round(seconds * SECOND)))) == count


def voices(*angles: float) -> list[np.ndarray]:
    """Voices whose cosines are those of the angles between them, in degrees."""
    return [np.array([np.cos(np.radians(each)), np.sin(np.radians(each))], np.float32) for each in angles]


@pytest.mark.parametrize(
    ("seconds", "first"),
    [(1.0, [0]), (2.5, [0, 1]), (3.4, [0, 2]), (4.4, [0, 2, 3]), (5.4, [0, 2, 4]), (6.4, [0, 2, 4, 5])],
)
def test_every_second_window_is_embedded_first_and_the_last(seconds: float, first: list[int]) -> None:
    covered = windows(Stretch(0, round(seconds * SECOND)))
    assert embedded_first(covered) == [covered[number] for number in first]
    assert embedded_first([]) == []


@pytest.mark.parametrize(
    ("angles", "doubtful"),
    [
        ((0, 10, 20, 30), []),
        ((0, 50, 50, 50), []),
        ((0, 61, 61, 61), [1]),
        ((0, 61, 0, 0), [1, 3]),
        ((0, 0, 61, 61), [3]),
        ((0, 0, 0, 170), []),
    ],
)
def test_a_window_between_two_that_sound_alike_is_not_heard(
    angles: tuple[float, ...], doubtful: list[int]
) -> None:
    covered = windows(Stretch(0, round(6.4 * SECOND)))
    first = embedded_first(covered)
    embedded = dict(zip(first, voices(*angles), strict=True))
    assert list(in_doubt(covered, embedded)) == [covered[number] for number in doubtful]


def test_voices_are_alike_from_this_cosine_on() -> None:
    covered = windows(Stretch(0, 3 * SECOND))
    for cosine, doubtful in [(ALIKE, []), (ALIKE - 0.01, [covered[1]])]:
        embedded = {covered[0]: np.array([1, 0], np.float32), covered[2]: np.array([cosine, 1], np.float32)}
        assert list(in_doubt(covered, embedded)) == doubtful


def test_what_a_window_that_was_not_heard_would_own_is_shared() -> None:
    stretch = Stretch(SECOND, 4 * SECOND)
    first, _, third = windows(stretch)
    one, other = owners(stretch, [first, third])
    assert (one.covered, other.covered) == (first, third)
    assert (one.owns, other.owns) == (Stretch(SECOND, 40_000), Stretch(40_000, 4 * SECOND))
    assert (one.goes_on, other.goes_on) == (False, True)
