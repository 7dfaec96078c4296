"""One decoding child of a live stream, as the server sees it."""

import asyncio
import subprocess
from contextlib import suppress

import msgspec
import numpy as np

from ringback.audio.frames import LENGTHS
from ringback.audio.live_frames import FromChild, Ready, ToChild, from_child, pack
from ringback.audio.process import fate, spawn
from ringback.audio.samples import Samples


class ChildDied(Exception):
    """It crashed, hung, or spoke nonsense; the message says which."""


class LiveChild:
    """Made by `start`. It decodes the files of one stream and is then ended."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=_AHEAD)

    @classmethod
    async def start(cls) -> "LiveChild":
        """A child that has said that it is ready. Raises `OSError` when it does not come to that."""
        process, ours = spawn("ringback.audio.live_child")
        try:
            child = cls(process, *await asyncio.open_unix_connection(sock=ours, limit=_AHEAD))
        except BaseException:
            ours.close()
            process.kill()
            process.wait()
            raise
        try:
            async with asyncio.timeout(_START_PATIENCE):
                ready, _ = await child.receive()
            assert isinstance(ready, Ready)
        except (ChildDied, TimeoutError) as died:
            await child.end()
            raise OSError(f"the decoding process did not start: {died}") from None
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def send(self, message: ToChild, body: bytes | memoryview = b"") -> None:
        """Waits while the child has not taken what was sent before; nothing happens when it has died."""
        if self._writer.is_closing():
            return  # uvloop raises RuntimeError for a closed transport, asyncio only warns.
        self._writer.writelines(pack(message, body))
        with suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self) -> tuple[FromChild, Samples]:
        """What it says next, with its samples, if any. Raises `ChildDied`."""
        try:
            header, payload = LENGTHS.unpack(await self._reader.readexactly(LENGTHS.size))
            # The child met hostile bytes: it is not trusted with our memory either.
            if header > _LONGEST_HEADER or payload > _LONGEST_PAYLOAD or payload % 4:
                raise ChildDied("sent a frame of an impossible size")
            message = from_child(await self._reader.readexactly(header))
            return message, np.frombuffer(await self._reader.readexactly(payload), np.float32)
        except msgspec.DecodeError as nonsense:
            raise ChildDied(f"sent a frame that is none: {nonsense}") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChildDied(fate(await asyncio.to_thread(self._process.wait))) from None

    async def end(self) -> None:
        """Kill it: it holds nothing that could be lost."""
        self._process.kill()
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.to_thread(self._process.wait)


_START_PATIENCE = 60.0
"""Seconds; a start takes a third of one on an idle core."""
_AHEAD = 1 << 16
"""Bytes that may wait in either direction: half a second of sound, and of what it is made from."""
_LONGEST_HEADER = 1 << 16
_LONGEST_PAYLOAD = 1 << 26
"""Bytes; a packet decodes to much less, but a header may come with twenty channels and long frames."""
