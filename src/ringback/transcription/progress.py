"""How far each running transcription is."""

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
    """In memory: written by the handlers, read by the history routes."""

    def __init__(self, activity: Activity | None = None) -> None:
        """`activity` is notified of each step."""
        self._reached: dict[JobId, Reached] = {}
        self._activity = activity

    def reach(self, job: JobId, seconds: float, duration: float | None) -> None:
        self._reached[job] = Reached(seconds, duration)
        if self._activity is not None:
            self._activity.note()

    def recognised_here(self, job: JobId) -> float:
        """Seconds of audio that this process has recognised of it."""
        reached = self._reached.get(job)
        return 0.0 if reached is None else reached.seconds

    def end(self, job: JobId) -> None:
        self._reached.pop(job, None)

    async def of(self, job: JobId) -> Reached | None:
        return self._reached.get(job)


class ProgressStore(Protocol):
    """Shared by all nodes: seconds, and duration, by job. It may lose them."""

    async def show_progress(self, reached: Mapping[JobId, tuple[float, float | None]]) -> None: ...

    async def progress_of(self, job: JobId) -> tuple[float, float | None] | None: ...


EVERY = 1.0
"""Seconds between two writes of a node: small ones, and none when nothing has changed."""


class SharedProgress(Progress):
    """A service: shares the progress of this node with the others."""

    name = "progress"

    def __init__(self, store: ProgressStore, activity: Activity | None = None) -> None:
        super().__init__(activity)
        self._store = store
        self._written: dict[JobId, Reached] = {}

    async def of(self, job: JobId) -> Reached | None:
        own = await super().of(job)
        if own is not None:
            return own
        other = await self._store.progress_of(job)
        return None if other is None else Reached(*other)

    async def run(self, stopping: asyncio.Event) -> None:
        await every(EVERY, self._write_changes, stopping)

    async def _write_changes(self) -> None:
        now = dict(self._reached)
        changed = {job: reached for job, reached in now.items() if self._written.get(job) != reached}
        if changed:
            try:
                await self._store.show_progress(
                    {job: (reached.seconds, reached.duration) for job, reached in changed.items()}
                )
            except LedgerUnavailable as error:
                telemetry.problem("progress.not_shown", error=str(error))
                return
        self._written = now
