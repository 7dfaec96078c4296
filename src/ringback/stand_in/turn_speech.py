"""A recogniser of turn-based streams that hears nothing: sayings, and the pauses between them, as audio
passes. Without I/O.

A saying ends its turn when the silence behind it is as long as the thresholds ask, for its `completeness`.
One that begins before that goes on with the turn, after a TurnResumed if its end was announced.
"""

from collections.abc import Iterator, Sequence

from msgspec import structs

from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    PauseJudged,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.listen.turn_confidence import PauseEndpoints, TurnPauses, TurnThresholds
from ringback.stand_in.live_speech import bytes_per_second
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.speech import timed, words_of
from ringback.transcript import Word

STEP_SECONDS = 0.08
"""Time moves on in such steps, however the audio is cut: what Flux asks its callers to send at a time."""


class TurnsOfWords:
    """Words as they are: the script has them in the form in which they are sent."""

    def write(self, words: Sequence[Word], *, settled: bool) -> tuple[Word, ...]:
        return tuple(words)

    def switch_numerals(self, on: bool) -> None:
        """The script says what is heard."""

    def switch_profanity_filter(self, on: bool) -> None:
        """The script says what is heard."""


class ScriptedTurns:
    """One stream. Each method returns the events that follow."""

    def __init__(self, rule: Rule, options: ListenOptions) -> None:
        self._options = structs.replace(options, punctuate=True)  # turns always are
        self._pauses = TurnPauses(options.thresholds or TurnThresholds())
        self._bytes_per_second = bytes_per_second(options) or rule.bytes_per_second
        self._pending = timed(rule.sayings)
        self._open: list[Saying] = []
        """Of the turn: those that have begun since its start."""
        self._opened = False
        self._audio_bytes = 0
        self._steps = 0
        self._until = 0.0
        """End of the last final."""
        self._words = 0
        """Of the open sayings, that were reported."""
        self._judged = self._announced = False
        """Whether this pause was."""

    def use_thresholds(self, thresholds: TurnThresholds) -> None:
        """From now on."""
        self._pauses = TurnPauses(thresholds)

    def feed(self, data: bytes) -> list[RecognitionEvent]:
        events: list[RecognitionEvent] = [] if self._opened else [AudioOpened(1)]
        self._opened = True
        self._audio_bytes += len(data)
        while (self._steps + 1) * STEP_SECONDS <= self._audio_bytes / self._bytes_per_second:
            self._steps += 1
            events += self._advance(round(self._steps * STEP_SECONDS, 3))
        return events

    def flush(self, channel: int | None) -> list[RecognitionEvent]:
        """What has begun is said to its end."""
        return [self._final(self._reached, Cause.FINALIZE)] if self._opened else []

    def end(self) -> list[RecognitionEvent]:
        """All the rest is said."""
        self._open += self._pending
        self._pending = []
        end = max(self._reached, self._until, *(saying.end or 0.0 for saying in self._open))
        return [self._final(end, Cause.END), RecognitionFinished(1, end)]

    @property
    def _reached(self) -> float:
        return round(self._steps * STEP_SECONDS, 3)

    def _advance(self, now: float) -> Iterator[RecognitionEvent]:
        while self._pending and (self._pending[0].start or 0.0) < now:
            saying = self._pending.pop(0)
            self._open.append(saying)
            self._judged = self._announced = False
            yield SpeechStarted(0, saying.start or 0.0)
        quiet_since = self._open[-1].end or 0.0 if self._open else self._until
        words = [word for word in self._spoken() if word.end <= now]
        if len(words) > self._words:
            self._words = len(words)
            yield RecognitionResult(0, self._until, now, tuple(words), final=False, cause=Cause.UPDATE)
        if quiet_since > now:
            yield VadProgress(0, now, None)
            return
        yield VadProgress(0, now, quiet_since)
        if self._open:
            yield from self._judge_pause(self._open[-1], quiet_since, now)

    def _judge_pause(self, saying: Saying, quiet_since: float, now: float) -> Iterator[RecognitionEvent]:
        if not self._judged:
            self._judged = True
            yield PauseJudged(0, quiet_since, saying.completeness)
        silence, endpoints = now - quiet_since, self._pauses.endpoints(saying.completeness)
        if endpoints.end is not None and silence >= endpoints.end:
            yield self._final(now, Cause.ENDPOINT)
        elif not self._announced and _reaches(silence, endpoints):
            self._announced = True
            words = tuple(self._spoken())
            yield RecognitionResult(0, self._until, now, words, final=False, cause=Cause.EAGER)

    def _final(self, end: float, cause: Cause) -> RecognitionResult:
        words, start = tuple(self._spoken()), self._until
        self._until = max(start, end)
        self._open, self._words = [], 0
        self._judged = self._announced = False
        return RecognitionResult(0, start, self._until, words, final=True, cause=cause)

    def _spoken(self) -> Iterator[Word]:
        """The words of the open sayings."""
        for saying in self._open:
            yield from words_of(saying, self._options)


def _reaches(silence: float, endpoints: PauseEndpoints) -> bool:
    """Whether the end may be announced."""
    return endpoints.eager is not None and silence >= endpoints.eager
