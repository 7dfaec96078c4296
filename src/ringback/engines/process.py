"""One engine process, as the serving process sees it: start it, talk with it, end it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import numpy as np

from ringback.engines import messages
from ringback.engines.segment_queue import Segment

_ENVIRONMENT = {
    # CTranslate2 and numpy would each start a thread per core for every one of our threads.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc's arena per thread would each keep a window's worth of memory: 80 MB with two threads.
    "MALLOC_ARENA_MAX": "1",
    # Nothing is fetched at run time.
    "HF_HUB_OFFLINE": "1",
}


class EngineProcess:
    """Made by `engine_process`. Sending does not block: messages are buffered."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_batch(self, number: int, segments: list[Segment]) -> None:
        """Send a batch: at least one segment, all with the same task and urgency."""
        lengths = tuple(len(segment.samples) for segment in segments)
        batch = messages.Batch(number, segments[0].urgency, segments[0].task, lengths)
        self._writer.write(messages.head(batch, 4 * sum(lengths)))
        for segment in segments:
            self._writer.write(np.ascontiguousarray(segment.samples, np.float32).tobytes())

    async def receive_message(self) -> messages.FromEngine | None:
        """The next message; None when the process has died, or sent something that is not a message."""
        try:
            lengths = await self._reader.readexactly(messages.LENGTHS.size)
            header_size, _ = messages.LENGTHS.unpack(lengths)
            return messages.from_engine(await self._reader.readexactly(header_size))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended; negative for a signal."""
        return self._process.returncode

    async def kill(self) -> None:
        """Kill it, and close our side."""
        self._process.kill()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        await asyncio.to_thread(self._process.wait)


@asynccontextmanager
async def engine_process(setup: messages.EngineSetup) -> AsyncIterator[EngineProcess]:
    """A new engine process that was sent its set-up; killed when the context ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.to_thread(_spawn, theirs)
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    engine = EngineProcess(process, reader, writer)
    try:
        writer.write(messages.head(setup))
        yield engine
    finally:
        await engine.kill()


def _spawn(connection: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, "-P", "-m", "ringback.engines.child", str(connection.fileno())],
        stdin=subprocess.DEVNULL,
        pass_fds=[connection.fileno()],
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """What Python, the models' libraries and a GPU's driver read; never a secret of this server's."""
    return {name: value for name, value in os.environ.items() if name.startswith(_NEEDED)} | _ENVIRONMENT


_NEEDED = (
    *(
        "PATH",
        "PYTHON",
        "LD_",
        "DYLD_",
        "LANG",
        "LC_",
        "TZ",
        "HOME",
        "TMPDIR",
        "VIRTUAL_ENV",
        "XDG_CACHE_HOME",
    ),
    *("CUDA_", "NVIDIA_", "CT2_", "MKL_", "KMP_", "OMP_", "GOMP_", "DNNL_", "ONEDNN_", "OPENBLAS_", "ORT_"),
    *("MALLOC_", "GLIBC_TUNABLES", "HF_HUB_", "TOKENIZERS_", "RAYON_"),
)
