"""The ledger that the settings name: a SQLite file, or a PostgreSQL database."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ringback.blobs import blob_store_at
from ringback.blobs.location import parse_blobs_url
from ringback.bootstrap.blob_store import BlobStoreIdentity, adopt_empty_store
from ringback.clock import Clock
from ringback.errors import Misconfigured
from ringback.jobs.daily_audio import DailyAudioStore
from ringback.jobs.rescuer import RescuerStore
from ringback.jobs.round_turns import Turns
from ringback.jobs.worker import WorkerStore
from ringback.server.route_stores import ProbeStore, RouteStore
from ringback.settings import Settings
from ringback.storage.sqlite import LedgerFileReport, SqliteLedger
from ringback.storage.sqlite.examination import examine as examine_file
from ringback.storage.sqlite.schema import prepare, version
from ringback.streaming.http_relay import RelayStore
from ringback.streaming.record import StreamRecordStore
from ringback.transcription.erasing import EraseStore
from ringback.transcription.progress import ProgressStore
from ringback.transcription.retention import RetentionStore
from ringback.transcription.sweep import SweepStore

if TYPE_CHECKING:
    from ringback.storage.postgres.examination import DatabaseReport
    from ringback.storage.postgres.nodes import Node as Node  # noqa: PLC0414 - for `cli.doctor_cluster`

__all__ = ["SQLITE_FILE", "ClusterStore", "Ledger", "LedgerFileReport", "Migrated", "OpenedLedger"]

SQLITE_FILE = "ringback.db"


class Ledger(
    RouteStore,
    ProbeStore,
    WorkerStore,
    RescuerStore,
    StreamRecordStore,
    RelayStore,
    RetentionStore,
    SweepStore,
    EraseStore,
    DailyAudioStore,
    BlobStoreIdentity,
    Protocol,
):
    """Jobs, keys, the audio they use in a day, and which blob store is theirs.

    Each consumer's own protocol is a part of it. Implemented by `storage.sqlite` and `storage.postgres`.
    """


class ClusterStore(Turns, ProgressStore, Protocol):
    """What nodes tell one another through the ledger that they share."""

    async def nodes(self) -> "Sequence[Node]":
        """The processes that serve, and those that died within a day."""
        ...


@dataclass(frozen=True, slots=True)
class OpenedLedger:
    """A ledger to serve from."""

    ledger: Ledger
    cluster: ClusterStore | None
    """None: this process is alone with it."""
    node: str | None = None
    """What this process is called there; new at every start."""
    interrupted: int = 0
    """Jobs that were in work when an earlier process ended, and are due again."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """The versions of a schema before and after. 0: there was none."""

    before: int
    after: int


async def open_to_serve(
    settings: Settings, clock: Clock, fixed_caps: Mapping[str, int], stack: AsyncExitStack
) -> OpenedLedger:
    """For a process that works on jobs. Raises `Misconfigured`, or `LedgerUnavailable`."""
    if not settings.database_url:
        path = settings.data_path / SQLITE_FILE
        alone = await SqliteLedger.open(path, clock, serving=True, fixed_caps=fixed_caps)
        return OpenedLedger(await stack.enter_async_context(alone), None, interrupted=alone.interrupted)
    _check_extra()
    from ringback.storage.postgres import NodeFacts, PostgresLedger  # noqa: PLC0415 - there with the extra alone

    node = NodeFacts.of_this_process(settings.role)
    shared = await PostgresLedger.open(settings.database_url, serving=True, fixed_caps=fixed_caps, node=node)
    return OpenedLedger(await stack.enter_async_context(shared), shared, node.id, shared.interrupted)


async def open_beside(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[Ledger]:
    """For a command, whether or not a server works on the same ledger. Raises as `open_to_serve` does."""
    if not settings.database_url:
        return await SqliteLedger.open(settings.data_path / SQLITE_FILE, clock, serving=False)
    _check_extra()
    from ringback.storage.postgres import PostgresLedger  # noqa: PLC0415 - as above

    return await PostgresLedger.open(settings.database_url)


async def open_alone(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[Ledger]:
    """For a command that works on jobs. A ledger that many share is opened beside the others; of a file it
    must be the only user: `Misconfigured` while a server has it."""
    if settings.database_url:
        return await open_beside(settings, clock)
    return await SqliteLedger.open(settings.data_path / SQLITE_FILE, clock, serving=True)


async def migrate(settings: Settings) -> Migrated:
    """Bring the ledger's schema up to date, or make it; raises `Misconfigured` where it is newer."""
    if not settings.database_url:
        return Migrated(*await asyncio.to_thread(_migrate_file, settings.data_path / SQLITE_FILE))
    _check_extra()
    from ringback.storage.postgres import schema  # noqa: PLC0415 - as above

    before = await schema.version(settings.database_url)
    return Migrated(before, await schema.migrate(settings.database_url))


async def begin_with_new_store(settings: Settings, clock: Clock) -> None:
    """Make the empty store at `blobs_url` the ledger's. Raises `Misconfigured`, or `OSError`."""
    async with (
        await open_beside(settings, clock) as ledger,
        blob_store_at(settings.blobs_url, settings.data_path, clock) as blobs,
    ):
        await adopt_empty_store(ledger, blobs, parse_blobs_url(settings.blobs_url).display_name)


def examine_ledger_file(settings: Settings) -> LedgerFileReport:
    """How the ledger in the data folder does. Raises as `open_to_serve` does."""
    return examine_file(settings.data_path / SQLITE_FILE)


async def examine_database(settings: Settings) -> "DatabaseReport":
    """How the database of `database_url` does. Raises as `open_to_serve` does."""
    _check_extra()
    from ringback.storage.postgres.examination import examine  # noqa: PLC0415 - as above

    return await examine(settings.database_url)


def _migrate_file(path: Path) -> tuple[int, int]:
    before = version(path)
    prepare(path)
    return before, version(path)


def _check_extra() -> None:
    try:
        import asyncpg  # noqa: F401, PLC0415 - as above
    except ImportError:
        raise Misconfigured(
            "database_url: PostgreSQL needs the extra `cluster`, which is not installed: run "
            "`make setup EXTRAS=cluster`, or install `ringback[cluster]`"
        ) from None
