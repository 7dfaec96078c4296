"""Speech detection for all live streams: one thread, and one call of it for all channels in a round.

The thread belongs to the serving process: samples need not travel, and onnxruntime releases the
interpreter's lock. A round takes what has come since the one before; a window costs some 70 µs, so that
sixteen streams cost 4 % of a core. Silero's model has no axis for channels (its first one is time), so
within the thread each channel is a run of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ringback.audio.chunker import WINDOW
from ringback.audio.samples import Samples
from ringback.service import until

if TYPE_CHECKING:
    from ringback.audio.speech import Detector, SpeechModel

OnWindows = Callable[[Sequence[tuple[float, float]]], None]
"""Called with (probability of speech, loudness) of the next windows of a channel."""


class VadService:
    """A Service. Streams may be opened before it runs: they wait."""

    name = "vad"

    def __init__(self) -> None:
        self._streams: dict[VadStream, None] = {}
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self._model: SpeechModel | None = None

    def open_stream(self, on_windows: OnWindows) -> "VadStream":
        """The VAD of one channel; `on_windows` is called on the event loop."""
        stream = VadStream(self, on_windows)
        self._streams[stream] = None
        return stream

    async def run(self, stopping: asyncio.Event) -> None:
        """Process what was pushed, until the stop."""
        await until(stopping, self._run_rounds())

    async def _run_rounds(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "vad") as thread:
            while True:
                await self._due.wait()
                self._due.clear()
                self._urgent.clear()
                began = loop.time()
                work = [
                    (stream, samples)
                    for stream in list(self._streams)
                    if len(samples := stream.take_windows())
                ]
                for stream, windows in await loop.run_in_executor(thread, self._process_windows, work):
                    stream.report_windows(windows)
                await self._pause(began + _TICK - loop.time())

    async def _pause(self, seconds: float) -> None:
        """Let a few windows come together, unless a result is urgent."""
        if seconds > 0 and not self._urgent.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._urgent.wait()
            except TimeoutError:
                pass

    def _process_windows(
        self, work: Sequence[tuple["VadStream", Samples]]
    ) -> list[tuple["VadStream", Sequence[tuple[float, float]]]]:
        """In the thread. Loads the model when the first stream comes."""
        if self._model is None:
            # Not at the top: 60 MB that a server without streams spares.
            from ringback.audio.speech import speech_model  # noqa: PLC0415

            self._model = speech_model()
        return [(stream, stream.detector(self._model).judge(samples)) for stream, samples in work]

    def wake(self, *, urgently: bool) -> None:
        self._due.set()
        if urgently:
            self._urgent.set()

    def remove_stream(self, stream: "VadStream") -> None:
        self._streams.pop(stream, None)


class VadStream:
    """One channel of one stream, at 16 kHz."""

    def __init__(self, service: VadService, on_windows: OnWindows) -> None:
        self._service = service
        self._on_windows = on_windows
        self._detector: Detector | None = None
        self._pending: list[Samples] = []
        self._pending_samples = 0
        self._processed = asyncio.Event()
        self._processed.set()

    def push_samples(self, samples: Samples) -> None:
        """More audio, in order. Never waits: the caller bounds how much may be pending."""
        self._pending.append(samples)
        self._pending_samples += len(samples)
        if self._pending_samples >= WINDOW:
            self._processed.clear()
            # A second or more at once: more windows will not come together by waiting.
            self._service.wake(urgently=self._pending_samples >= _URGENT_SAMPLES)

    async def wait_processed(self) -> None:
        """Return when all whole windows were processed and reported."""
        if not self._processed.is_set():
            self._service.wake(urgently=True)
            await self._processed.wait()

    def close(self) -> None:
        self._service.remove_stream(self)
        self._processed.set()

    def take_windows(self) -> Samples:
        """The pending whole windows, as many as one round takes. For the service only."""
        whole = min(self._pending_samples // WINDOW, _MAX_WINDOWS) * WINDOW
        if not whole:
            return _NO_SAMPLES
        samples = np.concatenate(self._pending)
        self._pending = [samples[whole:]]
        self._pending_samples -= whole
        if self._pending_samples >= WINDOW:
            self._service.wake(urgently=True)
        return samples[:whole]

    def detector(self, model: "SpeechModel") -> "Detector":
        if self._detector is None:
            from ringback.audio.speech import Detector  # noqa: PLC0415 - see VadService

            self._detector = Detector(model)
        return self._detector

    def report_windows(self, windows: Sequence[tuple[float, float]]) -> None:
        """Report results, on the event loop. For the service only."""
        if self._pending_samples < WINDOW:
            self._processed.set()
        self._on_windows(windows)


_TICK = 0.064
"""Seconds between two rounds, unless a result is urgent."""
_MAX_WINDOWS = 64
"""Windows of one channel in one round: two seconds, so that one fast stream cannot delay the others."""
_URGENT_SAMPLES = 16_000
"""Samples."""
_NO_SAMPLES = np.zeros(0, np.float32)
