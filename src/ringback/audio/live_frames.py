"""The messages between the server and a child that decodes one live stream (`child_process.framing`).

Bodies are bytes as the caller sent them, or raw float32 samples, all of one channel before all of the next.
"""

import msgspec

from ringback.audio.encodings import Decoding
from ringback.audio.frames import FileEnded, FileOpened, FileRefused, ReadFailed


class BeginFile(msgspec.Struct, frozen=True, tag=True):
    """To the child, before each file of its stream: what is coming."""

    decoding: Decoding
    kind: str | None = None
    """What the file is by its first bytes (`signatures.Header`); None: see `decoding`,
    or it is detected."""


class Data(msgspec.Struct, frozen=True, tag=True):
    """To the child, with the bytes of one frame (or a piece of it, unless frames are packets)."""


class PutMarker(msgspec.Struct, frozen=True, tag=True):
    """To the child: answer `MarkerReached` when all bytes before this are decoded."""

    number: int


class NoMoreData(msgspec.Struct, frozen=True, tag=True):
    """To the child: the file has ended. The answer is `FileEnded` or `FileRefused`."""


class DecoderReady(msgspec.Struct, frozen=True, tag=True):
    """From the child: it has started."""


class DecodedAudio(msgspec.Struct, frozen=True, tag=True):
    """From the child, with the samples of this many channels."""

    channels: int


class MarkerReached(msgspec.Struct, frozen=True, tag=True):
    """All audio before the marker has been sent. From the child, and an item of `LiveDecoder.items`."""

    number: int


ToLiveChild = BeginFile | Data | PutMarker | NoMoreData
FromLiveChild = (
    DecoderReady | FileOpened | DecodedAudio | MarkerReached | FileEnded | FileRefused | ReadFailed
)

TO_LIVE_CHILD: msgspec.msgpack.Decoder[ToLiveChild] = msgspec.msgpack.Decoder(ToLiveChild)
FROM_LIVE_CHILD: msgspec.msgpack.Decoder[FromLiveChild] = msgspec.msgpack.Decoder(FromLiveChild)
