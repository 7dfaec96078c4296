"""The turn model for all live streams: one thread of its own, one pause at a time.

Not in the thread of voice activity detection, where 31 ms would hold up every stream; nor in the
engine, where a verdict would wait behind recognition. onnxruntime releases the interpreter's lock.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ringback.audio.samples import Samples
from ringback.errors import Misconfigured
from ringback.telemetry import TURN_VERDICT_SECONDS

if TYPE_CHECKING:
    from ringback.engines.turn_model import SmartTurn


class TurnDetector:
    """A Service. The model is loaded when the first stream asks for it."""

    name = "turn-detector"

    def __init__(self, file: Path | None) -> None:
        """`file`: of the model; None: it is not installed, and no stream may ask."""
        self._file = file
        self._thread = ThreadPoolExecutor(1, "turns")
        self._model: SmartTurn | None = None

    @property
    def available(self) -> bool:
        """Whether the model is installed."""
        return self._file is not None

    def prepare(self) -> None:
        """Load the model now: a stream is there that will ask soon."""
        if self._model is None:
            # What is wrong with it is told to whom asks for a verdict.
            asyncio.get_running_loop().run_in_executor(self._thread, self._load).add_done_callback(_ignore)

    def judge(self, turn: Samples) -> asyncio.Future[float]:
        """The speech of a turn with the pause behind it: how probably it is complete. The future raises
        `Misconfigured` where the model cannot be read."""
        began = time.perf_counter()
        verdict = asyncio.get_running_loop().run_in_executor(self._thread, self._completeness, turn)
        verdict.add_done_callback(lambda _: TURN_VERDICT_SECONDS.observe(time.perf_counter() - began))
        return verdict

    async def run(self, stopping: asyncio.Event) -> None:
        """Until the stop; pauses that wait are not judged any more."""
        try:
            await stopping.wait()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _completeness(self, turn: Samples) -> float:
        return self._load().completeness(turn)

    def _load(self) -> "SmartTurn":
        """In the thread."""
        if self._model is None:
            from ringback.engines.turn_model import SmartTurn  # noqa: PLC0415 - a server without turns spares it

            if self._file is None:
                raise Misconfigured("the turn model is not installed: `make setup EXTRAS=turns`")
            self._model = SmartTurn(self._file)
        return self._model


def _ignore(loaded: "asyncio.Future[SmartTurn]") -> None:
    if not loaded.cancelled():
        loaded.exception()
