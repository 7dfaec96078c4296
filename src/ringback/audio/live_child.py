"""The process that decodes one live stream: `python -m ringback.audio.live_child FD`.

It may crash, hang or run out of memory: then the stream ends, and nothing else does. It reads from the
socket `FD` (`live_frames`), file after file, and ends when the server closes it: its last messages could
be lost if it ended while the server still writes.
"""

import socket
import sys
import traceback
from collections.abc import Callable, Iterator

import av
import numpy as np

from ringback.audio.confinement import confine, restrict
from ringback.audio.decode import PYAV_FAULTS, Decode, Signals, decoder_of
from ringback.audio.encodings import (
    PACKETS_ONLY,
    UNKNOWN_BYTES,
    Decoding,
    Opening,
    channels_of,
    has_header,
    live_opening,
    unreadable,
)
from ringback.audio.frames import FileEnded, FileOpened, FileRefused, ReadFailed
from ringback.audio.live_frames import (
    TO_LIVE_CHILD,
    BeginFile,
    Data,
    DecodedAudio,
    DecoderReady,
    MarkerReached,
    NoMoreData,
    PutMarker,
    ToLiveChild,
)
from ringback.audio.resampler import Resampler
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.audio.signatures import has_mpeg_frames, may_be_coded
from ringback.child_process.connection import ServerConnection
from ringback.errors import Refusal


def main() -> None:
    confine()
    restrict()
    server = Server(socket.socket(fileno=int(sys.argv[1])), TO_LIVE_CHILD)
    try:
        server.send_message(DecoderReady())
        while (frame := server.receive_message()) is not None:
            begin, _ = frame
            assert isinstance(begin, BeginFile)
            _decode(begin, server)
    except ConnectionError:
        return  # The stream is over.
    except Exception:
        server.send_message(ReadFailed(traceback.format_exc(limit=-5)))
        sys.exit(1)


Server = ServerConnection[ToLiveChild]


class _Inlet:
    """A file as FFmpeg reads it: what there is, and a wait when there is nothing.

    A marker is answered when FFmpeg reads on: then it has decoded all that came before the marker.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unread = b""
        self._ended = False
        self._taken = 0  # Bytes, also …
        self._since_sound = 0
        self._samples = 0
        self._rate = 0.0  # Bytes for a second of sound.
        self.max_silent_bytes: float = _MAX_BEFORE_AUDIO
        """Bytes that the file may go without sound."""
        self.unknown = False
        """Whether it has no known header, and is long enough to detect its format."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end of the file, or when too many bytes gave no audio."""
        if self._since_sound > self.max_silent_bytes:
            return b""
        while not self._unread and not self._ended:
            self._unread = self.frame() or b""
        piece, self._unread = self._unread[:size], self._unread[size:]
        self._taken += len(piece)
        self._since_sound += len(piece)
        return piece

    def on_decoded(self, samples: int, *, pictures: bool) -> None:
        """So many samples were decoded. `pictures`: beside moving ones sound may pause for long."""
        self._samples += samples
        # At a file's end the last sound comes out late: what was taken since the one before may be no sound.
        until_sound = self._taken - self._since_sound or self._taken
        self._rate = until_sound * SAMPLE_RATE / self._samples
        self._since_sound = 0
        self.max_silent_bytes = (
            float("inf") if pictures else _MAX_WITHOUT_AUDIO + _MAX_WITHOUT_AUDIO_SECONDS * self._rate
        )

    def head(self, least: int) -> bytes:
        """The first bytes, which stay to be read; fewer than `least` only at the end of the file."""
        while len(self._unread) < least and not self._ended:
            self._unread += self.frame() or b""
        return self._unread

    def frame(self) -> bytes | None:
        """The next frame's bytes; None at the end of the file."""
        while not self._ended and (received := self._server.receive_message()) is not None:
            message, data = received
            match message:
                case Data():
                    return bytes(data)
                case PutMarker(number):
                    self._server.send_message(MarkerReached(number))
                case NoMoreData():
                    break
                case BeginFile():
                    raise AssertionError("a file begins when the one before has ended")
        self._ended = True
        return None

    def skip(self) -> bool:
        """Read what FFmpeg has left of the file; False as soon as that is too much to be passed over."""
        unread, most = len(self._unread), self._most_unread()
        while unread <= most and (data := self.frame()) is not None:
            unread += len(data)
        return unread <= most

    def _most_unread(self) -> float:
        if not self._samples:
            return _MAX_UNREAD_WITHOUT_AUDIO
        return max(_MAX_UNREAD, _MAX_UNREAD_SECONDS * self._rate)


def _decode(begin: BeginFile, server: Server) -> None:
    """One file."""
    inlet = _Inlet(server)
    decoded = 0
    refusal: Refusal | None = None
    try:
        for block in _blocks(begin, inlet, server):
            decoded += block.shape[1]
            # The channels of a container's interleaved samples are no neighbours in memory.
            server.send_message(DecodedAudio(len(block)), np.ascontiguousarray(block).data)
    except Refusal as refused:
        refusal = refused
    except (MemoryError, *PYAV_FAULTS):
        refusal = unreadable()
    packets = begin.decoding.encoding in PACKETS_ONLY
    unreadable_format = refusal is not None and (packets or (inlet.unknown and not decoded))
    if unreadable_format or not inlet.skip():
        server.send_message(FileRefused.of(refusal or unreadable()))
        while server.receive_message() is not None:
            pass  # The server may still be writing: read on until it has read the refusal.
    else:
        server.send_message(FileEnded(0, decoded / SAMPLE_RATE))


def _blocks(begin: BeginFile, inlet: _Inlet, server: Server) -> Iterator[Block]:
    packets = begin.decoding.encoding in PACKETS_ONLY
    head = inlet.head(1 if packets else _HEAD)
    plan = live_opening(begin.decoding, head, begin.kind)
    if plan is None:
        channels, blocks = _packets(begin.decoding, inlet)
        server.send_message(FileOpened(channels, None))
        yield from blocks
        return
    beginning = b""
    if begin.kind is not None or has_header(head):
        inlet.max_silent_bytes = _MAX_INDEX
    elif plan.format is None:
        beginning = inlet.head(UNKNOWN_BYTES)[:UNKNOWN_BYTES]
        inlet.unknown = len(beginning) == UNKNOWN_BYTES
    if inlet.unknown and not may_be_coded(beginning):
        raise unreadable()
    if inlet.unknown and not has_mpeg_frames(beginning):
        plan = plan.without("mp3")
    with _container(plan, inlet) as container:
        decoder = decoder_of(container, begin.decoding.multichannel)
        server.send_message(FileOpened(decoder.channels, None))
        for block in decoder.blocks(hold=0.0):
            inlet.on_decoded(block.shape[1], pictures=len(container.streams) > 1)
            yield block


def _container(plan: Opening, inlet: _Inlet) -> av.container.InputContainer:
    # No more than 2 KB at a time: FFmpeg waits for its buffer to be full before it begins.
    return av.open(inlet, "r", format=plan.format, options=dict(plan.options), buffer_size=2048)


def _packets(decoding: Decoding, inlet: _Inlet) -> tuple[int, Iterator[Block]]:
    """Each frame is one packet."""
    assert decoding.encoding is not None
    interleaved = channels_of(decoding)
    codec = av.CodecContext.create(decoding.encoding, "r")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate = decoding.sample_rate or 48_000
    codec.layout = {1: "mono", 2: "stereo"}.get(interleaved, f"{interleaved}C")
    channels = interleaved if decoding.multichannel else 1
    return channels, _resampled(Signals(channels).of(_decodes(codec, inlet)), channels)


def _decodes(codec: av.AudioCodecContext, inlet: _Inlet) -> Iterator[Decode]:
    if first := inlet.head(1):
        yield _decode_of(codec, inlet.read(len(first)))
    while (packet := inlet.frame()) is not None:
        if packet:
            yield _decode_of(codec, packet)


def _decode_of(codec: av.AudioCodecContext, packet: bytes) -> Callable[[], list[av.AudioFrame]]:
    return lambda: codec.decode(av.Packet(packet))


def _resampled(signals: Iterator[tuple[Block, int]], channels: int) -> Iterator[Block]:
    into_16k = Resampler(channels, hold=0.0)
    for signal, rate in signals:
        yield from into_16k.push(signal, rate)
    yield from into_16k.finish()


_HEAD = 16
"""Bytes by which containers are recognised."""
_MAX_BEFORE_AUDIO, _MAX_INDEX = 96 << 10, 2 << 20
"""Bytes that FFmpeg may take before the first sound; the second behind a header, as an index or a picture may
follow. With more, the file counts as ended."""
_MAX_WITHOUT_AUDIO, _MAX_WITHOUT_AUDIO_SECONDS = 32 << 10, 5.0
"""The same later; and as many more as so many seconds of it have."""
_MAX_UNREAD_WITHOUT_AUDIO, _MAX_UNREAD, _MAX_UNREAD_SECONDS = 16 << 10, 4 << 10, 2.0
"""Bytes, as above, that may be left when FFmpeg has found the file's end: an index, a tag. With more the
stream ends: the caller must not go on speaking for nothing."""

if __name__ == "__main__":
    main()
