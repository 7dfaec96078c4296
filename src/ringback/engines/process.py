"""One engine process, as the serving process sees it: start it, talk with it, end it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import numpy as np

from ringback.child_process.process import ChildDied, ChildProcess, ChildProgram
from ringback.engines import messages
from ringback.engines.segment_queue import Segment
from ringback.engines.utterances import SentUtterances

ENGINE = ChildProgram(
    "ringback.engines.child",
    messages.FROM_ENGINE,
    max_body_bytes=0,
    # What the models' libraries and a GPU's driver read.
    inherits=(
        *("TZ", "XDG_CACHE_HOME", "CUDA_", "NVIDIA_", "CT2_", "MKL_", "KMP_", "OMP_", "GOMP_", "DNNL_"),
        *("ONEDNN_", "OPENBLAS_", "ORT_", "MALLOC_", "TOKENIZERS_", "RAYON_"),
    ),
    sets=(
        # glibc's arena per thread would each keep a window's worth of memory: 80 MB with two threads.
        ("MALLOC_ARENA_MAX", "1"),
        # Blocks up to 32 MB in the heap, where a network finds them again for its next segment: the kernel
        # would clear their pages each time. In huge pages, where it gives them to those who ask.
        (
            "GLIBC_TUNABLES",
            "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864",
        ),
        # oneDNN keeps what it prepares for each shape, for 1,024 by default: every length of speech is one,
        # and three hours left 100 MB of them. Preparing one again takes no time that could be measured.
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16"),
    ),
)


class EngineProcess:
    """Made by `engine_process`. Sending does not block: messages are buffered."""

    def __init__(self, child: ChildProcess[messages.FromEngine]) -> None:
        self._child = child
        self._utterances = SentUtterances()
        self.pid = child.pid

    def send_batch(self, number: int, segments: list[Segment]) -> None:
        """Send a batch: at least one segment, all with the same task and urgency."""
        texts = tuple(segment.text for segment in segments if segment.text)
        new = [self._utterances.unsent(segment) for segment in segments if segment.utterance is not None]
        speech = [samples for _, samples in new] or [segment.samples for segment in segments]
        batch = messages.Batch(
            number,
            segments[0].urgency,
            segments[0].task,
            tuple(map(len, speech)),
            texts,
            tuple(part for part, _ in new),
        )
        self._child.write_message(batch, *(np.ascontiguousarray(each, np.float32).data for each in speech))

    def close_utterances(self, busy: Collection[str]) -> None:
        """Have those dropped that `drop_utterance` named, and that are not among the `busy` sources."""
        for source in self._utterances.take_dropped(busy):
            self._child.write_message(messages.CloseUtterance(source))

    def drop_utterance(self, source: str) -> None:
        """The utterance of this source, if there is one, will not be ended, or the engine has lost it."""
        self._utterances.drop(source)

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
