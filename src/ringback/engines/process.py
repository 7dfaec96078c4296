"""One engine process, as the serving process sees it: start it, talk with it, end it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from ringback.child_process.process import ChildDied, ChildProcess, ChildProgram
from ringback.engines import messages
from ringback.engines.segment_queue import Segment

ENGINE = ChildProgram(
    "ringback.engines.child",
    messages.FROM_ENGINE,
    max_body_bytes=0,
    # What the models' libraries and a GPU's driver read.
    inherits=(
        *("TZ", "XDG_CACHE_HOME", "CUDA_", "NVIDIA_", "CT2_", "MKL_", "KMP_", "OMP_", "GOMP_", "DNNL_"),
        *("ONEDNN_", "OPENBLAS_", "ORT_", "MALLOC_", "GLIBC_TUNABLES", "TOKENIZERS_", "RAYON_"),
    ),
    sets=(
        # glibc's arena per thread would each keep a window's worth of memory: 80 MB with two threads.
        ("MALLOC_ARENA_MAX", "1"),
    ),
)


class EngineProcess:
    """Made by `engine_process`. Sending does not block: messages are buffered."""

    def __init__(self, child: ChildProcess[messages.FromEngine]) -> None:
        self._child = child
        self.pid = child.pid

    def send_batch(self, number: int, segments: list[Segment]) -> None:
        """Send a batch: at least one segment, all with the same task and urgency."""
        lengths = tuple(len(segment.samples) for segment in segments)
        texts = tuple(segment.text for segment in segments if segment.text)
        batch = messages.Batch(number, segments[0].urgency, segments[0].task, lengths, texts)
        samples = (np.ascontiguousarray(segment.samples, np.float32).data for segment in segments)
        self._child.write_message(batch, *samples)

    async def receive_message(self) -> messages.FromEngine | None:
        """The next message; None when the process has died, or sent something that is not a message."""
        try:
            message, _ = await self._child.receive_message()
        except ChildDied:
            return None
        return message

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended; negative for a signal."""
        return self._child.status


@asynccontextmanager
async def engine_process(setup: messages.EngineSetup) -> AsyncIterator[EngineProcess]:
    """A new engine process that was sent its set-up; killed when the context ends."""
    child = await ChildProcess.start(ENGINE)
    try:
        child.write_message(setup)
        yield EngineProcess(child)
    finally:
        await child.kill()
