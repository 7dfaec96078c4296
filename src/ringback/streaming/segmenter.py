"""Cuts one live channel into spans, and says what to recognise in each and when. Pure, on stream time.

In: VAD windows of 32 ms. Out: final spans without a gap between them, each with the range of samples to
recognise; how far the windows have been taken; and, in between, how far the open span can be recognised
already (`next_partial`).

| state | what happens | next state | step |
|---|---|---|---|
| silence | speech begins | unconfirmed span | |
| silence | quiet for `endpointing` since speech whose end was not reported | silence | final, `ENDPOINT` |
| silence | 5 s since the last span | silence | final, `SILENCE` |
| unconfirmed span | a window that is surely speech | span | onset, if the last end was reported |
| any span | quiet for `endpointing`, at least 0.3 s | silence | final, `ENDPOINT` or `SILENCE` |
| span | quiet for 2 s | silence | final, `LENGTH` |
| span of 8 s | quiet for 0.13 s | silence | final, `LENGTH` |
| span of 14 s | it has a pause after its first third | span from that pause on | final, `LENGTH` |
| span of 14 s | it has none | splitting | overlong |
| splitting | windows, flushes | splitting, they are deferred | |
| splitting | `split_at_words` | span from a gap between words on; then the deferred input | split |
| all others | `flush_at` | silence; in speech: span from there on | final, with its cause |

With a `PauseRule` the turn model's verdict on each pause decides which silence ends it:

| state | what happens | next state | step |
|---|---|---|---|
| any, after speech | quiet for 0.19 s, and the rule asks the model | judging | pause to judge |
| judging | windows, flushes | judging, they are deferred | |
| judging | `judge_pause` | as before; then the deferred input | |
| any | quiet for the rule's `eager` | silence | final, `EAGER` |
| any | quiet for the rule's `end`, in place of `endpointing` | silence | final, `ENDPOINT` or `SILENCE` |

0.3 s, because the default `endpointing` of 10 ms would cut between syllables, and short pieces are recognised
badly. An unconfirmed span that ends has nothing to recognise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from ringback.audio.chunker import SURE, WINDOW
from ringback.audio.endpointing import Pause, SpeechTrack, Turn
from ringback.audio.samples import SAMPLE_RATE
from ringback.listen.recognition_events import Cause
from ringback.listen.turn_confidence import ASKED_AFTER, PauseEndpoints
from ringback.streaming.segmenter_steps import (
    FinalSpan,
    OverlongSpeech,
    PartialPace,
    PartialSpan,
    PauseToJudge,
    ProcessedUntil,
    SampleRange,
    SpeechOnset,
    SplitSpan,
    Step,
)
from ringback.transcript import Word


class PauseRule(Protocol):
    """What ends with a pause, by the turn model's verdict on it: `listen.turn_confidence` has two."""

    @property
    def asks_model(self) -> bool: ...

    def endpoints(self, completeness: float) -> PauseEndpoints:
        """`completeness`: 0 where the model is not asked."""
        ...


@dataclass(frozen=True, slots=True)
class FlushAt:
    """The open span is to end at this sample."""

    at: int
    cause: Cause


VadWindow = tuple[float, float]
"""(probability of speech, loudness) of a window; loudness only ranks windows."""


@dataclass(slots=True)
class _OpenSpan:
    """Speech since the last span; confirmed once a window was surely speech."""

    start: int
    """Window."""
    confirmed: bool = False
    pauses: list[Pause] = field(default_factory=list)


class Segmenter:
    """One channel. Takes windows in order; returns steps as soon as they are certain."""

    def __init__(self, endpointing: int | None, rule: PauseRule | None = None) -> None:
        """`endpointing`: milliseconds; None: silence never ends a span, but for the limits on its length.
        A `rule` takes its place."""
        self._rule = rule
        self._endpoint = None if endpointing is None else max(_windows(endpointing / 1000), _PHRASE)
        self._eager: int | None = None
        self._turn_from: int | None = None  # Window: where the speech since the last end began.
        self._track = SpeechTrack()
        self._reported_until = 0  # Window: of the last `ProcessedUntil`.
        self._span_start = 0  # Sample; where the last span ended.
        self._earliest = 0  # The first sample that may still be recognised.
        self._open: _OpenSpan | None = None
        self._end_due = False  # There was speech whose end was not reported yet.
        self._start_reported = False  # `SpeechOnset` was reported, and no end since.
        self._history: list[VadWindow] = []  # The windows since …
        self._history_from = 0  # … this one.
        self._partial_until = 0  # Sample: where the last partial of the open span ended.
        self._deferred: list[VadWindow | FlushAt] | None = None  # Input while splitting or judging.
        self._judging = False

    @property
    def span_start(self) -> int:
        """The first sample of the open span."""
        return self._span_start

    @property
    def processed_until(self) -> int:
        """The end of the last window that was taken, and not deferred: a sample."""
        return self._track.now * WINDOW

    @property
    def quiet_since(self) -> int | None:
        """The sample at which the silence began; None while there is speech."""
        quiet = self._track.quiet_since
        return None if quiet is None else quiet * WINDOW

    def push_windows(self, windows: Sequence[VadWindow]) -> list[Step]:
        """More windows."""
        return self._process(list(windows))

    def flush_at(self, at: int, cause: Cause) -> list[Step]:
        """Close the open span at sample `at`, at or after the last window's end."""
        return self._process([FlushAt(at, cause)])

    def use_rule(self, rule: PauseRule) -> None:
        """From the next pause on."""
        self._rule = rule

    def judge_pause(self, completeness: float) -> list[Step]:
        """The verdict on the pause that `PauseToJudge` named. Returns the steps of the deferred input."""
        assert self._deferred is not None
        self._expect_endpoints(completeness)
        self._judging = False
        deferred, self._deferred = self._deferred, None
        return self._process(deferred)

    def next_partial(
        self, *, pause: int = 0, ahead: bool = True, pace: PartialPace = PartialPace.DECODED_ANEW
    ) -> PartialSpan | None:
        """How far the open span can be recognised now, if that is worth the effort. The next call counts it
        as done.

        `pause`: the least number of samples between two partials, where that is more than usual.
        `ahead`: whether a pause in the speech alone makes it worth the effort.
        """
        splitting = self._deferred is not None and not self._judging
        if splitting or self._open is None or not self._open.confirmed:
            return None
        speech = self._speech_range(self._open.start, self._track.now * WINDOW)
        length, new_samples = speech.end - speech.start, speech.end - max(self._partial_until, speech.start)
        complete = self._track.silence >= _TAIL and new_samples > 0
        due = pace.first
        if self._partial_until > speech.start:
            due = max(pace.update, int(pace.growth * length), pause)
        if not (complete and ahead) and (new_samples < due or self._track.silence):
            return None
        self._partial_until = speech.end
        return PartialSpan(self._span_start, speech, complete)

    def split_at_words(self, words: Sequence[Word]) -> tuple[SplitSpan, list[Step]]:
        """Ends the splitting that `OverlongSpeech` began: cut between two of its words (with times of the
        stream). Returns the span before the cut, and the steps of the deferred input."""
        assert self._deferred is not None
        assert self._open is not None
        at = self._best_gap(words)
        before_cut = tuple(word for word in words if (word.start + word.end) / 2 < at * WINDOW / SAMPLE_RATE)
        split = SplitSpan(self._span_start, at * WINDOW, before_cut)
        self._begin_span(at * WINDOW, earliest=at * WINDOW)
        self._open = self._reopened(at, [])
        deferred, self._deferred = self._deferred, None
        return split, self._process(deferred)

    def _process(self, items: Sequence[VadWindow | FlushAt]) -> list[Step]:
        steps: list[Step] = []
        for i, item in enumerate(items):
            if self._deferred is not None:
                self._deferred += items[i:]
                break
            if isinstance(item, FlushAt):
                steps.append(self._close_span(item.at, item.cause))
                self._end_due = self._end_due and item.cause is not Cause.FINALIZE
            else:
                steps += self._push_window(item)
                if self._track.now - self._reported_until >= _WINDOWS_PER_PROGRESS:
                    steps.append(self._progress())
        if self._track.now > self._reported_until:
            steps.append(self._progress())
        return steps

    def _progress(self) -> ProcessedUntil:
        self._reported_until = self._track.now
        return ProcessedUntil(self.processed_until, self.quiet_since)

    def _push_window(self, window: VadWindow) -> list[Step]:
        at = self._track.now
        quiet_before = self._track.quiet_since
        self._history.append(window)
        turn = self._track.push(window[0])
        steps: list[Step] = []
        if turn is Turn.BEGAN:
            self._expect_endpoints(0.0)
            if self._open is None:
                self._open = _OpenSpan(at)
            elif quiet_before is not None:
                self._open.pauses.append(Pause(quiet_before, at))
        if self._open is not None and window[0] >= SURE:
            self._open.confirmed = self._end_due = True
            if self._turn_from is None:
                self._turn_from = self._open.start
            if not self._start_reported:
                self._start_reported = True
                steps.append(SpeechOnset(max(self._open.start * WINDOW, self._span_start)))
        return steps + self._due_steps()

    def _due_steps(self) -> list[Step]:
        now, silence = self._track.now, self._track.silence
        ended = self._endpoint is not None and silence >= self._endpoint
        if ended:
            self._start_reported = False
        elif self._end_due and (steps := self._in_pause(silence)):
            return steps
        if self._open is None:
            return self._in_silence(ended=ended)
        if ended:
            cause = Cause.ENDPOINT if self._end_due else Cause.SILENCE
            self._end_due = False
            return [self._close_span(now * WINDOW, cause)]
        if silence >= _LONG_PAUSE:
            return [self._close_span(now * WINDOW, Cause.LENGTH)]
        length = now - self._open.start
        if length >= _LONG and silence >= _SHORT_PAUSE:
            return [self._close_span(self._quietest(now - silence, now) * WINDOW, Cause.LENGTH)]
        return self._overlong() if length >= _LONGEST else []

    def _expect_endpoints(self, completeness: float) -> None:
        """Which silence of this pause ends what: later than now, as no window is looked at again."""
        if self._rule is None:
            return
        expected = self._rule.endpoints(completeness)
        earliest = self._track.silence + 1
        self._endpoint, self._eager = (
            None if seconds is None else max(_whole_windows(seconds), earliest)
            for seconds in (expected.end, expected.eager)
        )

    def _in_pause(self, silence: int) -> list[Step]:
        """What the rule has due after so many windows of it."""
        if silence == self._eager:
            return [self._close_span(self._track.now * WINDOW, Cause.EAGER)]
        asks = self._rule is not None and self._rule.asks_model
        return [self._pause_to_judge()] if asks and silence == _JUDGED_AFTER else []

    def _pause_to_judge(self) -> PauseToJudge:
        assert self._track.quiet_since is not None
        assert self._turn_from is not None
        self._deferred, self._judging = [], True
        first = max(0, self._turn_from - _BEFORE_TURN, self._track.now - _JUDGED)
        turn = SampleRange(first * WINDOW, self._track.now * WINDOW)
        return PauseToJudge(self._track.quiet_since * WINDOW, turn)

    def _in_silence(self, *, ended: bool) -> list[Step]:
        now = self._track.now
        if ended and self._end_due:
            self._end_due = False
            return [self._close_span(now * WINDOW, Cause.ENDPOINT)]
        if now * WINDOW - self._span_start >= _SILENT_SPAN and self._track.silence > _LEAD:
            return [self._close_span((now - _LEAD) * WINDOW, Cause.SILENCE)]
        return []

    def _close_span(self, at: int, cause: Cause) -> FinalSpan:
        """End the open span at sample `at`."""
        if cause in {Cause.ENDPOINT, Cause.FINALIZE}:
            self._turn_from = None
        was_open, self._open = self._open, None
        speech = None
        if was_open is not None and was_open.confirmed:
            speech = self._speech_range(was_open.start, at)
        span = FinalSpan(self._span_start, at, speech, cause, in_speech=self._track.quiet_since is None)
        earliest = at if cause is Cause.LENGTH or self._track.quiet_since is None else self._after_speech(at)
        self._begin_span(at, earliest)
        if self._track.quiet_since is None:
            # The caller has flushed in the middle of speech.
            self._open = self._reopened(at // WINDOW, [])
        return span

    def _after_speech(self, at: int) -> int:
        """Where the next range may begin: the silence before `at` may be its lead-in."""
        assert self._track.quiet_since is not None
        return min(at, max(self._earliest, (self._track.quiet_since + _TAIL) * WINDOW))

    def _begin_span(self, at: int, earliest: int) -> None:
        self._span_start, self._earliest = at, earliest
        self._partial_until = 0
        first = max(self._history_from, at // WINDOW)
        del self._history[: first - self._history_from]
        self._history_from = first

    def _reopened(self, start: int, pauses: list[Pause]) -> _OpenSpan:
        history = self._history[start - self._history_from :]
        return _OpenSpan(start, any(probability >= SURE for probability, _ in history), pauses)

    def _speech_range(self, start: int, end: int) -> SampleRange:
        """From a little before window `start` to a little after the speech, and not beyond sample `end`."""
        quiet = self._track.quiet_since
        last = end if quiet is None else min(end, (quiet + _TAIL) * WINDOW)
        return SampleRange(max(self._earliest, (start - _LEAD) * WINDOW), last)

    def _overlong(self) -> list[Step]:
        """The span has its full length: cut it at the best pause after its first third, else between
        words."""
        assert self._open is not None
        now, start = self._track.now, self._open.start
        late = [pause for pause in self._open.pauses if pause.start >= start + (now - start) // 3]
        if not late:
            self._deferred = []
            return [OverlongSpeech(self._speech_range(start, now * WINDOW))]
        best = max(late, key=lambda pause: (pause.end - pause.start, pause.start))
        at = self._quietest(best.start, best.end)
        end = min(at * WINDOW, (best.start + _TAIL) * WINDOW)
        speech = (
            SampleRange(max(self._earliest, (start - _LEAD) * WINDOW), end) if self._open.confirmed else None
        )
        span = FinalSpan(self._span_start, at * WINDOW, speech, Cause.LENGTH)
        pauses = [pause for pause in self._open.pauses if pause.start >= best.end]
        self._begin_span(at * WINDOW, earliest=at * WINDOW)
        self._open = self._reopened(best.end, pauses)
        return [span]

    def _best_gap(self, words: Sequence[Word]) -> int:
        """The window between two words where a cut costs least; without words, by the VAD alone."""
        assert self._open is not None
        now, start = self._track.now, self._open.start
        first, last = start + (now - start) // 2, now - _CONTEXT
        gaps = [_windows((one.end + other.start) / 2) for one, other in pairwise(words)]
        inside = [gap for gap in gaps if first <= gap < last]
        near = {at for gap in inside for at in range(gap - 2, gap + 3)} or set(range(first, last))
        return min(sorted(near, reverse=True), key=self._cut_cost)

    def _quietest(self, first: int, last: int) -> int:
        return min(range(first, last), key=lambda at: (self._cut_cost(at), abs(2 * at - first - last)))

    def _cut_cost(self, at: int) -> tuple[float, float]:
        i = at - self._history_from
        around = self._history[max(0, i - 1) : i + 2]
        return round(sum(p for p, _ in around), 1), sum(loudness for _, loudness in around)


def _windows(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / WINDOW)


def _whole_windows(seconds: float) -> int:
    """As many windows as hold so much silence."""
    return math.ceil(seconds * SAMPLE_RATE / WINDOW - 1e-9)


_WINDOWS_PER_PROGRESS = 8
"""256 ms, after which there is a `ProcessedUntil`."""
_JUDGED_AFTER = _windows(ASKED_AFTER)
_JUDGED = _windows(8.0)
"""What the turn model hears at most."""
_BEFORE_TURN = _windows(0.1)
LEAST_ENDPOINTING = 300
"""Milliseconds: the shortest silence that ends a span."""
_PHRASE = _windows(LEAST_ENDPOINTING / 1000)
"""The shortest silence that ends a span, however short `endpointing` is."""
_SHORT_PAUSE = _windows(0.13)
_LONG_PAUSE = _windows(2.0)
"""The longest silence for which a span stays open, however long `endpointing` is."""
_LONG, _LONGEST = _windows(8.0), _windows(14.0)
"""From the first length on any short pause ends the span; at the second it is cut."""
_SILENT_SPAN = 5 * SAMPLE_RATE
_LEAD = _windows(0.25)
_TAIL = _windows(0.16)
"""Silence kept before and after speech: it may hold a breath or a plosive; more of it misleads Whisper."""
_CONTEXT = _windows(1.0)
"""No cut in the last second: the last words of an unfinished sentence are often wrong."""
