"""What is recognised of a live channel, and when: decisions on stream time."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.listen.recognition_events import Cause
from ringback.streaming.segments import Began, Draft, Heard, Overlong, Segments, Span, Step, Stretch
from ringback.transcript import Word

WINDOW = 512
PER_SECOND = 16_000 / WINDOW
SPEECH, QUIET, DIP = (0.95, 0.1), (0.02, 0.001), (0.02, 0.01)


def windows(seconds: float, kind: Heard) -> list[Heard]:
    return [kind] * round(seconds * PER_SECOND)


def talk(*parts: tuple[float, Heard]) -> list[Heard]:
    return [window for seconds, kind in parts for window in windows(seconds, kind)]


def seconds(samples: int) -> float:
    return samples / 16_000


def spans(steps: list[Step]) -> list[Span]:
    return [step for step in steps if isinstance(step, Span)]


def words(first: float, last: float, each: float = 0.5) -> list[Word]:
    count = int((last - first) / each)
    return [Word("word", first + i * each, first + (i + 1) * each, 1.0) for i in range(count)]


def test_a_pause_ends_a_span() -> None:
    segments = Segments(300)
    steps = segments.push(talk((1.0, QUIET), (2.0, SPEECH), (1.0, QUIET)))
    began, span = steps
    assert isinstance(began, Began)
    assert isinstance(span, Span)
    assert seconds(began.at) == pytest.approx(1.0, abs=0.04)
    assert span.cause is Cause.ENDPOINT
    assert span.start == 0
    assert seconds(span.end) == pytest.approx(3.3, abs=0.05)
    assert span.speech is not None
    assert seconds(span.speech.start) == pytest.approx(0.75, abs=0.05)
    assert seconds(span.speech.end) == pytest.approx(3.16, abs=0.05)


@pytest.mark.parametrize(("endpointing", "at"), [(10, 2.3), (300, 2.3), (700, 2.7), (1500, 3.5)])
def test_the_silence_that_ends_a_phrase_is_the_caller_s_but_not_shorter_than_a_phrase_needs(
    endpointing: int, at: float
) -> None:
    (span,) = spans(Segments(endpointing).push(talk((2.0, SPEECH), (2.0, QUIET))))
    assert span.cause is Cause.ENDPOINT
    assert seconds(span.end) == pytest.approx(at, abs=0.07)


def test_a_short_pause_is_part_of_a_phrase() -> None:
    segments = Segments(10)
    assert spans(segments.push(talk((1.0, SPEECH), (0.2, QUIET), (1.0, SPEECH)))) == []
    (span,) = spans(segments.push(windows(0.4, QUIET)))
    assert span.speech is not None
    assert seconds(span.speech.end - span.speech.start) > 2.2


def test_who_waits_long_for_an_end_gets_the_words_before_it() -> None:
    steps = spans(Segments(5000).push(talk((2.0, SPEECH), (6.0, QUIET))))
    assert [(step.cause, step.speech is not None) for step in steps] == [
        (Cause.LENGTH, True),
        (Cause.ENDPOINT, False),
    ]


def test_without_endpointing_silence_is_never_told_as_an_end() -> None:
    steps = spans(Segments(None).push(talk((2.0, SPEECH), (3.0, QUIET), (2.0, SPEECH), (20.0, QUIET))))
    assert {step.cause for step in steps} == {Cause.LENGTH, Cause.SILENCE}
    assert sum(step.speech is not None for step in steps) == 2


def test_silence_moves_on_without_words() -> None:
    steps = Segments(300).push(windows(60.0, QUIET))
    assert 8 <= len(steps) <= 13
    assert all(isinstance(step, Span) and step.cause is Cause.SILENCE and not step.speech for step in steps)


def test_a_noise_that_is_not_surely_speech_is_none() -> None:
    steps = Segments(300).push(talk((1.0, QUIET), (0.5, (0.6, 0.1)), (1.0, QUIET)))
    assert [(span.cause, span.speech) for span in spans(steps)] == [(Cause.SILENCE, None)]
    assert not [step for step in steps if isinstance(step, Began)]


def test_a_long_span_ends_in_any_pause() -> None:
    segments = Segments(500)
    (span,) = spans(segments.push(talk((9.0, SPEECH), (0.2, QUIET), (1.0, SPEECH))))
    assert span.cause is Cause.LENGTH
    assert 9.0 < seconds(span.end) < 9.2
    draft = segments.draft()
    assert draft is not None
    assert span.end <= draft.speech.start


def test_a_span_that_grows_too_long_is_cut_in_the_longest_pause_behind() -> None:
    parts = [(6.0, SPEECH), (0.1, DIP), (1.0, SPEECH), (0.22, DIP), (0.5, SPEECH), (0.1, DIP), (7.0, SPEECH)]
    (span,) = spans(Segments(300).push(talk(*parts)))
    assert span.cause is Cause.LENGTH
    assert 7.1 < seconds(span.end) < 7.35


def test_who_never_pauses_is_cut_between_two_words() -> None:
    segments = Segments(300)
    steps = segments.push(talk((15.0, SPEECH), (1.0, QUIET)))
    overlong = steps[-1]
    assert isinstance(overlong, Overlong)
    assert spans(steps) == []
    said = words(seconds(overlong.speech.start), seconds(overlong.speech.end))
    split, more = segments.cut(said)
    assert split.words == tuple(said[: len(split.words)])
    assert any(abs(seconds(split.end) - word.end) < 0.1 for word in said)
    (rest,) = spans(more)
    assert rest.start == split.end
    assert rest.speech is not None
    assert rest.speech.start == split.end
    assert rest.cause is Cause.ENDPOINT


def test_without_words_the_cut_is_where_it_is_quietest() -> None:
    segments = Segments(300)
    segments.push(talk((10.0, SPEECH), (0.032, (0.6, 0.05)), (6.0, SPEECH)))
    split, _ = segments.cut([])
    assert split.words == ()
    assert seconds(split.end) == pytest.approx(10.0, abs=0.1)


def test_what_comes_while_the_words_are_looked_for_is_not_lost() -> None:
    segments = Segments(300)
    steps = segments.push(windows(15.0, SPEECH))
    assert isinstance(steps[-1], Overlong)
    assert segments.push(talk((1.0, SPEECH), (1.0, QUIET))) == []
    assert segments.flush(17 * 16_000, Cause.FINALIZE) == []
    split, more = segments.cut([])
    ends = [split.end, *(span.end for span in spans(more))]
    assert ends == sorted(ends)
    assert ends[-1] == 17 * 16_000
    assert [span.cause for span in spans(more)] == [Cause.ENDPOINT, Cause.FINALIZE]


def test_a_flush_closes_what_is_open() -> None:
    segments = Segments(300)
    segments.push(talk((1.0, QUIET), (1.0, SPEECH)))
    (span,) = segments.flush(2 * 16_000, Cause.FINALIZE)
    assert isinstance(span, Span)
    assert (span.start, span.end, span.cause) == (0, 32_000, Cause.FINALIZE)
    assert span.speech is not None
    assert span.speech.end == 32_000
    (again,) = segments.flush(2 * 16_000, Cause.FINALIZE)
    assert again == Span(32_000, 32_000, None, Cause.FINALIZE, in_speech=True)


def test_a_span_tells_whether_somebody_spoke_at_its_end() -> None:
    segments = Segments(300)
    segments.push(talk((1.0, SPEECH), (0.2, QUIET)))
    (quiet_end,) = spans(segments.flush(int(1.2 * 16_000), Cause.FINALIZE))
    segments.push(windows(1.0, SPEECH))
    (spoken_end,) = spans(segments.flush(int(2.2 * 16_000), Cause.FINALIZE))
    assert (quiet_end.in_speech, spoken_end.in_speech) == (False, True)


def test_speech_goes_on_after_a_flush_in_its_middle() -> None:
    segments = Segments(300)
    segments.push(windows(2.0, SPEECH))
    segments.flush(32_000, Cause.FINALIZE)
    (span,) = spans(segments.push(talk((1.0, SPEECH), (1.0, QUIET))))
    assert span.start == 32_000
    assert span.speech is not None
    assert span.speech.start == 32_000


def test_an_end_told_by_the_caller_is_not_told_again() -> None:
    segments = Segments(300)
    segments.push(talk((2.0, SPEECH), (0.2, QUIET)))
    segments.flush(int(2.2 * 16_000), Cause.FINALIZE)
    assert spans(segments.push(windows(2.0, QUIET))) == []


def test_the_lead_in_of_the_next_phrase_may_lie_before_its_span_but_not_in_the_last_speech() -> None:
    segments = Segments(300)
    first, second = spans(segments.push(talk((1.0, SPEECH), (0.35, QUIET), (1.0, SPEECH), (0.5, QUIET))))
    assert first.speech is not None
    assert second.speech is not None
    assert first.speech.end <= second.speech.start < second.start + WINDOW


def drafts(segments: Segments, heard: list[Heard]) -> list[Draft]:
    """What is read along when every window is asked about."""
    found = []
    for window in heard:
        segments.push([window])
        if draft := segments.draft():
            found.append(draft)
    return found


def test_it_is_read_along_ever_more_seldom() -> None:
    ends = [seconds(draft.speech.end) for draft in drafts(Segments(300), windows(8.0, SPEECH))]
    assert ends[0] < 0.6
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    assert min(gaps) >= 0.5
    assert gaps[-1] > 0.7
    assert gaps == sorted(gaps) or max(gaps) < 1.1


def test_a_reader_that_is_behind_reads_more_seldom() -> None:
    segments = Segments(300)
    ends = []
    for window in windows(8.0, SPEECH):
        segments.push([window])
        if draft := segments.draft(pause=2 * 16_000):
            ends.append(seconds(draft.speech.end))
    assert ends[0] < 0.6, "the first one is not held back"
    assert all(later - earlier >= 2.0 for earlier, later in pairwise(ends))


def test_a_reader_that_is_behind_does_not_read_ahead() -> None:
    segments = Segments(1000)
    segments.push(windows(1.2, SPEECH))
    assert segments.draft()
    segments.push(windows(0.9, QUIET))
    assert segments.draft(ahead=False) is None
    found = segments.draft()
    assert found is not None
    assert found.whole


def test_when_it_falls_quiet_it_is_read_once_and_whole() -> None:
    segments = Segments(1000)
    found = drafts(segments, talk((1.2, SPEECH), (0.9, QUIET)))
    assert [draft.whole for draft in found].count(True) == 1
    assert found[-1].whole
    (span,) = spans(segments.push(windows(0.3, QUIET)))
    assert span.speech == found[-1].speech


def test_silence_and_noise_are_not_read() -> None:
    assert drafts(Segments(300), talk((2.0, QUIET), (1.0, (0.6, 0.1)), (1.0, QUIET))) == []


ANYTHING = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 600), st.sampled_from([SPEECH, QUIET, DIP, (0.6, 0.1), (0.4, 0.02)])),
        st.sampled_from([Cause.FINALIZE, Cause.FINALIZE]),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(ANYTHING, st.sampled_from([None, 10, 300, 3000]), st.integers(0, 511))
def test_spans_follow_one_another_and_nothing_is_recognised_twice(
    parts: list[tuple[int, Heard] | Cause], endpointing: int | None, rest: int
) -> None:
    segments = Segments(endpointing)
    now = 0
    closed: list[tuple[int, int, Stretch | None]] = []

    def follow(steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Span):
                closed.append((step.start, step.end, step.speech))
            elif isinstance(step, Overlong):
                start, end = seconds(step.speech.start), seconds(step.speech.end)
                split, more = segments.cut(words(start, end))
                closed.append((split.start, split.end, Stretch(step.speech.start, split.end)))
                follow(more)

    for part in parts:
        if isinstance(part, Cause):
            follow(segments.flush(now * WINDOW + rest, part))
            now += rest > 0
            segments.push([QUIET] if rest else [])
        else:
            count, kind = part
            now += count
            follow(segments.push([kind] * count))
    follow(segments.flush(now * WINDOW, Cause.END))
    assert [start for start, _, _ in closed] == [0, *(end for _, end, _ in closed[:-1])]
    assert closed[-1][1] == now * WINDOW
    speech = [stretch for _, _, stretch in closed if stretch is not None]
    assert all(0 < stretch.end - stretch.start < 30 * 16_000 for stretch in speech)
    assert all(one.end <= other.start for one, other in pairwise(speech))
    assert all(end - start <= 21 * 16_000 for start, end, _ in closed)
