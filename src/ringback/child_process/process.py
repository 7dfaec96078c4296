"""The server's side of a child process: start it, talk with it, end it, say how it ended."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from ringback.child_process.framing import LENGTHS, Bytes, pack

FromChild = TypeVar("FromChild")

MAX_HEADER_BYTES = 1 << 22
"""Far more than the words of a whole batch take."""
EXIT_SECONDS = 5.0
"""From the end of its socket to its own; after that the child is said to have closed it."""

_INHERITED = ("PATH", "PYTHON", "LD_", "DYLD_", "LANG", "LC_", "HOME", "TMPDIR", "VIRTUAL_ENV")
"""Variables, by how their names begin, that Python needs to start."""
# Native libraries would otherwise start a thread per core in each process.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class ChildProgram(Generic[FromChild]):
    """What to start, and what to expect of it."""

    module: str
    decoder: msgspec.msgpack.Decoder[FromChild]
    """Of the messages that it sends."""
    max_body_bytes: int
    """It meets callers' bytes: it is not trusted with the server's memory."""
    buffered_bytes: int = 1 << 16
    """What may wait in either direction; a stream reader holds up to twice that."""
    inherits: tuple[str, ...] = ()
    """Further environment variables, by how their names begin. All others stay here: secrets are in them."""
    sets: tuple[tuple[str, str], ...] = ()
    """Environment variables that it gets whatever they are here."""

    def environment(self, server: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The child's environment, from the server's."""
        names = (*_INHERITED, *self.inherits)
        return {k: v for k, v in server.items() if k.startswith(names)} | _ONE_THREAD | dict(self.sets)


class ChildDied(Exception):
    """It crashed, hung, or sent what it must not; the message says which."""


class ChildProcess(Generic[FromChild]):
    """Made by `start`. Its caller must `kill` it."""

    def __init__(
        self,
        program: ChildProgram[FromChild],
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._program = program
        self._process = process
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=program.buffered_bytes)

    @classmethod
    async def start(
        cls, program: ChildProgram[FromChild], *sockets: socket.socket, ready_within: float | None = None
    ) -> "ChildProcess[FromChild]":
        """Start `python -m MODULE FD …`: the number of its socket to us, then those of `sockets`, which stay
        the caller's to close. Raises `OSError`.

        `ready_within`: seconds for its first message, which says that it is ready; None: that is left to the
        caller. Holds the event loop up for the millisecond or two that a vfork takes: a thread that does it
        could start a process for a caller who has been cancelled.
        """
        process, ours = _spawn(program, sockets)
        try:
            streams = await asyncio.open_unix_connection(sock=ours, limit=program.buffered_bytes)
        except BaseException:
            ours.close()
            process.kill()
            process.wait()
            raise
        child = cls(program, process, *streams)
        if ready_within is None:
            return child
        try:
            await child.receive_message(ready_within)
        except ChildDied as died:
            await child.kill()
            raise OSError(f"{program.module} did not start: {died}") from None
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended; negative for a signal."""
        return self._process.returncode

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds; 0 where that is not known."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_bytes().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        return pages * resource.getpagesize()

    def write_message(self, message: msgspec.Struct, *body: Bytes) -> None:
        """Send without a wait; nothing happens when it has died: `receive_message` says so."""
        if not self._writer.is_closing():  # uvloop raises RuntimeError there, asyncio only warns.
            self._writer.writelines(pack(message, *body))

    async def send_message(self, message: msgspec.Struct, *body: Bytes) -> None:
        """The same; waits while the child has not taken what was sent before."""
        self.write_message(message, *body)
        with suppress(ConnectionError):
            await self._writer.drain()

    async def receive_message(self, patience: float | None = None) -> tuple[FromChild, bytes]:
        """Its next message, with its body of whole float32 values. Raises `ChildDied`, also after `patience`
        seconds without one."""
        try:
            async with asyncio.timeout(patience):
                header, body = LENGTHS.unpack(await self._reader.readexactly(LENGTHS.size))
                if header > MAX_HEADER_BYTES or body > self._program.max_body_bytes or body % 4:
                    raise ChildDied("sent a frame of an impossible size")
                message = self._program.decoder.decode(await self._reader.readexactly(header))
                return message, await self._reader.readexactly(body)
        except msgspec.DecodeError as error:
            raise ChildDied(f"sent a frame that is none: {error}") from None
        except TimeoutError:
            raise ChildDied(f"no sign of life in {patience:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChildDied(await self._describe_exit()) from None

    async def kill(self) -> None:
        """Kill it: it holds nothing that could be lost."""
        self._process.kill()
        # A caller that is cancelled meanwhile waits no longer; the process is awaited all the same.
        ended = asyncio.get_running_loop().run_in_executor(None, self._process.wait)
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.shield(ended)

    async def _describe_exit(self) -> str:
        # Its socket ends a moment before its status is known; hostile code may close the socket alone.
        try:
            status = await asyncio.to_thread(self._process.wait, EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its socket"
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _spawn(
    program: ChildProgram[FromChild], sockets: tuple[socket.socket, ...]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process, and our end of the socket whose number it is told first."""
    ours, theirs = socket.socketpair()
    numbers = [each.fileno() for each in (theirs, *sockets)]
    command = [sys.executable, "-P", "-m", program.module, *map(str, numbers)]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no caller's word in it
            command, pass_fds=numbers, stdin=subprocess.DEVNULL, env=program.environment()
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours
