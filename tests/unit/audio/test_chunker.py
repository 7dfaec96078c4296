import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.audio.chunker import WINDOW, Chunker, Span

Windows = list[tuple[float, float]]

SECOND = 16_000 / WINDOW
PAUSE = 3  # windows


def speech(seconds: float) -> Windows:
    return [(0.95, 0.1)] * round(seconds * SECOND)


def silence(seconds: float) -> Windows:
    return [(0.02, 0.0)] * round(seconds * SECOND)


def spans_of(windows: Windows, max_chunk: float = 15.0) -> list[Span]:
    chunker = Chunker(max_chunk)
    return chunker.push(windows) + chunker.finish()


def seconds(span: Span) -> tuple[float, float]:
    return round(span.start / 16_000, 1), round(span.end / 16_000, 1)


def test_silence_gives_nothing() -> None:
    assert spans_of(silence(60)) == []


def test_leading_and_trailing_silence_are_left_out() -> None:
    assert [seconds(s) for s in spans_of(silence(3) + speech(2) + silence(4))] == [(2.8, 5.2)]


def test_neighbours_share_a_span() -> None:
    windows = speech(2) + silence(0.5) + speech(3) + silence(1) + speech(2)
    assert [seconds(s) for s in spans_of(windows)] == [(0.0, 8.5)]


def test_a_long_silence_ends_a_span_at_once() -> None:
    chunker = Chunker()
    assert chunker.push(speech(2) + silence(1.5)) == []
    assert [seconds(s) for s in chunker.push(silence(0.6))] == [(0.0, 2.2)]


def test_the_longest_late_pause_is_cut() -> None:
    windows = speech(3) + silence(1.5) + speech(5) + silence(0.6) + speech(2) + silence(0.2) + speech(6)
    assert [seconds(s) for s in spans_of(windows)] == [(0.0, 9.7), (9.9, 18.3)]


def test_endless_speech_is_cut_where_speech_is_least_likely() -> None:
    windows = speech(30)
    at = round(12 * SECOND)
    windows[at] = (0.6, 0.01)
    spans = spans_of(windows)
    assert spans[0].end == spans[1].start
    assert abs(spans[0].end / 16_000 - 12) < 0.1


def test_equally_likely_speech_is_cut_where_it_is_quietest() -> None:
    windows = speech(20)
    at = round(10 * SECOND)
    windows[at - 1 : at + 2] = [(0.95, 0.0)] * 3
    assert abs(spans_of(windows)[0].end / 16_000 - 10) < 0.1


def test_a_noise_that_never_clearly_sounds_like_speech_is_dropped() -> None:
    assert spans_of(silence(1) + [(0.65, 0.1)] * 20 + silence(3)) == []


def test_a_short_dip_does_not_end_a_word() -> None:
    windows = speech(1) + [(0.1, 0.0)] * (PAUSE - 1) + speech(1)
    assert len(spans_of(windows)) == 1


@st.composite
def recordings(draw: st.DrawFn) -> Windows:
    """Stretches of clear speech, silence and doubt, of any length."""
    stretches = draw(
        st.lists(
            st.tuples(st.sampled_from(["speech", "silence", "doubt"]), st.integers(1, 1200)), max_size=25
        )
    )
    chance = random.Random(draw(st.integers(0, 1000)))
    bounds = {"speech": (0.7, 1.0), "silence": (0.0, 0.34), "doubt": (0.0, 1.0)}
    return [
        (chance.uniform(*bounds[kind]), chance.random()) for kind, length in stretches for _ in range(length)
    ]


@given(recordings(), st.sampled_from([2.0, 5.0, 15.0, 20.0]))
def test_spans_are_ordered_apart_short_enough_and_hold_all_clear_speech(
    windows: Windows, max_chunk: float
) -> None:
    spans = spans_of(windows, max_chunk)
    edge = 0
    for span in spans:
        assert edge <= span.start < span.end <= len(windows) * WINDOW
        assert span.end - span.start <= max_chunk * 16_000
        edge = span.end
    held = {i for span in spans for i in range(span.start // WINDOW, span.end // WINDOW)}
    clear = {i for i, (probability, _) in enumerate(windows) if probability >= 0.7}
    assert clear <= held


@given(recordings(), st.integers(1, 400))
def test_blocks_do_not_matter_and_nothing_needed_is_forgotten(windows: Windows, size: int) -> None:
    chunker = Chunker()
    spans: list[Span] = []
    for at in range(0, len(windows), size):
        keep_from = chunker.keep_from
        closed = chunker.push(windows[at : at + size])
        assert all(span.start >= keep_from for span in closed)
        assert chunker.keep_from >= keep_from
        spans += closed
    keep_from = chunker.keep_from
    last = chunker.finish()
    assert all(span.start >= keep_from for span in last)
    assert spans + last == spans_of(windows)


@pytest.mark.parametrize("talk", [14.0, 14.7, 15.1, 31.0])
def test_what_is_held_back_is_bounded(talk: float) -> None:
    chunker = Chunker()
    for i, window in enumerate(speech(talk) * 3):
        chunker.push([window])
        assert (i + 1) * WINDOW - chunker.keep_from <= 15.5 * 16_000
