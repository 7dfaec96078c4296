"""The process in which callers' bytes meet FFmpeg: `python -m ringback.audio.child FD FILES`.

It may crash, hang or run out of memory; the server replaces it. It reads one order after the other from
the socket `FD`, and the open file that belongs to it from the socket `FILES`: it can open none itself.
It answers each with frames (`frames`), and ends when the server is gone.
"""

import socket
import sys
import time
import traceback

from ringback.audio.chunks import ChunkFinder
from ringback.audio.confinement import confine, restrict
from ringback.audio.decode import PYAV_FAULTS
from ringback.audio.encodings import unreadable
from ringback.audio.frames import (
    ABANDON,
    GO_ON,
    LENGTHS,
    Broken,
    Ended,
    Frame,
    Opened,
    Order,
    Progress,
    Refused,
    TurnOver,
    pack,
    unpack_order,
)
from ringback.audio.recording import Recording, opened
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.audio.speech import Silero
from ringback.errors import Refusal


def main() -> None:
    confine()
    server, files = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    try:
        silero = Silero()
        restrict()
        _send(server, Progress(0.0))  # Ready.
        while (order := _next_order(server)) is not None:
            _serve(order, _next_file(files), silero, server)
    except (BrokenPipeError, ConnectionResetError):
        return  # The server is gone, or wants no more of this file.
    except Exception:
        _send(server, Broken(traceback.format_exc(limit=-5)))
        sys.exit(1)


def _serve(order: Order, file: int, silero: Silero, server: socket.socket) -> None:
    try:
        _read(order, file, silero, server)
    except _Abandoned:
        return
    except Refusal as refusal:
        _send(server, Refused(*_words(refusal)))
    except (MemoryError, *PYAV_FAULTS):
        _send(server, Refused(*_words(unreadable())))


class _Abandoned(Exception):
    """The server wants no more of this file now."""


class _Turn:
    """Ends after some processor time: other recordings are to have theirs, however long this one is."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._until = time.process_time() + TURN_SECONDS

    def end_in_time(self) -> None:
        if time.process_time() < self._until:
            return
        _send(self._server, TurnOver())
        word = _receive(self._server, len(GO_ON))
        if word is None:
            raise BrokenPipeError
        if word == ABANDON:
            raise _Abandoned
        self._until = time.process_time() + TURN_SECONDS


def _read(order: Order, file: int, silero: Silero, server: socket.socket) -> None:
    turn = _Turn(server)
    with opened(file, order.how) as audio:
        _send(server, Opened(audio.channels, audio.duration))
        chunks = ChunkFinder(silero, audio.channels, order.max_chunk, audio.clock.timeline)
        decoded = told = 0
        for block in audio.blocks():
            for chunk, samples in chunks.hear(block, turn.end_in_time):
                _send(server, chunk, samples)
            decoded += block.shape[1]
            if decoded - told >= _PROGRESS * SAMPLE_RATE:
                told = decoded
                _send(server, Progress(decoded / SAMPLE_RATE))
        for chunk, samples in chunks.finish():
            _send(server, chunk, samples)
        _send(server, _end_of(audio))


def _end_of(audio: Recording) -> Ended:
    unread = audio.unread
    return Ended(audio.channels, audio.length, unread.bytes_share, unread.seconds_share, audio.clock.ignored)


def _next_order(server: socket.socket) -> Order | None:
    lengths = _receive(server, LENGTHS.size)
    if lengths is None:
        return None
    body = _receive(server, LENGTHS.unpack(lengths)[0])
    return None if body is None else unpack_order(body)


def _next_file(files: socket.socket) -> int:
    """The descriptor of the order's file. It was sent before the order was."""
    _, [descriptor], _, _ = socket.recv_fds(files, 1, 1)
    return descriptor


def _receive(server: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        piece = server.recv(size - len(received))
        if not piece:
            return None
        received += piece
    return bytes(received)


def _send(server: socket.socket, frame: Frame, samples: Samples | None = None) -> None:
    """Blocks while the server has not read what was sent before: its pace is ours."""
    for buffer in pack(frame, samples):
        server.sendall(buffer)


def _words(refusal: Refusal) -> tuple[int, str, str]:
    return refusal.failure.status, refusal.failure.err_code, refusal.failure.err_msg


TURN_SECONDS = 0.25
"""Of processor time: enough for the whole of a short recording, short for whoever waits."""

_PROGRESS = 60.0
"""Seconds of audio between two signs of life."""

if __name__ == "__main__":
    main()
