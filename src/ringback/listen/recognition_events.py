"""What the live recogniser reports: words, silence, the end. Times are seconds of audio since the
stream's start, never of any clock.

The recogniser carries out `FeedAudio`, `FlushRecogniser` and `EndAudio` (`listen.actions`) strictly in their
order, and reports in this order:

1. `AudioOpened`, once, when the format is known: before anything else but `Undecodable`.
2. Per channel any number of `SpeechStarted`, `VadProgress`, `PauseJudged` and `RecognitionResult`. The final
   results follow each other without a gap: each starts where the one before ended, the first at 0.
3. After a `FlushRecogniser`, on each channel that it covers, exactly one final result with `Cause.FINALIZE`:
   with the open words, or of no length (`start == end`, no words) when there were none. Clients wait for it.
4. After `EndAudio`, on each channel with an open span one final result with `Cause.END`, then
   `RecognitionFinished`.
"""

from dataclasses import dataclass
from enum import StrEnum

from ringback.listen.json_parts import JsonEntity, JsonSearch
from ringback.transcript import Word


class Cause(StrEnum):
    """Why a span is reported."""

    UPDATE = "update"
    """Not final: how the open span reads by now."""
    ENDPOINT = "endpoint"
    """Speech, then silence of at least `endpointing` milliseconds. Reported even if no word was recognised
    in the speech."""
    EAGER = "eager"
    """Speech, then a silence that may be the end of the turn; `ENDPOINT` follows if it lasts. Of turn-based
    streams alone."""
    LENGTH = "length"
    """The span grew long; cut at a pause."""
    SILENCE = "silence"
    """Nothing but silence for some seconds: an empty span, so that the stream moves on."""
    FINALIZE = "finalize"
    END = "end"


@dataclass(frozen=True, slots=True)
class AudioOpened:
    """The audio's format is known and decoding has begun."""

    channels: int
    """Channels that are transcribed separately: 1 unless `multichannel`."""


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """The words in [start, end) of one channel.

    Final: it will not change. Not final: the channel's open span, from the last final's end to `end`.
    """

    channel: int
    start: float
    end: float
    words: tuple[Word, ...]
    """In order, with times since the stream's start. The recogniser's; after `features.live`, formatted as
    they will be sent."""
    final: bool
    cause: Cause
    entities: tuple[JsonEntity, ...] = ()
    """Of a formatted final: the entities in its words."""
    search: tuple[JsonSearch, ...] = ()
    """Of a formatted final: what was found for each term of `search`."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    channel: int
    at: float


@dataclass(frozen=True, slots=True)
class VadProgress:
    """How far voice activity detection is on a channel; reported about every quarter second."""

    channel: int
    until: float
    quiet_since: float | None
    """Where the silence at `until` began; None while there is speech."""


@dataclass(frozen=True, slots=True)
class PauseJudged:
    """The turn model has judged a pause; reported before any end that this pause brings."""

    channel: int
    quiet_since: float
    """Where its silence began."""
    completeness: float
    """How probably what was said is complete, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """The bytes cannot be decoded as audio. The last event."""


@dataclass(frozen=True, slots=True)
class RecognitionFinished:
    """Every final has been reported. The last event."""

    channels: int
    duration: float


RecognitionEvent = (
    AudioOpened
    | RecognitionResult
    | SpeechStarted
    | VadProgress
    | PauseJudged
    | Undecodable
    | RecognitionFinished
)
