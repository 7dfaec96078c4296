"""A copy of all that a data folder holds, beside the server that works with it."""

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ringback.blobs.snapshot import Snapshot, snapshot
from ringback.bootstrap.ledger import SQLITE_FILE
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.job import LIVE, JobFilter
from ringback.sealing import SECRET_KEY_FILE
from ringback.settings import CONFIG_FILE, Settings
from ringback.storage.sqlite import SqliteLedger
from ringback.storage.sqlite.copying import copy_ledger
from ringback.storage.sqlite.examination import examine
from ringback.system import sync, sync_folder
from ringback.transcription.request import WITH_RESULT, order_of

LEDGER_TRIES = 5
"""Copies of the ledger until one is found whose waiting recordings are all in the snapshot."""

PAGE = 500
COPIED_AT_ONCE = 4 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes that are copied, and all that there are."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds. `blobs`: None: they lie in another place, and were left there."""

    blobs: int | None
    size: int
    """Bytes, of the ledger and the blobs."""
    secret_key: bool
    """False: RINGBACK_SECRET_KEY holds it, which no copy of the folder has."""
    missing: int = 0
    """Recordings that wait to be transcribed and are not in the folder: their requests end with an error."""


async def back_up(settings: Settings, target: Path, progress: Progress) -> Backup:
    """Copy ledger, blobs, secret key and settings file into a folder that is empty or not there yet.

    The ledger is written under its name last: a folder with `ringback.db` holds a complete backup. Raises
    `Misconfigured`, `LedgerUnavailable`, or `OSError`.
    """
    folder = settings.data_path
    if settings.database_url:
        raise Misconfigured(
            "The ledger is in PostgreSQL: back it up with its own tools (pg_basebackup, archived WAL), and "
            "the object store with its own (versioning, replication)."
        )
    if not (folder / SQLITE_FILE).exists():
        raise Misconfigured(f"There is no ledger in {folder}: name the server's folder with --data-dir.")
    _make_empty(target)
    unfinished = target / f"{SQLITE_FILE}.unfinished"
    if settings.blobs_url:
        copy_ledger(folder / SQLITE_FILE, unfinished)
        blobs, size, missing = None, unfinished.stat().st_size, 0
    else:
        with snapshot(folder / "blobs") as links:
            missing = await _copy_ledger_of(links, folder / SQLITE_FILE, unfinished)
            blobs, size = _copy_blobs(links, target, unfinished.stat().st_size, progress)
    _check(unfinished)
    secret_key = _copy_if_there(folder / SECRET_KEY_FILE, target)
    _copy_if_there(folder / CONFIG_FILE, target)
    unfinished.rename(target / SQLITE_FILE)
    _sync_folders(target)
    return Backup(blobs, size, secret_key, missing)


def _make_empty(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(target.iterdir()):
        raise Misconfigured(f"{target} is not empty: name a folder that is new, or empty it.")
    target.chmod(0o700)


async def _copy_ledger_of(links: Snapshot, ledger: Path, target: Path) -> int:
    """Make a copy all of whose waiting recordings are in the snapshot; how many are missing all the same.

    A recording is stored before its job is added and deleted after the job has ended, so links made before
    and after the copy have all, unless a whole life fell between them: then again. What is missing each
    time is lost from the folder itself.
    """
    links.take()
    for _ in range(LEDGER_TRIES):
        await asyncio.to_thread(target.unlink, missing_ok=True)
        await asyncio.to_thread(copy_ledger, ledger, target)
        links.take()
        missing = await _recordings_missing(target, links)
        if not missing:
            break
    return missing


async def _recordings_missing(ledger: Path, links: Snapshot) -> int:
    missing = 0
    async with await SqliteLedger.open(ledger, SystemClock()) as copy:
        for project in await copy.projects():
            for kind in WITH_RESULT:
                where = JobFilter(project.id, kind, states=frozenset(LIVE))
                missing += await _missing_of(copy, where, links)
    return missing


async def _missing_of(copy: SqliteLedger, where: JobFilter, links: Snapshot) -> int:
    missing = 0
    before: str | None = None
    while True:
        page = await copy.page(where, PAGE, before)
        keys = [order_of(job.payload).audio for job in page.jobs]
        missing += sum(key is not None and not links.holds(key) for key in keys)
        if page.next is None:
            return missing
        before = page.next


def _copy_blobs(links: Snapshot, target: Path, done: int, progress: Progress) -> tuple[int, int]:
    """How many there are, and the bytes of all with those `done` before."""
    blobs = links.sizes()
    whole = done + sum(blobs.values())
    free = shutil.disk_usage(target).free
    if whole - done > free:
        raise Misconfigured(
            f"{target} has {free / (1 << 30):.1f} GiB free, and the recordings and results take "
            f"{(whole - done) / (1 << 30):.1f} GiB: choose a larger disk."
        )
    (target / "blobs").mkdir(mode=0o700)
    for key, size in blobs.items():
        copy = target / "blobs" / key
        copy.parent.mkdir(exist_ok=True, mode=0o700)
        with links.open(key) as blob:
            _copy(blob, copy)
        done += size
        progress(done, whole)
    return len(blobs), done


def _copy_if_there(path: Path, target: Path) -> bool:
    if path.exists():
        with path.open("rb") as file:
            _copy(file, target / path.name)
        return True
    return False


def _copy(source: BinaryIO, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        shutil.copyfileobj(source, written, COPIED_AT_ONCE)
        written.flush()
        sync(written.fileno())


def _check(ledger: Path) -> None:
    damage = examine(ledger).damage
    if damage is not None:
        raise Misconfigured(f"The ledger is damaged: {damage}. Restore an earlier backup.")


def _sync_folders(target: Path) -> None:
    for folder in (target, *(path for path in (target / "blobs").rglob("*") if path.is_dir())):
        sync_folder(folder)
