"""What the ears of a live stream report: words, silence, the end. Times are seconds of audio since the
stream's start, never of any clock.

The ears carry out `Audio`, `Flush` and `End` (`listen.actions`) strictly in the order they were wished, and
report in this order:

1. `Opened`, once, when the audio is understood: before anything else but `Undecodable`.
2. Per channel any number of `SpeechBegan`, `Reached` and `Heard`. The final ones follow each other without
   a gap: each starts where the one before ended, the first at 0.
3. After a `Flush`, on each channel that it covers, exactly one final `Heard` with `Cause.FINALIZE`: with the
   words that were open, or of no length (`start == end`, no words) when nothing was. Clients wait for it.
4. After `End`, on each channel with an open span one final `Heard` with `Cause.END`, then `Finished`.
"""

from dataclasses import dataclass
from enum import StrEnum

from ringback.transcript import Word


class Cause(StrEnum):
    """Why the ears report a span."""

    UPDATE = "update"
    """Not final: how the open span reads by now."""
    ENDPOINT = "endpoint"
    """Speech, then silence of at least `endpointing` milliseconds. Told also when no word was found in the
    speech."""
    LENGTH = "length"
    """The span grew long; cut at a pause."""
    SILENCE = "silence"
    """Nothing but silence for some seconds: an empty span, so that the stream moves on."""
    FINALIZE = "finalize"
    END = "end"


@dataclass(frozen=True, slots=True)
class Opened:
    """The audio is understood."""

    channels: int
    """That are heard apart: 1 unless `multichannel`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What stands in [start, end) of one channel.

    Final: it will not change. Not final: the channel's open span, from the last final's end to `end`.
    """

    channel: int
    start: float
    end: float
    words: tuple[Word, ...]
    """In order, with absolute times, as they shall be written: formatting is done before."""
    final: bool
    cause: Cause


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    channel: int
    at: float


@dataclass(frozen=True, slots=True)
class Reached:
    """How far speech detection has listened on a channel; told at least about every quarter second."""

    channel: int
    until: float
    quiet_since: float | None
    """Where the silence at `until` began; None while there is speech."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """The bytes are not the audio that they should be. The last event."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Every final has been reported. The last event."""

    channels: int
    duration: float


HearingEvent = Opened | Heard | SpeechBegan | Reached | Undecodable | Finished
