"""How far each running transcription is, for whoever looks while it runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ringback import telemetry
from ringback.jobs.activity import Activity
from ringback.jobs.job import JobId
from ringback.jobs.store import LedgerUnavailable
from ringback.service import every


@dataclass(frozen=True, slots=True)
class Reached:
    """Seconds of audio recognised, and the recording's length where the container claims one."""

    seconds: float
    duration: float | None


class Progress:
    """A blackboard in memory: written by the handlers, read by the history routes."""

    def __init__(self, activity: Activity | None = None) -> None:
        """`activity`: what is told of each step."""
        self._reached: dict[JobId, Reached] = {}
        self._activity = activity

    def reach(self, job: JobId, seconds: float, duration: float | None) -> None:
        self._reached[job] = Reached(seconds, duration)
        if self._activity is not None:
            self._activity.note()

    def here(self, job: JobId) -> float:
        """Seconds of audio that this process has recognised of it."""
        reached = self._reached.get(job)
        return 0.0 if reached is None else reached.seconds

    def end(self, job: JobId) -> None:
        self._reached.pop(job, None)

    async def of(self, job: JobId) -> Reached | None:
        return self._reached.get(job)


class Board(Protocol):
    """Where all nodes look: seconds, and duration, by job. It may lose what it shows."""

    async def show_progress(self, reached: Mapping[JobId, tuple[float, float | None]]) -> None: ...

    async def progress_of(self, job: JobId) -> tuple[float, float | None] | None: ...


EVERY = 1.0
"""Seconds between two looks of a node at what to show: one small write, and none when nothing has moved."""


class SharedProgress(Progress):
    """A service: shows what this node has reached to the others, and what they have to this one."""

    name = "progress"

    def __init__(self, board: Board, activity: Activity | None = None) -> None:
        super().__init__(activity)
        self._board = board
        self._shown: dict[JobId, Reached] = {}

    async def of(self, job: JobId) -> Reached | None:
        here = await super().of(job)
        if here is not None:
            return here
        there = await self._board.progress_of(job)
        return None if there is None else Reached(*there)

    async def run(self, stopping: asyncio.Event) -> None:
        await every(EVERY, self._show, stopping)

    async def _show(self) -> None:
        now = dict(self._reached)
        moved = {job: reached for job, reached in now.items() if self._shown.get(job) != reached}
        if moved:
            try:
                await self._board.show_progress(
                    {job: (reached.seconds, reached.duration) for job, reached in moved.items()}
                )
            except LedgerUnavailable as error:
                telemetry.problem("progress.not_shown", error=str(error))
                return
        self._shown = now
