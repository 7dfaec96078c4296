"""What the server and a child that decodes one live stream say to each other.

A frame is two lengths (`frames.LENGTHS`), a msgpack header (one of these messages) and a body: bytes as the
caller sent them, or raw float32 samples, all of one channel before all of the next.
"""

import msgspec

from ringback.audio.encodings import Decoding
from ringback.audio.frames import LENGTHS, Broken, Ended, Opened, Refused


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To the child, before each file of its stream: what is coming."""

    how: Decoding
    kind: str | None = None
    """What the file is by its first bytes (`signatures.Header`); None: `how` tells, or the bytes will."""


class Data(msgspec.Struct, frozen=True, tag=True):
    """To the child, with the bytes of one frame (or a piece of it, unless frames are packets)."""


class Note(msgspec.Struct, frozen=True, tag=True):
    """To the child: say so when all bytes before this are decoded."""

    number: int


class NoMore(msgspec.Struct, frozen=True, tag=True):
    """To the child: the file has ended. `Ended` or `Refused` answers it."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From the child: it has started."""


class Sound(msgspec.Struct, frozen=True, tag=True):
    """From the child, with the samples of this many channels."""

    channels: int


class Noted(msgspec.Struct, frozen=True, tag=True):
    """From the child: all sound before the note has been sent."""

    number: int


ToChild = Begin | Data | Note | NoMore
FromChild = Ready | Opened | Sound | Noted | Ended | Refused | Broken


def pack(message: ToChild | FromChild, body: bytes | memoryview = b"") -> list[bytes | memoryview]:
    """The frame as buffers to be sent one after the other."""
    header = _ENCODER.encode(message)
    body = memoryview(body).cast("B")
    return [LENGTHS.pack(len(header), len(body)) + header, *([body] if len(body) else [])]


def to_child(header: bytes) -> ToChild:
    return _TO_CHILD.decode(header)


def from_child(header: bytes) -> FromChild:
    return _FROM_CHILD.decode(header)


_ENCODER = msgspec.msgpack.Encoder()
_TO_CHILD: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_FROM_CHILD: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)
