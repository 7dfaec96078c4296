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
    from ringback.audio.speech import Detector, Silero

Judged = Callable[[Sequence[tuple[float, float]]], None]
"""Told (probability of speech, loudness) of the next windows of a channel."""


class Listening:
    """A Service. Ears may be opened before it runs: they wait."""

    name = "listening"

    def __init__(self) -> None:
        self._ears: dict[Ear, None] = {}
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self._silero: Silero | None = None

    def ear(self, judged: Judged) -> "Ear":
        """For one channel; `judged` is called on the event loop."""
        ear = Ear(self, judged)
        self._ears[ear] = None
        return ear

    async def run(self, stopping: asyncio.Event) -> None:
        """Judge what ears have heard, until told to stop."""
        await until(stopping, self._rounds())

    async def _rounds(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "listening") as thread:
            while True:
                await self._due.wait()
                self._due.clear()
                self._urgent.clear()
                began = loop.time()
                work = [(ear, samples) for ear in list(self._ears) if len(samples := ear.take())]
                for ear, windows in await loop.run_in_executor(thread, self._judge, work):
                    ear.report(windows)
                await self._pause(began + _TICK - loop.time())

    async def _pause(self, seconds: float) -> None:
        """Let a few windows come together, unless somebody waits for the verdict."""
        if seconds > 0 and not self._urgent.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._urgent.wait()
            except TimeoutError:
                pass

    def _judge(
        self, work: Sequence[tuple["Ear", Samples]]
    ) -> list[tuple["Ear", Sequence[tuple[float, float]]]]:
        """In the thread. Loads the model when the first stream comes."""
        if self._silero is None:
            from ringback.audio.speech import Silero  # noqa: PLC0415 - 60 MB that a server without streams spares

            self._silero = Silero()
        return [(ear, ear.detector(self._silero).judge(samples)) for ear, samples in work]

    def wake(self, *, urgently: bool) -> None:
        self._due.set()
        if urgently:
            self._urgent.set()

    def forget(self, ear: "Ear") -> None:
        self._ears.pop(ear, None)


class Ear:
    """One channel of one stream, at 16 kHz."""

    def __init__(self, listening: Listening, judged: Judged) -> None:
        self._listening = listening
        self._judged = judged
        self._detector: Detector | None = None
        self._waiting: list[Samples] = []
        self._samples = 0
        self._caught_up = asyncio.Event()
        self._caught_up.set()

    def hear(self, samples: Samples) -> None:
        """More audio, in order. Taken at once: who calls bounds what may wait."""
        self._waiting.append(samples)
        self._samples += len(samples)
        if self._samples >= WINDOW:
            self._caught_up.clear()
            # A second or more is no live audio any more: there is nothing to wait for.
            self._listening.wake(urgently=self._samples >= _MUCH)

    async def caught_up(self) -> None:
        """Return when all whole windows have been judged and told."""
        if not self._caught_up.is_set():
            self._listening.wake(urgently=True)
            await self._caught_up.wait()

    def close(self) -> None:
        self._listening.forget(self)
        self._caught_up.set()

    def take(self) -> Samples:
        """The whole windows that wait, as many as one round takes; the listener's own."""
        whole = min(self._samples // WINDOW, _MOST) * WINDOW
        if not whole:
            return _NOTHING
        samples = np.concatenate(self._waiting)
        self._waiting = [samples[whole:]]
        self._samples -= whole
        if self._samples >= WINDOW:
            self._listening.wake(urgently=True)
        return samples[:whole]

    def detector(self, silero: "Silero") -> "Detector":
        if self._detector is None:
            from ringback.audio.speech import Detector  # noqa: PLC0415 - see Listening

            self._detector = Detector(silero)
        return self._detector

    def report(self, windows: Sequence[tuple[float, float]]) -> None:
        """Back on the loop: tell; the listener's own."""
        if self._samples < WINDOW:
            self._caught_up.set()
        self._judged(windows)


_TICK = 0.064
"""Seconds between two rounds, unless somebody is in a hurry."""
_MOST = 64
"""Windows of one channel in one round: two seconds, so that no flood holds up the others."""
_MUCH = 16_000
"""Samples."""
_NOTHING = np.zeros(0, np.float32)
