"""What is read from a recording, and the messages between the server and the child that reads it
(`child_process.framing`). Only a chunk has a body: its samples.
"""

from dataclasses import dataclass
from typing import Self

import msgspec

from ringback.audio.encodings import Decoding
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.errors import Refusal


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """The first thing read from a recording."""

    channels: int
    """How many channels are handed out: 1 unless `multichannel` was asked for."""
    duration: float | None
    """Seconds, as the container claims; None: it does not say, or says something absurd."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A stretch of one channel that holds speech, cut at pauses."""

    channel: int
    start: float
    """Media time: seconds from the start of the recording."""
    samples: Samples
    """Read-only, shape (n,)."""
    holes: tuple[tuple[float, float], ...] = ()
    """Where within the samples time is missing, and how much: (seconds from the first sample, seconds)."""

    def part(self, first: int, end: int) -> "SpeechChunk":
        """Its samples `first` ≤ i < `end`, a chunk of their own. A hole between two parts lies before the
        second."""
        begin, stop = first / SAMPLE_RATE, end / SAMPLE_RATE
        missing = sum(seconds for at, seconds in self.holes if at <= begin)
        inside = tuple((at - begin, seconds) for at, seconds in self.holes if begin < at < stop)
        return SpeechChunk(self.channel, self.start + begin + missing, self.samples[first:end], inside)


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """The last thing read from a recording."""

    channels: int
    duration: float
    """Seconds of media time; of a recording with pictures, until the last of them."""
    unread_bytes: float = 0.0
    """Share of the bytes that could not be read, 0 to 1; 0 too when it is too little for a warning."""
    unread_seconds: float = 0.0
    """Share of the seconds that the recording claims to hold, likewise."""
    jumps_ignored: int = 0
    """Timestamps that were ignored because they are too far away."""


class ReadOrder(msgspec.Struct, frozen=True, tag=True):
    """To the child: read this file."""

    path: str
    decoding: Decoding
    max_chunk: float


class GoOn(msgspec.Struct, frozen=True, tag=True):
    """To the child, after a `TurnOver`: work on."""


class Abandon(msgspec.Struct, frozen=True, tag=True):
    """To the child, after a `TurnOver`: no more of this file."""


class FileOpened(msgspec.Struct, frozen=True, tag=True):
    channels: int
    duration: float | None


class Chunk(msgspec.Struct, frozen=True, tag=True):
    """Its samples follow the header."""

    channel: int
    start: float
    holes: tuple[tuple[float, float], ...] = ()


class ReadProgress(msgspec.Struct, frozen=True, tag=True):
    """Still at work; sent so that a long silence in the recording does not look like a hung child."""

    duration: float


class TurnOver(msgspec.Struct, frozen=True, tag=True):
    """The child has worked for a turn, and goes on, or leaves the file, when the server says so."""


class FileEnded(msgspec.Struct, frozen=True, tag=True):
    channels: int
    duration: float
    unread_bytes: float = 0.0
    unread_seconds: float = 0.0
    jumps_ignored: int = 0


class FileRefused(msgspec.Struct, frozen=True, tag=True):
    """The audio is at fault; the fields are those of `errors.Failure`."""

    status: int
    err_code: str
    err_msg: str

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        failure = refusal.failure
        return cls(failure.status, failure.err_code, failure.err_msg)

    @property
    def refusal(self) -> Refusal:
        return Refusal(self.status, self.err_code, self.err_msg)


class ReadFailed(msgspec.Struct, frozen=True, tag=True):
    """The child is at fault; it ends after this frame."""

    trace: str


ToChild = ReadOrder | GoOn | Abandon
FromChild = FileOpened | Chunk | ReadProgress | TurnOver | FileEnded | FileRefused | ReadFailed


TO_CHILD: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
FROM_CHILD: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)
