"""A write that somebody waits for."""

import asyncio
from typing import Any, Generic, TypeVar

from ringback.jobs.batch import JobBatch
from ringback.jobs.commands import JobCommand

W = TypeVar("W")


class PendingWrite(Generic[W]):
    """What is to be done, and what came of it; `answer` tells the caller."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: W, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def answer(self) -> None:
        if self.future.done():
            return  # its caller has gone
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class PendingCommand(PendingWrite[JobCommand[Any]]):
    __slots__ = ()

    def decide(self, batch: JobBatch) -> None:
        """What the command refuses, it refuses before it has changed anything."""
        self.error = None
        try:
            self.result = self.work.decide(batch)
        except Exception as error:
            self.error = error
