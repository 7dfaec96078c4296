"""Runs a command's work on the ledger itself, whether or not a server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ringback.bootstrap.ledger import Ledger, open_beside
from ringback.cli.options import make_data_folder
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.keys import ApiKey, KeyStore, Project
from ringback.settings import Settings

T = TypeVar("T")


def run_in_ledger(settings: Settings, work: Callable[[Ledger], Awaitable[T]]) -> T:
    """Run `work` on the ledger that the settings name, which is made if there is none yet."""

    async def run() -> T:
        make_data_folder(settings)
        async with await open_beside(settings, SystemClock()) as ledger:
            return await work(ledger)

    return asyncio.run(run())


async def find_project(ledger: KeyStore, name: str | None) -> Project:
    """By its name or identifier; None: the first. Raises `Misconfigured`."""
    projects = await ledger.projects()
    if name is None:
        return projects[0]
    for project in projects:
        if name in (project.id, project.name):
            return project
    raise Misconfigured(f"There is no project {name}: `ringback projects list` shows those that there are.")


async def find_key(ledger: KeyStore, key_id: str) -> ApiKey:
    """By its identifier, in whichever project. Raises `Misconfigured`."""
    for project in await ledger.projects():
        for key in await ledger.keys(project.id):
            if key.id == key_id:
                return key
    raise Misconfigured(f"There is no key {key_id}: `ringback keys list` shows those that there are.")
