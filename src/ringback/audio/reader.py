"""The server's side of reading audio: child processes that decode, and what they hand over.

A file that kills or hangs its child is tried once more in a fresh one, because the child may have died of
something else; what was already handed out is not handed out again (decoding the same bytes gives the same
chunks). After that the file is to blame.
"""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np

from ringback.audio.encodings import Decoding, unreadable
from ringback.audio.frames import (
    LENGTHS,
    AudioEnd,
    AudioFacts,
    Broken,
    Chunk,
    Ended,
    Frame,
    Opened,
    Order,
    Progress,
    Refused,
    SpeechChunk,
    pack_order,
    unpack,
)
from ringback.audio.process import fate, spawn
from ringback.audio.samples import Samples
from ringback.errors import Refusal
from ringback.telemetry import problem

__all__ = ["AudioEnd", "AudioFacts", "AudioReader", "SpeechChunk"]

Heard = AudioFacts | SpeechChunk | AudioEnd


class AudioReader:
    """Owns up to `children` decoding processes; each reads one recording at a time and is used again."""

    def __init__(
        self,
        children: int,
        *,
        max_chunk: float = 15.0,
        patience: float = 60.0,
        files_per_child: int = 200,
        rest: float = 60.0,
    ) -> None:
        """`max_chunk`: seconds of the longest chunk. `patience`: seconds of work without a sign of life
        before a child counts as hung. `files_per_child`: then it is replaced, so that a leak cannot grow.
        `rest`: seconds (to twice as many) without work after which all children but one are ended."""
        self._max_chunk = max_chunk
        self._patience = patience
        self._files_per_child = files_per_child
        self._rest = rest
        self._free = asyncio.Semaphore(children)
        self._starting = asyncio.Lock()
        self._idle: list[_Child] = []
        self._stopped = False

    @property
    def name(self) -> str:
        return "audio"

    async def run(self, stopping: asyncio.Event) -> None:
        """Ends the idle children when told to stop; a busy one ends with its recording."""
        while not stopping.is_set():
            try:
                async with asyncio.timeout(self._rest):
                    await stopping.wait()
            except TimeoutError:
                await self._end_the_unused()
        self._stopped = True
        while self._idle:
            await self._idle.pop().end()

    @asynccontextmanager
    async def read(self, path: Path, how: Decoding) -> AsyncIterator[AsyncIterator[Heard]]:
        """Read one recording: an `AudioFacts`, then chunks as they are found, then an `AudioEnd`.

        Waits for a free child. Decoding stays at most a few chunks ahead of the consumer. Iterating raises
        `Refusal` if the audio is bad. Leaving early gives the child up.
        """
        _must_exist(path)
        async with self._free:
            heard = self._heard(path, how)
            try:
                yield heard
            finally:
                await heard.aclose()

    async def _heard(self, path: Path, how: Decoding) -> AsyncGenerator[Heard]:
        order = Order(str(path), how, self._max_chunk)
        handed_out = 0
        for attempt in (1, 2):
            child = await self._child()
            healthy = False
            try:
                child.begin(order)
                seen = 0
                while (heard := await child.hear(self._patience)) is not None:
                    seen += 1
                    if seen > handed_out:
                        handed_out = seen
                        yield heard
                healthy = True
                return
            except Refusal:
                healthy = True
                raise
            except _ChildDied as died:
                problem("audio.child_died", attempt=attempt, handed_out=handed_out, reason=str(died))
            finally:
                await self._give_back(child, healthy)
        raise unreadable()

    async def _end_the_unused(self) -> None:
        """Each holds some 40 MB of its own; one stays, so that the next file need not wait for a start."""
        unused = [child for child in self._idle[:-1] if child.rested]
        self._idle = [child for child in self._idle if child not in unused]
        for child in self._idle:
            child.rested = True
        for child in unused:
            await child.end()

    async def _child(self) -> "_Child":
        """An idle child, or a new one. They start one after the other: a start costs as much as decoding
        minutes of audio, and who waits for one may find that another child has become idle."""
        return await self._idle_child() or await self._started_child()

    async def _started_child(self) -> "_Child":
        async with self._starting:
            return await self._idle_child() or await _Child.start()

    async def _idle_child(self) -> "_Child | None":
        while self._idle:
            child = self._idle.pop()  # The one used last, so that the others may rest.
            if child.alive:
                return child
            await child.end()
        return None

    async def _give_back(self, child: "_Child", healthy: bool) -> None:
        if healthy and child.alive and child.files < self._files_per_child and not self._stopped:
            self._idle.append(child)
        else:
            await child.end()


class _ChildDied(Exception):
    """It crashed, hung, spoke nonsense, or reported a fault of its own; the message says which."""


class _Child:
    """One decoding process and the sockets to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        for_files: socket.socket,
    ) -> None:
        """`for_files`: through it go the open files that orders are about."""
        self.files = 0
        self.rested = False
        self._done = False
        self._process = process
        self._reader = reader
        self._writer = writer
        self._for_files = for_files

    @classmethod
    async def start(cls) -> "_Child":
        """A child that has said that it is ready. Raises `OSError` when it does not come to that."""
        for_files, theirs = socket.socketpair()
        try:
            with theirs:
                process, ours = spawn("ringback.audio.child", theirs)
        except OSError:
            for_files.close()
            raise
        try:
            child = cls(process, *await asyncio.open_unix_connection(sock=ours, limit=_AHEAD), for_files)
            await child._frame(_START_PATIENCE)
            return child
        except _ChildDied as died:
            await child.end()
            raise OSError(f"the decoding process did not start: {died}") from None
        except BaseException:
            for_files.close()
            ours.close()
            process.kill()
            process.wait()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def begin(self, order: Order) -> None:
        self.files += 1
        self.rested = self._done = False
        # Opened by us, because the child can open nothing.
        file = os.open(order.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(ConnectionError):  # It has died: whoever listens to it hears so.
                socket.send_fds(self._for_files, [b"f"], [file])
        finally:
            os.close(file)
        self._writer.write(pack_order(order))

    async def hear(self, patience: float) -> Heard | None:
        """What the child finds next; None after the end. Raises `Refusal`, `_ChildDied`."""
        while not self._done:
            match await self._frame(patience):
                case Opened() as opened, _:
                    return AudioFacts(opened.channels, opened.duration)
                case Chunk() as chunk, samples:
                    return SpeechChunk(chunk.channel, chunk.start, samples)
                case Progress(), _:
                    continue
                case Ended() as ended, _:
                    self._done = True
                    return AudioEnd(ended.channels, ended.duration)
                case Refused() as refused, _:
                    raise Refusal(refused.status, refused.err_code, refused.err_msg)
                case Broken() as broken, _:
                    raise _ChildDied(broken.trace)
        return None

    async def end(self) -> None:
        """Kill it: it holds nothing that could be lost."""
        self._process.kill()
        self._for_files.close()
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.to_thread(self._process.wait)

    async def _frame(self, patience: float) -> tuple[Frame, Samples]:
        try:
            # Only the time in which we wait for the child counts, not that of a slow consumer.
            async with asyncio.timeout(patience):
                lengths = await self._reader.readexactly(LENGTHS.size)
                header, payload = LENGTHS.unpack(lengths)
                # The child met hostile bytes: it is not trusted with our memory either.
                if header > _LONGEST_HEADER or payload > _LONGEST_PAYLOAD or payload % 4:
                    raise _ChildDied("sent a frame of an impossible size")
                frame = unpack(await self._reader.readexactly(header))
                return frame, np.frombuffer(await self._reader.readexactly(payload), np.float32)
        except msgspec.DecodeError as nonsense:
            raise _ChildDied(f"sent a frame that is none: {nonsense}") from None
        except TimeoutError:
            raise _ChildDied(f"no sign of life in {patience:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _ChildDied(fate(await asyncio.to_thread(self._process.wait))) from None


def _must_exist(path: Path) -> None:
    """A lost file is our fault; a child would put it on the audio."""
    path.stat()


_START_PATIENCE = 60.0
"""Seconds; a start takes half of one on an idle core."""
_LONGEST_HEADER = 1 << 16
_LONGEST_PAYLOAD = 1 << 23
"""Bytes; two minutes of samples, far more than any chunk."""
_AHEAD = 1 << 20
"""Bytes; the stream reader holds up to twice this, about two chunks."""
