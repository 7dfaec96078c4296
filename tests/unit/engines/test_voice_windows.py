"""Where one person speaks: stretches of speech, cut where another one begins, and the windows of each."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.voice_windows import (
    FIRST_FRAME,
    FRAME,
    HOP,
    LEAST,
    WINDOW,
    Stretch,
    changes,
    cut,
    speech_in,
    windows,
)

SECOND = 16_000


def test_speech_ends_where_it_has_been_quiet_for_a_while() -> None:
    probabilities = [0.1] * 10 + [0.9] * 20 + [0.1] * 5 + [0.9] * 5 + [0.1] * 6 + [0.8] * 4
    found = list(speech_in(probabilities, 50 * 512))
    assert found == [Stretch(10 * 512 - 480, 40 * 512 + 480), Stretch(46 * 512 - 480, 50 * 512)]


def test_a_half_hearted_window_neither_begins_nor_ends_speech() -> None:
    assert list(speech_in([0.4] * 20, 20 * 512)) == []
    assert list(speech_in([0.9, *[0.4] * 20], 21 * 512)) == [Stretch(0, 21 * 512)]
    assert list(speech_in([], 0)) == []


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


@given(st.integers(0, 20 * SECOND), st.integers(0, 15 * SECOND))
def test_windows_own_all_of_their_stretch_and_none_of_another(start: int, length: int) -> None:
    found = list(windows(Stretch(start, start + length)))
    if length < LEAST:
        assert found == []
        return
    assert (found[0].owns.start, found[-1].owns.end) == (start, start + length)
    for one, other in pairwise(found):
        assert one.owns.end == other.owns.start
        assert other.covered.start - one.covered.start <= HOP
    for each in found:
        assert each.covered.length == min(WINDOW, length)
        assert start <= each.covered.start <= each.owns.start < each.owns.end <= each.covered.end
        assert each.covered.end <= start + length


@pytest.mark.parametrize(("seconds", "count"), [(0.3, 1), (1.5, 1), (1.6, 2), (15.0, 15)])
def test_longer_stretches_have_more_windows(seconds: float, count: int) -> None:
    assert len(list(windows(Stretch(0, round(seconds * SECOND))))) == count
