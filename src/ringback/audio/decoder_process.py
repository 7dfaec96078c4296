"""The child process in which one recording after another is decoded, as the server sees it."""

import os
import socket
from contextlib import suppress

import numpy as np

from ringback.audio.frames import (
    FROM_CHILD,
    Abandon,
    AudioEnd,
    AudioFacts,
    Chunk,
    FileEnded,
    FileOpened,
    FileRefused,
    FromChild,
    GoOn,
    ReadFailed,
    ReadOrder,
    ReadProgress,
    SpeechChunk,
    TurnOver,
)
from ringback.child_process.process import ChildDied, ChildProcess, ChildProgram

ReaderItem = AudioFacts | SpeechChunk | AudioEnd
"""What a recording is read as: facts, chunks, an end."""

_START_TIMEOUT = 60.0
"""Seconds; a start takes half of one on an idle core."""
_GROWN = 192 << 20
"""Bytes; a child that has read 20 channels or a day of AAC has less afterwards."""
DECODER_PROGRAM = ChildProgram(
    "ringback.audio.child",
    FROM_CHILD,
    # Two minutes of samples, far more than any chunk.
    max_body_bytes=1 << 23,
    # The stream reader holds up to twice this, about two chunks.
    buffered_bytes=1 << 20,
)


class DecoderProcess:
    """One decoding process and the sockets to it; it reads one recording after another."""

    def __init__(self, process: ChildProcess[FromChild], for_files: socket.socket) -> None:
        """`for_files`: the socket for the open files of orders."""
        self.files = 0
        self.unused = False
        self._done = False
        self._process = process
        self._for_files = for_files

    @classmethod
    async def start(cls) -> "DecoderProcess":
        """A child that is ready. Raises `OSError` when it does not start."""
        for_files, theirs = socket.socketpair()
        try:
            with theirs:
                process = await ChildProcess.start(DECODER_PROGRAM, theirs, ready_within=_START_TIMEOUT)
        except BaseException:
            for_files.close()
            raise
        return cls(process, for_files)

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def grown(self) -> bool:
        """Whether it uses much more memory than a fresh one."""
        return self._process.resident_bytes > _GROWN

    def begin(self, order: ReadOrder) -> None:
        self.files += 1
        self.unused = self._done = False
        # Opened by us, because the child can open nothing.
        file = os.open(order.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(ConnectionError):  # It has died: `receive_message` raises `ChildDied`.
                socket.send_fds(self._for_files, [b"f"], [file])
        finally:
            os.close(file)
        self._process.write_message(order)

    def go_on(self) -> None:
        """After a `TurnOver`."""
        self._process.write_message(GoOn())

    def abandon(self) -> None:
        """After a `TurnOver`: it is ready for another order."""
        self._process.write_message(Abandon())

    async def next_item(self, timeout: float) -> ReaderItem | TurnOver | None:
        """The child's next item; None after the end. Raises `Refusal`, `ChildDied`."""
        while not self._done:
            match await self._process.receive_message(timeout):
                case FileOpened() as opened, _:
                    return AudioFacts(opened.channels, opened.duration)
                case Chunk() as chunk, body:
                    samples = np.frombuffer(body, np.float32)
                    return SpeechChunk(chunk.channel, chunk.start, samples, chunk.holes)
                case ReadProgress(), _:
                    continue
                case TurnOver() as over, _:
                    return over
                case FileEnded() as ended, _:
                    self._done = True
                    return AudioEnd(
                        ended.channels,
                        ended.duration,
                        ended.unread_bytes,
                        ended.unread_seconds,
                        ended.jumps_ignored,
                    )
                case FileRefused() as refused, _:
                    raise refused.refusal
                case ReadFailed() as broken, _:
                    raise ChildDied(broken.trace)
        return None

    async def end(self) -> None:
        """Kill it: it holds nothing that could be lost."""
        self._for_files.close()
        await self._process.kill()
