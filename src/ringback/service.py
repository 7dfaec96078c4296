"""A service: a name and a `run()` that ends when it is told to stop; and the order in which many do."""

import asyncio
from collections.abc import Sequence
from typing import Protocol


class Service(Protocol):
    @property
    def name(self) -> str: ...

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then take no more, finish within grace, and return.

        Returning or raising before `stopping` is set brings the whole process down: a service that
        silently ends would be a promise silently broken.
        """
        ...


class ServiceEnded(Exception):
    """A service returned although nobody asked it to."""


async def run_in_stages(stages: Sequence[Sequence[Service]], stopping: asyncio.Event) -> None:
    """Run all stages' services; once `stopping` is set, end the stages from the last to the first.

    Each stage has ended before the one that it stands on is told to stop.
    """
    bells = [asyncio.Event() for _ in stages]
    async with asyncio.TaskGroup() as group:
        running = [
            [group.create_task(_kept_up(service, bell), name=service.name) for service in stage]
            for stage, bell in zip(stages, bells, strict=True)
        ]
        await stopping.wait()
        for tasks, bell in zip(reversed(running), reversed(bells), strict=True):
            bell.set()
            if tasks:
                await asyncio.wait(tasks)


async def _kept_up(service: Service, stopping: asyncio.Event) -> None:
    await service.run(stopping)
    if not stopping.is_set():
        raise ServiceEnded(service.name)
