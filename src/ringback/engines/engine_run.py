"""What the pool knows of one engine process: its threads, and the batches that it has."""

import asyncio
from dataclasses import dataclass, field

from ringback.engines.process import EngineProcess
from ringback.engines.segment_queue import Segment


@dataclass(slots=True)
class InFlight:
    """A batch that the process has."""

    segments: list[Segment]
    deadline: asyncio.TimerHandle | None = None
    """Set once a thread of the engine has begun it."""


@dataclass(slots=True)
class EngineRun:
    """One engine process from its start to its end."""

    process: EngineProcess
    threads: int = 1
    batch_limit: int = 1
    in_flight: dict[int, InFlight] = field(default_factory=dict)
    """By the batch's number."""
    hung: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The number of the first batch that ran past its deadline."""

    @property
    def batches(self) -> list[list[Segment]]:
        """The segments of each batch in flight."""
        return [batch.segments for batch in self.in_flight.values()]

    def pop_batch(self, number: int) -> InFlight:
        """A batch that the process has no more."""
        batch = self.in_flight.pop(number)
        if batch.deadline is not None:
            batch.deadline.cancel()
        self.close_dropped()
        return batch

    def close_dropped(self) -> None:
        """Have the utterances dropped that will not be ended, and of which no batch is in flight."""
        busy = {segment.source for batch in self.batches for segment in batch}
        self.process.close_utterances(busy)

    def set_hung(self, number: int) -> None:
        """This batch has run past its deadline."""
        if not self.hung.done():
            self.hung.set_result(number)
