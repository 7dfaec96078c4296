"""A live recogniser that hears nothing: sayings come as audio passes, by its length alone. Without I/O.

Events come in the order that `listen.recognition_events` demands. What has not been said when the stream ends
is said then, so that a short clip gives the whole script.
"""

from collections.abc import Iterator, Sequence

from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.stand_in.script import Rule, Saying
from ringback.stand_in.speech import channels_of, timed, words_of

SAMPLE_BYTES = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Of the encodings whose bytes tell the time."""


class ScriptedSpeech:
    """One stream. Each method returns the events that follow."""

    def __init__(self, rule: Rule, options: ListenOptions) -> None:
        self._options = options
        sayings = timed(rule.sayings)
        channels = channels_of(sayings, options)
        if options.multichannel and options.channels is not None:
            channels = max(channels, options.channels)
        self._channels = [
            _ScriptedChannel(
                number,
                [each for each in sayings if not options.multichannel or each.channel == number],
                options,
            )
            for number in range(channels)
        ]
        self._bytes_per_second = bytes_per_second(options) or rule.bytes_per_second
        self._seconds = 0.0
        self._opened = False

    def feed(self, data: bytes) -> list[RecognitionEvent]:
        self._seconds += len(data) / self._bytes_per_second
        events: list[RecognitionEvent] = []
        if not self._opened:
            self._opened = True
            events.append(AudioOpened(len(self._channels)))
        for channel in self._channels:
            events += channel.hear(self._seconds)
        return events

    def flush(self, channel: int | None) -> list[RecognitionEvent]:
        """What is being said is said to its end."""
        flushed = self._channels if channel is None else self._channels[channel : channel + 1]
        return [each.flush(self._seconds) for each in flushed] if self._opened else []

    def end(self) -> list[RecognitionEvent]:
        """All the rest is said."""
        events: list[RecognitionEvent] = [event for each in self._channels for event in each.end()]
        duration = max(self._seconds, *(each.until for each in self._channels))
        return [*events, RecognitionFinished(len(self._channels), duration)]


class _ScriptedChannel:
    """What is still to be said on one channel."""

    def __init__(self, number: int, sayings: Sequence[Saying], options: ListenOptions) -> None:
        self.until = 0.0
        """End of the last final, in seconds."""
        self._number = number
        self._pending = list(sayings)
        self._options = options
        self._started = False
        """Whether the first of those that are left has begun."""
        self._interim_words = 0
        """Words of it that were sent as interim results."""

    def hear(self, seconds: float) -> Iterator[RecognitionEvent]:
        """The audio has reached this second."""
        while self._pending and (self._pending[0].start or 0.0) <= seconds:
            saying = self._pending[0]
            if not self._started:
                self._started = True
                yield SpeechStarted(self._number, saying.start or 0.0)
            if (saying.end or 0.0) > seconds:
                yield from self._interim(saying, seconds)
                break
            yield self._final(saying, Cause.ENDPOINT)
        speaks = self._started and bool(self._pending)
        yield VadProgress(self._number, seconds, None if speaks else min(self.until, seconds))

    def flush(self, seconds: float) -> RecognitionEvent:
        if self._started:
            return self._final(self._pending[0], Cause.FINALIZE)
        end = max(self.until, seconds)
        empty = RecognitionResult(self._number, self.until, end, (), final=True, cause=Cause.FINALIZE)
        self.until = end
        return empty

    def end(self) -> Iterator[RecognitionEvent]:
        while self._pending:
            yield self._final(self._pending[0], Cause.END)

    def _interim(self, saying: Saying, seconds: float) -> Iterator[RecognitionEvent]:
        words = tuple(word for word in words_of(saying, self._options) if word.end <= seconds)
        if len(words) > self._interim_words:
            self._interim_words = len(words)
            yield RecognitionResult(self._number, self.until, seconds, words, final=False, cause=Cause.UPDATE)

    def _final(self, saying: Saying, cause: Cause) -> RecognitionResult:
        self._pending.pop(0)
        self._started, self._interim_words = False, 0
        start, self.until = self.until, max(self.until, saying.end or 0.0)
        words = words_of(saying, self._options)
        return RecognitionResult(self._number, start, self.until, words, final=True, cause=cause)


def bytes_per_second(options: ListenOptions) -> int | None:
    """None: its bytes do not tell."""
    size = SAMPLE_BYTES.get(options.encoding or "")
    if size is None or options.sample_rate is None:
        return None
    return size * options.sample_rate * (options.channels or 1)
