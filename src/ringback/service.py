"""A service: a name and a `run()` that ends when `stopping` is set; the order in which many do; and the forms
that most of their loops and waits have."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Service(Protocol):
    @property
    def name(self) -> str: ...

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then take no more, finish within grace, and return.

        Returning or raising before `stopping` is set ends the whole process: without the service it would
        accept work that is never done.
        """
        ...


class ServiceEnded(Exception):
    """A service returned before `stopping` was set."""


async def every(seconds: float, work: Callable[[], Awaitable[float | None]], stopping: asyncio.Event) -> None:
    """Do the work now, and again so many seconds after each end of it, until `stopping` is set.

    The work may return another pause, in seconds, for once. What it raises ends the loop.
    """
    while not stopping.is_set():
        pause = await work()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds if pause is None else pause):
                await stopping.wait()


async def until(stopping: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What the work returns; None where `stopping` is set first: then it was cancelled, and has ended.

    Raises what the work raises, also when that is its answer to being cancelled.
    """
    task = asyncio.ensure_future(work)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    return None if task.cancelled() else task.result()


async def all_results(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all at once; their results, in order. The first failure ends the others and is raised as it is,
    once they have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def run_in_stages(stages: Sequence[Sequence[Service]], stopping: asyncio.Event) -> None:
    """Run all stages' services; once `stopping` is set, end the stages from the last to the first.

    A stage has ended before the one before it, which it needs, is stopped.
    """
    stops = [asyncio.Event() for _ in stages]
    async with asyncio.TaskGroup() as group:
        running = [
            [group.create_task(_run_until_stopped(service, stop), name=service.name) for service in stage]
            for stage, stop in zip(stages, stops, strict=True)
        ]
        await stopping.wait()
        for tasks, stop in zip(reversed(running), reversed(stops), strict=True):
            stop.set()
            if tasks:
                await asyncio.wait(tasks)


async def _run_until_stopped(service: Service, stopping: asyncio.Event) -> None:
    await service.run(stopping)
    if not stopping.is_set():
        raise ServiceEnded(service.name)
