"""Erasing by a command, where no server runs that would do it."""

from contextlib import AsyncExitStack

from ringback.blobs import blob_store_at
from ringback.bootstrap.ledger import open_alone
from ringback.clock import Clock
from ringback.errors import Misconfigured
from ringback.server.request_lookup import REQUEST_KINDS
from ringback.settings import Settings
from ringback.transcription.erasing import Erasing


async def erase_deleted_projects(settings: Settings, clock: Clock) -> bool:
    """Erase what deleted projects have left; False: the server that has this ledger does it."""
    async with AsyncExitStack() as stack:
        try:
            ledger = await stack.enter_async_context(await open_alone(settings, clock))
        except Misconfigured:
            return False
        blobs = await stack.enter_async_context(blob_store_at(settings.blobs_url, settings.data_path, clock))
        erasing = Erasing(blobs, ledger, REQUEST_KINDS)
        for project in await ledger.deleted_projects():
            await erasing.project(project)
    return True
