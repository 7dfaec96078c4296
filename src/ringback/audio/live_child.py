"""The process that decodes one live stream: `python -m ringback.audio.live_child FD`.

It may crash, hang or run out of memory: then the stream ends, and nothing else does. It reads from the
socket `FD` (`live_frames`), and ends when its stream or the server does.
"""

import socket
import sys
import traceback
from collections.abc import Callable, Iterator

import av
import numpy as np

from ringback.audio.confinement import confine, restrict
from ringback.audio.decode import Decode, Signals, decoder_of
from ringback.audio.encodings import PACKETS_ONLY, Decoding, Opening, channels_of, live_opening, unreadable
from ringback.audio.frames import LENGTHS, Broken, Ended, Opened, Refused
from ringback.audio.live_frames import (
    Begin,
    Data,
    FromChild,
    NoMore,
    Note,
    Noted,
    Ready,
    Sound,
    ToChild,
    pack,
    to_child,
)
from ringback.audio.resampler import Resampler
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.errors import Refusal


def main() -> None:
    confine()
    restrict()
    server = _Server(socket.socket(fileno=int(sys.argv[1])))
    try:
        server.send(Ready())
        frame = server.receive()
        if frame is None:
            return
        begin, _ = frame
        assert isinstance(begin, Begin)
        _decode(begin.how, server)
    except (BrokenPipeError, ConnectionResetError):
        return  # The stream is over.
    except Exception:
        server.send(Broken(traceback.format_exc(limit=-5)))
        sys.exit(1)


class _Server:
    """The other end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: FromChild, block: Block | None = None) -> None:
        """Blocks while the server has not read what was sent before: its pace is ours."""
        # The channels of a container's interleaved samples are no neighbours in memory.
        for buffer in pack(message, b"" if block is None else np.ascontiguousarray(block).data):
            self._connection.sendall(buffer)

    def receive(self) -> tuple[ToChild, bytes] | None:
        """The next message and its bytes; None when the server is gone."""
        lengths = self._read(LENGTHS.size)
        if lengths is None:
            return None
        header_size, body_size = LENGTHS.unpack(lengths)
        header, body = self._read(header_size), self._read(body_size)
        return None if header is None or body is None else (to_child(header), body)

    def _read(self, size: int) -> bytes | None:
        received = bytearray()
        while len(received) < size:
            piece = self._connection.recv(size - len(received))
            if not piece:
                return None
            received += piece
        return bytes(received)


class _Inlet:
    """The stream as FFmpeg reads it: what there is, and a wait when there is nothing.

    A note is answered when FFmpeg asks for more: then it has decoded all that came before the note.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._left = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end of the stream."""
        while not self._left and not self._ended:
            self._left = self.frame() or b""
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def head(self, least: int) -> bytes:
        """The first bytes, which stay to be read; fewer than `least` only at the end of the stream."""
        while len(self._left) < least and not self._ended:
            self._left += self.frame() or b""
        return self._left

    def frame(self) -> bytes | None:
        """The next frame's bytes; None at the end of the stream."""
        while (received := self._server.receive()) is not None:
            message, data = received
            match message:
                case Data():
                    return data
                case Note(number):
                    self._server.send(Noted(number))
                case NoMore():
                    break
                case Begin():
                    raise AssertionError("a stream begins once")
        self._ended = True
        return None


def _decode(how: Decoding, server: _Server) -> None:
    try:
        inlet = _Inlet(server)
        packets = how.encoding in PACKETS_ONLY
        plan = live_opening(how, inlet.head(1 if packets else _HEAD))
        channels, blocks = _packets(how, inlet) if plan is None else _container(how, plan, inlet)
        server.send(Opened(channels, None))
        decoded = 0
        for block in blocks:
            decoded += block.shape[1]
            server.send(Sound(channels), block)
        server.send(Ended(channels, decoded / SAMPLE_RATE))
    except Refusal as refusal:
        server.send(Refused(refusal.failure.status, refusal.failure.err_code, refusal.failure.err_msg))
    except (MemoryError, av.FFmpegError, ValueError, IndexError):
        bad = unreadable().failure
        server.send(Refused(bad.status, bad.err_code, bad.err_msg))


def _container(how: Decoding, plan: Opening, inlet: _Inlet) -> tuple[int, Iterator[Block]]:
    # No more than 2 KB at a time: FFmpeg waits for its buffer to be full before it begins.
    container = av.open(inlet, format=plan.format, options=dict(plan.options), buffer_size=2048)
    decoder = decoder_of(container, how.multichannel)
    return decoder.channels, decoder.blocks(hold=0.0)


def _packets(how: Decoding, inlet: _Inlet) -> tuple[int, Iterator[Block]]:
    """Each frame is one packet."""
    assert how.encoding is not None
    interleaved = channels_of(how)
    codec = av.CodecContext.create(how.encoding, "r")
    codec.sample_rate = how.sample_rate or 48_000
    codec.layout = {1: "mono", 2: "stereo"}.get(interleaved, f"{interleaved}C")
    channels = interleaved if how.multichannel else 1
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
"""Bytes by which containers are told apart."""

if __name__ == "__main__":
    main()
