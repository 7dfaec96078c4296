"""The process in which FFmpeg reads callers' recordings: `python -m ringback.audio.child FD FILES`.

It may crash, hang or run out of memory; the server replaces it. It reads one order after the other from
the socket `FD`, and the open file that belongs to it from the socket `FILES`: it can open none itself.
It answers each with frames (`frames`), and ends when the server is gone.
"""

import os
import socket
import sys
import time
import traceback

import numpy as np

from ringback.audio.chunks import ChunkFinder
from ringback.audio.confinement import confine, restrict
from ringback.audio.decode import PYAV_FAULTS
from ringback.audio.encodings import unreadable
from ringback.audio.frames import (
    TO_CHILD,
    Abandon,
    FileEnded,
    FileOpened,
    FileRefused,
    ReadFailed,
    ReadOrder,
    ReadProgress,
    ToChild,
    TurnOver,
)
from ringback.audio.recording import Recording, opened
from ringback.audio.samples import SAMPLE_RATE
from ringback.audio.speech import SpeechModel, speech_model
from ringback.child_process.connection import ServerConnection
from ringback.errors import Refusal

_NICENESS = 5
"""Of 19. The server's event loop, the recognisers and live streams get a processor first: beside files that
are made to keep FFmpeg busy the clips of others take half as long, and `/v1/status` a fifth."""


def main() -> None:
    confine()
    connection, files = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    server = ServerConnection(connection, TO_CHILD)
    try:
        model = speech_model()
        os.nice(_NICENESS)  # Not before: a caller may wait for this start.
        restrict()
        server.send_message(ReadProgress(0.0))  # Ready.
        while (received := server.receive_message()) is not None:
            order, _ = received
            assert isinstance(order, ReadOrder)
            _serve(order, _next_file(files), model, server)
    except ConnectionError:
        return  # The server is gone, or wants no more of this file.
    except Exception:
        server.send_message(ReadFailed(traceback.format_exc(limit=-5)))
        sys.exit(1)


def _serve(order: ReadOrder, file: int, model: SpeechModel, server: ServerConnection[ToChild]) -> None:
    try:
        _read(order, file, model, server)
    except _Abandoned:
        return
    except Refusal as refusal:
        server.send_message(FileRefused.of(refusal))
    except (MemoryError, *PYAV_FAULTS):
        server.send_message(FileRefused.of(unreadable()))


class _Abandoned(Exception):
    """The server wants no more of this file now."""


class _Turn:
    """A share of processor time, after which the server may let another recording go first."""

    def __init__(self, server: ServerConnection[ToChild]) -> None:
        self._server = server
        self._until = time.process_time() + TURN_SECONDS

    def yield_if_over(self) -> None:
        if time.process_time() < self._until:
            return
        self._server.send_message(TurnOver())
        received = self._server.receive_message()
        if received is None:
            raise BrokenPipeError
        if isinstance(received[0], Abandon):
            raise _Abandoned
        self._until = time.process_time() + TURN_SECONDS


def _read(order: ReadOrder, file: int, model: SpeechModel, server: ServerConnection[ToChild]) -> None:
    turn = _Turn(server)
    with opened(file, order.decoding) as audio:
        server.send_message(FileOpened(audio.channels, audio.duration))
        chunks = ChunkFinder(model, audio.channels, order.max_chunk, audio.clock.timeline)
        decoded = reported = 0
        for block in audio.blocks():
            for chunk, samples in chunks.push(block, turn.yield_if_over):
                server.send_message(chunk, np.ascontiguousarray(samples, np.float32).data)
            decoded += block.shape[1]
            if decoded - reported >= _PROGRESS * SAMPLE_RATE:
                reported = decoded
                server.send_message(ReadProgress(decoded / SAMPLE_RATE))
        for chunk, samples in chunks.finish():
            server.send_message(chunk, np.ascontiguousarray(samples, np.float32).data)
        server.send_message(_end_of(audio))


def _end_of(audio: Recording) -> FileEnded:
    unread = audio.unread
    return FileEnded(
        audio.channels, audio.length, unread.bytes_share, unread.seconds_share, audio.clock.ignored
    )


def _next_file(files: socket.socket) -> int:
    """The descriptor of the order's file. It was sent before the order was."""
    _, [descriptor], _, _ = socket.recv_fds(files, 1, 1)
    return descriptor


TURN_SECONDS = 0.25
"""Of processor time: enough for the whole of a short recording, short for those that wait."""

_PROGRESS = 60.0
"""Seconds of audio between two `ReadProgress` messages."""

if __name__ == "__main__":
    main()
