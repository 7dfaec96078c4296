"""A service: a name and a `run()` that ends when it is told to stop."""

import asyncio
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
