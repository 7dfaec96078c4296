"""A write whose caller waits for its result."""

import asyncio
from typing import Any, Generic, TypeVar

from ringback.jobs.batch import JobBatch
from ringback.jobs.commands import JobCommand

W = TypeVar("W")


class PendingWrite(Generic[W]):
    """The work, then its result or error; `answer` passes these to the caller."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: W, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def answer(self) -> None:
        if self.future.done():
            return  # its caller was cancelled
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class PendingCommand(PendingWrite[JobCommand[Any]]):
    __slots__ = ()

    def decide(self, batch: JobBatch) -> None:
        """An error is kept for the caller: a command that raises has changed nothing of the batch."""
        self.error = None
        try:
            self.result = self.work.decide(batch)
        except Exception as error:
            self.error = error
