"""What is read from a recording, and how it travels from the child process to the server.

One frame is two lengths (little-endian, 32 bits each), a msgpack header and raw float32 samples; only
chunks have samples.
"""

import struct
from dataclasses import dataclass

import msgspec
import numpy as np

from ringback.audio.encodings import Decoding
from ringback.audio.samples import Samples


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


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """The last thing read from a recording."""

    channels: int
    duration: float
    """Seconds of media time; of a recording with pictures, until the last of them."""
    unread_bytes: float = 0.0
    """Share of the bytes that could not be read, 0 to 1; 0 too when it is not worth a word."""
    unread_seconds: float = 0.0
    """Share of the seconds that the recording claims to hold, likewise."""
    jumps_ignored: int = 0
    """Timestamps too far away to be believed."""


class Order(msgspec.Struct, frozen=True):
    """Server → child: read this file."""

    path: str
    how: Decoding
    max_chunk: float


class Opened(msgspec.Struct, frozen=True, tag=True):
    channels: int
    duration: float | None


class Chunk(msgspec.Struct, frozen=True, tag=True):
    """Its samples follow the header."""

    channel: int
    start: float
    holes: tuple[tuple[float, float], ...] = ()


class Progress(msgspec.Struct, frozen=True, tag=True):
    """Still at work; sent so that a long silence in the recording does not look like a hung child."""

    duration: float


class TurnOver(msgspec.Struct, frozen=True, tag=True):
    """The child has worked for a turn, and goes on, or leaves the file, when the server says so."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    channels: int
    duration: float
    unread_bytes: float = 0.0
    unread_seconds: float = 0.0
    jumps_ignored: int = 0


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The audio is at fault; the words are those of `errors.Failure`."""

    status: int
    err_code: str
    err_msg: str


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The child is at fault; it ends after this frame."""

    trace: str


Frame = Opened | Chunk | Progress | TurnOver | Ended | Refused | Broken

GO_ON, ABANDON = b"\x01", b"\x00"
"""Server → child, after each `TurnOver`: another turn, or no more of this file."""

LENGTHS = struct.Struct("<II")
"""Before every frame: bytes of the header, bytes of samples."""


def pack(frame: Frame, samples: Samples | None = None) -> list[bytes | memoryview]:
    """The frame as buffers to be sent one after the other."""
    header = _ENCODER.encode(frame)
    if samples is None:
        return [LENGTHS.pack(len(header), 0) + header]
    payload = np.ascontiguousarray(samples, dtype=np.float32).data.cast("B")
    return [LENGTHS.pack(len(header), len(payload)) + header, payload]


def unpack(header: bytes) -> Frame:
    return _FRAME.decode(header)


def pack_order(order: Order) -> bytes:
    body = _ENCODER.encode(order)
    return LENGTHS.pack(len(body), 0) + body


def unpack_order(body: bytes) -> Order:
    return _ORDER.decode(body)


_ENCODER = msgspec.msgpack.Encoder()
_FRAME: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_ORDER = msgspec.msgpack.Decoder(Order)
