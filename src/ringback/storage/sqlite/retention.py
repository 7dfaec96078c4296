"""What becomes of jobs that have ended: first their contents go, then all trace of them.

Every call looks at a bounded number of rows, so that it holds up nobody's writing for long.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ringback.jobs.job import Job, JobId
from ringback.jobs.store import Stripped
from ringback.jobs.usage import Used
from ringback.storage.retention import DropJobs, LookForOld, OldJob, Place, RetentionWalk
from ringback.storage.rows import job_from
from ringback.storage.sqlite import daily_audio, usage
from ringback.storage.sqlite.asking import fetch, fetch_one
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.transaction import Transaction
from ringback.storage.steps import run

_SQL = load("retention.sql")
_ENDED_NUMBER = load("erasing.sql")["ended_number"]


def ended(connection: sqlite3.Connection, kind: str, until: float, limit: int) -> list[Job]:
    asked = {"kind": kind, "until": until, "limit": limit}
    found = [job_from(row) for row in fetch(connection, _SQL["ended"], asked)]
    return sorted(found, key=lambda job: job.finished_at or 0.0)


def strip(transaction: Transaction, jobs: Sequence[Stripped]) -> int:
    return sum(_strip(transaction, job) for job in jobs)


def drop(transaction: Transaction, walk: RetentionWalk, seconds_ago: float, limit: int) -> int:
    until = transaction.now - seconds_ago
    left = _Left(set(), set())

    def ask(question: LookForOld | DropJobs) -> list[OldJob] | int:
        if isinstance(question, LookForOld):
            return _old(transaction, question, until)
        return sum(_drop(transaction, old.place.number, left) for old in question.jobs)

    kinds = [row["kind"] for row in fetch(transaction.connection, _SQL["kinds"])]
    dropped = run(walk.drop(kinds, limit), ask)
    _clear_up(transaction, left, limit)
    daily_audio.forget(transaction.connection, transaction.now)
    return dropped


def erase(transaction: Transaction, jobs: Sequence[JobId], used: Mapping[JobId, Used]) -> int:
    left = _Left(set(), set())
    erased = 0
    for job in jobs:
        row = fetch_one(transaction.connection, _ENDED_NUMBER, {"id": job})
        if row is not None and _drop(transaction, row["number"], left):
            erased += 1
            if job in used:
                usage.take_tags(transaction.connection, used[job])
    _clear_up(transaction, left, len(jobs))
    return erased


def _strip(transaction: Transaction, job: Stripped) -> bool:
    row = fetch_one(transaction.connection, _SQL["strip_end"], {"result": job.result, "id": job.job})
    if row is None:
        return False
    transaction.execute(_SQL["strip_job"], {"payload": job.payload, "number": row["number"]})
    return True


def _old(transaction: Transaction, question: LookForOld, until: float) -> list[OldJob]:
    asked = {
        "stripped": question.stripped,
        "kind": question.kind,
        "after": question.after.finished_at,
        "number": question.after.number,
        "until": until,
        "limit": question.limit,
    }
    rows = fetch(transaction.connection, _SQL["old"], asked)
    return [OldJob(Place(row["finished_at"], row["number"]), 0, bool(row["childless"])) for row in rows]


def _drop(transaction: Transaction, number: int, left: "_Left") -> bool:
    row = fetch_one(transaction.connection, _SQL["childless"], {"number": number})
    if row is None:
        return False
    for statement in ("drop_attempts", "drop_keys", "drop_end", "drop_job"):
        transaction.execute(_SQL[statement], {"number": number})
    left.lanes.add(row["lane"])
    if row["accessor"] is not None:
        transaction.execute(_SQL["keep_one_less"], {"accessor": row["accessor"], "kind": row["kind"]})
        left.usages.add((row["accessor"], row["kind"]))
    return True


def _clear_up(transaction: Transaction, left: "_Left", limit: int) -> None:
    """What the dropped jobs were the last to refer to, and what has had its time."""
    for lane in left.lanes:
        transaction.execute(_SQL["drop_lane"], {"lane": lane})
    for accessor, kind in left.usages:
        transaction.execute(_SQL["drop_usage"], {"accessor": accessor, "kind": kind})
        transaction.execute(_SQL["drop_secrets"], {"key": accessor})
    transaction.execute(_SQL["drop_old_keys"], {"now": transaction.now, "limit": limit})
    transaction.execute(_SQL["drop_hours"], {"limit": limit})


class _Left(NamedTuple):
    """What dropped jobs referred to: lanes, and accessors with kinds."""

    lanes: set[int]
    usages: set[tuple[str, str]]
