"""The messages between the server and a child that decodes one live stream (`child_process.framing`).

Bodies are bytes as the caller sent them, or raw float32 samples, all of one channel before all of the next.
"""

import msgspec

from ringback.audio.encodings import Decoding
from ringback.audio.frames import FileEnded, FileOpened, FileRefused, ReadFailed


class BeginFile(msgspec.Struct, frozen=True, tag=True):
    """To the child, before each file of its stream: what is coming."""

    how: Decoding
    kind: str | None = None
    """What the file is by its first bytes (`signatures.Header`); None: `how` tells, or the bytes will."""


class Data(msgspec.Struct, frozen=True, tag=True):
    """To the child, with the bytes of one frame (or a piece of it, unless frames are packets)."""


class Note(msgspec.Struct, frozen=True, tag=True):
    """To the child: say so when all bytes before this are decoded."""

    number: int


class NoMoreData(msgspec.Struct, frozen=True, tag=True):
    """To the child: the file has ended. `Ended` or `Refused` answers it."""


class DecoderReady(msgspec.Struct, frozen=True, tag=True):
    """From the child: it has started."""


class DecodedAudio(msgspec.Struct, frozen=True, tag=True):
    """From the child, with the samples of this many channels."""

    channels: int


class Noted(msgspec.Struct, frozen=True, tag=True):
    """From the child: all sound before the note has been sent."""

    number: int


ToLiveChild = BeginFile | Data | Note | NoMoreData
FromLiveChild = DecoderReady | FileOpened | DecodedAudio | Noted | FileEnded | FileRefused | ReadFailed

TO_LIVE_CHILD: msgspec.msgpack.Decoder[ToLiveChild] = msgspec.msgpack.Decoder(ToLiveChild)
FROM_LIVE_CHILD: msgspec.msgpack.Decoder[FromLiveChild] = msgspec.msgpack.Decoder(FromLiveChild)
