"""Deleting ended jobs: first their contents (`strip`), later all of their rows (`drop`, `erase`).

Every call reads and deletes a bounded number of rows, so that other writes do not wait long.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ringback.jobs.job import Job, JobId
from ringback.jobs.store import Stripped
from ringback.jobs.usage import Used
from ringback.storage.retention import DropJobs, FindOldJobs, OldJob, Place, RetentionWalk
from ringback.storage.rows import job_from
from ringback.storage.sqlite import daily_audio, usage
from ringback.storage.sqlite.execute import fetch, fetch_one
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.transaction import Transaction
from ringback.storage.steps import run

_SQL = load("retention.sql")
_ENDED_NUMBER = load("erasing.sql")["ended_number"]


def ended(connection: sqlite3.Connection, kind: str, until: float, limit: int) -> list[Job]:
    parameters = {"kind": kind, "until": until, "limit": limit}
    found = [job_from(row) for row in fetch(connection, _SQL["ended"], parameters)]
    return sorted(found, key=lambda job: job.finished_at or 0.0)


def strip(transaction: Transaction, jobs: Sequence[Stripped]) -> int:
    return sum(_strip(transaction, job) for job in jobs)


def drop(transaction: Transaction, walk: RetentionWalk, seconds_ago: float, limit: int) -> int:
    until = transaction.now - seconds_ago
    references = _References(set(), set())

    def ask(step: FindOldJobs | DropJobs) -> list[OldJob] | int:
        if isinstance(step, FindOldJobs):
            return _find_old(transaction, step, until)
        return sum(_drop(transaction, old.place.number, references) for old in step.jobs)

    kinds = [row["kind"] for row in fetch(transaction.connection, _SQL["kinds"])]
    dropped = run(walk.drop(kinds, limit), ask)
    _clear_up(transaction, references, limit)
    daily_audio.forget(transaction.connection, transaction.now)
    return dropped


def erase(transaction: Transaction, jobs: Sequence[JobId], used: Mapping[JobId, Used]) -> int:
    references = _References(set(), set())
    erased = 0
    for job in jobs:
        row = fetch_one(transaction.connection, _ENDED_NUMBER, {"id": job})
        if row is not None and _drop(transaction, row["number"], references):
            erased += 1
            if job in used:
                usage.remove_tags(transaction.connection, used[job])
    _clear_up(transaction, references, len(jobs))
    return erased


def _strip(transaction: Transaction, job: Stripped) -> bool:
    row = fetch_one(transaction.connection, _SQL["strip_end"], {"result": job.result, "id": job.job})
    if row is None:
        return False
    transaction.execute(_SQL["strip_job"], {"payload": job.payload, "number": row["number"]})
    return True


def _find_old(transaction: Transaction, step: FindOldJobs, until: float) -> list[OldJob]:
    parameters = {
        "stripped": step.stripped,
        "kind": step.kind,
        "after": step.after.finished_at,
        "number": step.after.number,
        "until": until,
        "limit": step.limit,
    }
    rows = fetch(transaction.connection, _SQL["old"], parameters)
    return [OldJob(Place(row["finished_at"], row["number"]), 0, bool(row["childless"])) for row in rows]


def _drop(transaction: Transaction, number: int, references: "_References") -> bool:
    row = fetch_one(transaction.connection, _SQL["childless"], {"number": number})
    if row is None:
        return False
    for statement in ("drop_attempts", "drop_keys", "drop_end", "drop_job"):
        transaction.execute(_SQL[statement], {"number": number})
    references.lanes.add(row["lane"])
    if row["accessor"] is not None:
        transaction.execute(_SQL["decrement_kept"], {"accessor": row["accessor"], "kind": row["kind"]})
        references.usages.add((row["accessor"], row["kind"]))
    return True


def _clear_up(transaction: Transaction, references: "_References", limit: int) -> None:
    """Delete rows that no job refers to any more, expired idempotency keys, and hours without jobs."""
    for lane in references.lanes:
        transaction.execute(_SQL["drop_lane"], {"lane": lane})
    for accessor, kind in references.usages:
        transaction.execute(_SQL["drop_usage"], {"accessor": accessor, "kind": kind})
        transaction.execute(_SQL["drop_secrets"], {"key": accessor})
    transaction.execute(_SQL["drop_old_keys"], {"now": transaction.now, "limit": limit})
    transaction.execute(_SQL["drop_hours"], {"limit": limit})


class _References(NamedTuple):
    """Rows that dropped jobs referred to: lanes by id, and usages by accessor and kind."""

    lanes: set[int]
    usages: set[tuple[str, str]]
