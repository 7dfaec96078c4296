"""What is recognised of a live channel, and when: decisions on stream time."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.listen.recognition_events import Cause
from ringback.listen.turn_confidence import HesitationPauses, TurnPauses, TurnThresholds
from ringback.streaming.segmenter import Segmenter, VadWindow
from ringback.streaming.segmenter_steps import (
    FinalSpan,
    OverlongSpeech,
    PartialSpan,
    PauseToJudge,
    ProcessedUntil,
    SampleRange,
    SpeechOnset,
    Step,
)
from ringback.transcript import Word

WINDOW = 512
PER_SECOND = 16_000 / WINDOW
SPEECH, QUIET, DIP = (0.95, 0.1), (0.02, 0.001), (0.02, 0.01)


def windows(seconds: float, kind: VadWindow) -> list[VadWindow]:
    return [kind] * round(seconds * PER_SECOND)


def talk(*parts: tuple[float, VadWindow]) -> list[VadWindow]:
    return [window for seconds, kind in parts for window in windows(seconds, kind)]


def seconds(samples: int) -> float:
    return samples / 16_000


def news(steps: list[Step]) -> list[Step]:
    """All but how far the windows were taken."""
    return [step for step in steps if not isinstance(step, ProcessedUntil)]


def spans(steps: list[Step]) -> list[FinalSpan]:
    return [step for step in steps if isinstance(step, FinalSpan)]


def words(first: float, last: float, each: float = 0.5) -> list[Word]:
    count = int((last - first) / each)
    return [Word("word", first + i * each, first + (i + 1) * each, 1.0) for i in range(count)]


def test_a_pause_ends_a_span() -> None:
    segments = Segmenter(300)
    steps = news(segments.push_windows(talk((1.0, QUIET), (2.0, SPEECH), (1.0, QUIET))))
    began, span = steps
    assert isinstance(began, SpeechOnset)
    assert isinstance(span, FinalSpan)
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
    (span,) = spans(Segmenter(endpointing).push_windows(talk((2.0, SPEECH), (2.0, QUIET))))
    assert span.cause is Cause.ENDPOINT
    assert seconds(span.end) == pytest.approx(at, abs=0.07)


def test_a_short_pause_is_part_of_a_phrase() -> None:
    segments = Segmenter(10)
    assert spans(segments.push_windows(talk((1.0, SPEECH), (0.2, QUIET), (1.0, SPEECH)))) == []
    (span,) = spans(segments.push_windows(windows(0.4, QUIET)))
    assert span.speech is not None
    assert seconds(span.speech.end - span.speech.start) > 2.2


def test_who_waits_long_for_an_end_gets_the_words_before_it() -> None:
    steps = spans(Segmenter(5000).push_windows(talk((2.0, SPEECH), (6.0, QUIET))))
    assert [(step.cause, step.speech is not None) for step in steps] == [
        (Cause.LENGTH, True),
        (Cause.ENDPOINT, False),
    ]


def test_without_endpointing_silence_is_never_told_as_an_end() -> None:
    steps = spans(
        Segmenter(None).push_windows(talk((2.0, SPEECH), (3.0, QUIET), (2.0, SPEECH), (20.0, QUIET)))
    )
    assert {step.cause for step in steps} == {Cause.LENGTH, Cause.SILENCE}
    assert sum(step.speech is not None for step in steps) == 2


def test_silence_moves_on_without_words() -> None:
    steps = news(Segmenter(300).push_windows(windows(60.0, QUIET)))
    assert 8 <= len(steps) <= 13
    assert all(
        isinstance(step, FinalSpan) and step.cause is Cause.SILENCE and not step.speech for step in steps
    )


def test_a_noise_that_is_not_surely_speech_is_none() -> None:
    steps = Segmenter(300).push_windows(talk((1.0, QUIET), (0.5, (0.6, 0.1)), (1.0, QUIET)))
    assert [(span.cause, span.speech) for span in spans(steps)] == [(Cause.SILENCE, None)]
    assert not [step for step in steps if isinstance(step, SpeechOnset)]


def test_a_long_span_ends_in_any_pause() -> None:
    segments = Segmenter(500)
    (span,) = spans(segments.push_windows(talk((9.0, SPEECH), (0.2, QUIET), (1.0, SPEECH))))
    assert span.cause is Cause.LENGTH
    assert 9.0 < seconds(span.end) < 9.2
    draft = segments.next_partial()
    assert draft is not None
    assert span.end <= draft.speech.start


def test_a_span_that_grows_too_long_is_cut_in_the_longest_pause_behind() -> None:
    parts = [(6.0, SPEECH), (0.1, DIP), (1.0, SPEECH), (0.22, DIP), (0.5, SPEECH), (0.1, DIP), (7.0, SPEECH)]
    (span,) = spans(Segmenter(300).push_windows(talk(*parts)))
    assert span.cause is Cause.LENGTH
    assert 7.1 < seconds(span.end) < 7.35


def test_who_never_pauses_is_cut_between_two_words() -> None:
    segments = Segmenter(300)
    steps = news(segments.push_windows(talk((15.0, SPEECH), (1.0, QUIET))))
    overlong = steps[-1]
    assert isinstance(overlong, OverlongSpeech)
    assert spans(steps) == []
    said = words(seconds(overlong.speech.start), seconds(overlong.speech.end))
    split, more = segments.split_at_words(said)
    assert split.words == tuple(said[: len(split.words)])
    assert any(abs(seconds(split.end) - word.end) < 0.1 for word in said)
    (rest,) = spans(more)
    assert rest.start == split.end
    assert rest.speech is not None
    assert rest.speech.start == split.end
    assert rest.cause is Cause.ENDPOINT


def test_without_words_the_cut_is_where_it_is_quietest() -> None:
    segments = Segmenter(300)
    segments.push_windows(talk((10.0, SPEECH), (0.032, (0.6, 0.05)), (6.0, SPEECH)))
    split, _ = segments.split_at_words([])
    assert split.words == ()
    assert seconds(split.end) == pytest.approx(10.0, abs=0.1)


def test_what_comes_while_the_words_are_looked_for_is_not_lost() -> None:
    segments = Segmenter(300)
    steps = news(segments.push_windows(windows(15.0, SPEECH)))
    assert isinstance(steps[-1], OverlongSpeech)
    assert segments.push_windows(talk((1.0, SPEECH), (1.0, QUIET))) == []
    assert segments.flush_at(17 * 16_000, Cause.FINALIZE) == []
    split, more = segments.split_at_words([])
    ends = [split.end, *(span.end for span in spans(more))]
    assert ends == sorted(ends)
    assert ends[-1] == 17 * 16_000
    assert [span.cause for span in spans(more)] == [Cause.ENDPOINT, Cause.FINALIZE]


def test_a_flush_closes_what_is_open() -> None:
    segments = Segmenter(300)
    segments.push_windows(talk((1.0, QUIET), (1.0, SPEECH)))
    (span,) = segments.flush_at(2 * 16_000, Cause.FINALIZE)
    assert isinstance(span, FinalSpan)
    assert (span.start, span.end, span.cause) == (0, 32_000, Cause.FINALIZE)
    assert span.speech is not None
    assert span.speech.end == 32_000
    (again,) = segments.flush_at(2 * 16_000, Cause.FINALIZE)
    assert again == FinalSpan(32_000, 32_000, None, Cause.FINALIZE, in_speech=True)


def test_a_span_tells_whether_somebody_spoke_at_its_end() -> None:
    segments = Segmenter(300)
    segments.push_windows(talk((1.0, SPEECH), (0.2, QUIET)))
    (quiet_end,) = spans(segments.flush_at(int(1.2 * 16_000), Cause.FINALIZE))
    segments.push_windows(windows(1.0, SPEECH))
    (spoken_end,) = spans(segments.flush_at(int(2.2 * 16_000), Cause.FINALIZE))
    assert (quiet_end.in_speech, spoken_end.in_speech) == (False, True)


def test_speech_goes_on_after_a_flush_in_its_middle() -> None:
    segments = Segmenter(300)
    segments.push_windows(windows(2.0, SPEECH))
    segments.flush_at(32_000, Cause.FINALIZE)
    (span,) = spans(segments.push_windows(talk((1.0, SPEECH), (1.0, QUIET))))
    assert span.start == 32_000
    assert span.speech is not None
    assert span.speech.start == 32_000


def test_an_end_told_by_the_caller_is_not_told_again() -> None:
    segments = Segmenter(300)
    segments.push_windows(talk((2.0, SPEECH), (0.2, QUIET)))
    segments.flush_at(int(2.2 * 16_000), Cause.FINALIZE)
    assert spans(segments.push_windows(windows(2.0, QUIET))) == []


def test_the_lead_in_of_the_next_phrase_may_lie_before_its_span_but_not_in_the_last_speech() -> None:
    segments = Segmenter(300)
    first, second = spans(
        segments.push_windows(talk((1.0, SPEECH), (0.35, QUIET), (1.0, SPEECH), (0.5, QUIET)))
    )
    assert first.speech is not None
    assert second.speech is not None
    assert first.speech.end <= second.speech.start < second.start + WINDOW


def drafts(segments: Segmenter, recognised: list[VadWindow]) -> list[PartialSpan]:
    """What is read along when every window is asked about."""
    found = []
    for window in recognised:
        segments.push_windows([window])
        if draft := segments.next_partial():
            found.append(draft)
    return found


def test_it_is_read_along_ever_more_seldom() -> None:
    ends = [seconds(draft.speech.end) for draft in drafts(Segmenter(300), windows(8.0, SPEECH))]
    assert ends[0] < 0.6
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    assert min(gaps) >= 0.5
    assert gaps[-1] > 0.7
    assert gaps == sorted(gaps) or max(gaps) < 1.1


def test_a_reader_that_is_behind_reads_more_seldom() -> None:
    segments = Segmenter(300)
    ends = []
    for window in windows(8.0, SPEECH):
        segments.push_windows([window])
        if draft := segments.next_partial(pause=2 * 16_000):
            ends.append(seconds(draft.speech.end))
    assert ends[0] < 0.6, "the first one is not held back"
    assert all(later - earlier >= 2.0 for earlier, later in pairwise(ends))


def test_a_reader_that_is_behind_does_not_read_ahead() -> None:
    segments = Segmenter(1000)
    segments.push_windows(windows(1.2, SPEECH))
    assert segments.next_partial()
    segments.push_windows(windows(0.9, QUIET))
    assert segments.next_partial(ahead=False) is None
    found = segments.next_partial()
    assert found is not None
    assert found.complete


def test_when_it_falls_quiet_it_is_read_once_and_whole() -> None:
    segments = Segmenter(1000)
    found = drafts(segments, talk((1.2, SPEECH), (0.9, QUIET)))
    assert [draft.complete for draft in found].count(True) == 1
    assert found[-1].complete
    (span,) = spans(segments.push_windows(windows(0.3, QUIET)))
    assert span.speech == found[-1].speech


def test_silence_and_noise_are_not_read() -> None:
    assert drafts(Segmenter(300), talk((2.0, QUIET), (1.0, (0.6, 0.1)), (1.0, QUIET))) == []


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
    parts: list[tuple[int, VadWindow] | Cause], endpointing: int | None, rest: int
) -> None:
    segments = Segmenter(endpointing)
    now = 0
    closed: list[tuple[int, int, SampleRange | None]] = []

    def follow(steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, FinalSpan):
                closed.append((step.start, step.end, step.speech))
            elif isinstance(step, OverlongSpeech):
                start, end = seconds(step.speech.start), seconds(step.speech.end)
                split, more = segments.split_at_words(words(start, end))
                closed.append((split.start, split.end, SampleRange(step.speech.start, split.end)))
                follow(more)

    for part in parts:
        if isinstance(part, Cause):
            follow(segments.flush_at(now * WINDOW + rest, part))
            now += rest > 0
            segments.push_windows([QUIET] if rest else [])
        else:
            count, kind = part
            now += count
            follow(segments.push_windows([kind] * count))
    follow(segments.flush_at(now * WINDOW, Cause.END))
    assert [start for start, _, _ in closed] == [0, *(end for _, end, _ in closed[:-1])]
    assert closed[-1][1] == now * WINDOW
    speech = [stretch for _, _, stretch in closed if stretch is not None]
    assert all(0 < stretch.end - stretch.start < 30 * 16_000 for stretch in speech)
    assert all(one.end <= other.start for one, other in pairwise(speech))
    assert all(end - start <= 21 * 16_000 for start, end, _ in closed)


def test_no_endpointing_ends_a_span_before_three_tenths_of_a_second_of_silence() -> None:
    """Shorter silences are between syllables; the default of 10 ms would cut there."""
    speech = [SPEECH] * 40
    for silence in range(1, 9):
        segments = Segmenter(10)
        assert not spans(segments.push_windows([*speech, *[QUIET] * silence, SPEECH]))
    segments = Segmenter(10)
    assert not spans(segments.push_windows([*speech, *[QUIET] * 8]))
    (span,) = spans(segments.push_windows([QUIET]))
    assert (span.cause, span.end) == (Cause.ENDPOINT, 49 * WINDOW)


def judged(
    segments: Segmenter, audio: list[VadWindow], *verdicts: float
) -> tuple[list[FinalSpan], list[PauseToJudge]]:
    """Spans and pauses, where the model says this of one pause after the other."""
    found: list[FinalSpan] = []
    pauses: list[PauseToJudge] = []
    steps = segments.push_windows(audio)
    while steps:
        found += spans(steps)
        judgements = [step for step in steps if isinstance(step, PauseToJudge)]
        pauses += judgements
        steps = segments.judge_pause(verdicts[len(pauses) - 1]) if judgements else []
    return found, pauses


@pytest.mark.parametrize(("completeness", "silence"), [(0.9, 0.4), (0.0, 1.2), (0.25, 0.8)])
def test_the_verdict_says_which_silence_ends_a_turn(completeness: float, silence: float) -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds()))
    found, (pause,) = judged(segments, talk((1.0, QUIET), (2.0, SPEECH), (1.9, QUIET)), completeness)
    (span,) = found
    assert span.cause is Cause.ENDPOINT
    assert seconds(span.end - pause.quiet_since) == pytest.approx(silence, abs=0.033)
    assert seconds(span.end - pause.quiet_since) >= silence - 0.005
    assert seconds(pause.turn.start) == pytest.approx(0.9, abs=0.04)
    assert seconds(pause.turn.end - pause.quiet_since) == pytest.approx(0.192, abs=0.001)


def test_an_eager_end_comes_first_and_has_the_words() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds(0.9, 0.5)))
    (eager, end), _ = judged(segments, talk((2.0, SPEECH), (1.9, QUIET)), 0.9)
    assert (eager.cause, end.cause) == (Cause.EAGER, Cause.ENDPOINT)
    assert eager.speech is not None
    assert end.speech is None
    assert eager.end == end.start
    assert seconds(end.end - eager.end) == pytest.approx(0.76 - 0.23, abs=0.04)


def test_speech_behind_an_eager_end_is_a_span_of_its_own() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds(0.9, 0.5)))
    audio = talk((2.0, SPEECH), (0.4, QUIET), (1.0, SPEECH), (1.9, QUIET))
    found, pauses = judged(segments, audio, 0.9, 0.9)
    assert [span.cause for span in found] == [Cause.EAGER, Cause.EAGER, Cause.ENDPOINT]
    # The whole turn is audio at its second pause, too.
    assert pauses[1].turn.start == pauses[0].turn.start == 0


def test_the_model_hears_eight_seconds_at_most_and_one_turn() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds()))
    audio = talk((9.0, SPEECH), (1.9, QUIET), (1.0, SPEECH), (1.9, QUIET))
    _, (long, short) = judged(segments, audio, 0.9, 0.9)
    assert seconds(long.turn.end - long.turn.start) == 8.0
    assert seconds(short.turn.end - short.turn.start) < 1.5


def test_where_the_model_makes_no_difference_it_is_not_asked() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds(1.0, eot_timeout_ms=700)))
    (span,), pauses = judged(segments, talk((2.0, SPEECH), (1.5, QUIET)))
    assert (span.cause, pauses) == (Cause.ENDPOINT, [])


def test_a_noise_is_not_judged() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds()))
    _, pauses = judged(segments, talk((1.0, (0.6, 0.1)), (1.5, QUIET)))
    assert pauses == []


def test_a_timeout_may_be_longer_than_a_span_stays_open() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds(1.0, eot_timeout_ms=6000)))
    found, _ = judged(segments, talk((2.0, SPEECH), (7.0, QUIET)))
    assert [span.cause for span in found] == [Cause.LENGTH, Cause.ENDPOINT]
    assert seconds(found[-1].end) == pytest.approx(8.0, abs=0.1)


def test_a_rule_holds_from_the_next_pause_on() -> None:
    segments = Segmenter(None, TurnPauses(TurnThresholds()))
    judged(segments, talk((2.0, SPEECH), (1.9, QUIET)), 0.9)
    segments.use_rule(TurnPauses(TurnThresholds(0.9)))
    (span,), (pause,) = judged(segments, talk((2.0, SPEECH), (1.9, QUIET)), 0.9)
    assert seconds(span.end - pause.quiet_since) == pytest.approx(0.77, abs=0.033)


@pytest.mark.parametrize(("completeness", "silence"), [(0.5, 0.32), (0.05, 1.2)])
def test_a_hesitation_holds_an_endpoint_back(completeness: float, silence: float) -> None:
    segments = Segmenter(300, HesitationPauses(300))
    (span,), (pause,) = judged(segments, talk((2.0, SPEECH), (1.9, QUIET)), completeness)
    assert seconds(span.end - pause.quiet_since) == pytest.approx(silence, abs=0.033)


def test_what_waits_for_a_verdict_is_not_lost() -> None:
    """Nor does it matter whether the windows come one by one or together."""
    audio = talk((1.0, SPEECH), (0.5, QUIET), (1.0, SPEECH), (1.5, QUIET))
    together = judged(Segmenter(None, TurnPauses(TurnThresholds())), audio, 0.1, 0.9)
    segments = Segmenter(None, TurnPauses(TurnThresholds()))
    found: list[FinalSpan] = []
    pauses: list[PauseToJudge] = []
    for window in audio:
        some, judgements = judged(segments, [window], *([0.1, 0.9][len(pauses) :]))
        found += some
        pauses += judgements
    assert (found, pauses) == together


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_it_is_reported_how_far_the_windows_were_taken(at_once: int) -> None:
    """At least every 256 ms of audio, however many windows come at once; what is deferred, only then."""
    segments = Segmenter(300)
    audio = talk((1.0, QUIET), (15.0, SPEECH), (1.0, QUIET))
    steps = [
        step
        for first in range(0, len(audio), at_once)
        for step in segments.push_windows(audio[first : first + at_once])
    ]
    overlong = next(step for step in steps if isinstance(step, OverlongSpeech))
    before = [step for step in steps if isinstance(step, ProcessedUntil)]
    assert before[-1].at == segments.processed_until
    assert overlong.speech.end - 8 * WINDOW <= before[-1].at < len(audio) * WINDOW
    _, more = segments.split_at_words([])
    every = [*before, *(step for step in more if isinstance(step, ProcessedUntil))]
    assert every[-1] == ProcessedUntil(len(audio) * WINDOW, segments.quiet_since)
    assert all(0 < after.at - one.at <= 8 * WINDOW for one, after in pairwise(every))
    (end,) = [index for index, step in enumerate(more) if isinstance(step, FinalSpan)]
    assert all(step.at < spans(more)[0].end for step in more[:end] if isinstance(step, ProcessedUntil))
