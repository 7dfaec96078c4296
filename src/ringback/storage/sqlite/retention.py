"""What becomes of jobs that have ended: first their contents go, then all trace of them.

Every call looks at a bounded number of rows, so that it holds up nobody's writing for long.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ringback.jobs.job import Job, JobId
from ringback.jobs.store import Stripped
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import job_from
from ringback.storage.sqlite.transaction import Transaction

_SQL = load("retention.sql")
_ENDED = _SQL["ended"]
_STRIP_END = _SQL["strip_end"]
_STRIP_JOB = _SQL["strip_job"]
_KINDS = _SQL["kinds"]
_OLD = _SQL["old"]
_CHILDLESS = _SQL["childless"]
_DROP_ATTEMPTS = _SQL["drop_attempts"]
_DROP_WORDS = _SQL["drop_words"]
_DROP_END = _SQL["drop_end"]
_DROP_JOB = _SQL["drop_job"]
_DROP_LANE = _SQL["drop_lane"]
_DROP_USAGE = _SQL["drop_usage"]
_DROP_SECRETS = _SQL["drop_secrets"]
_DROP_OLD_WORDS = _SQL["drop_old_words"]
_DROP_HOURS = _SQL["drop_hours"]

_ENDED_NUMBER = load("erasing.sql")["ended_number"]

LOOK_AT = 4
"""Rows that a drop looks at for each one that it may drop: some wait for their children."""


def ended(connection: sqlite3.Connection, kind: str, until: float, limit: int) -> list[Job]:
    asked = {"kind": kind, "until": until, "limit": limit}
    found = [job_from(row) for row in connection.execute(_ENDED, asked)]
    return sorted(found, key=lambda job: job.finished_at or 0.0)


class Retention:
    """Used by the writer's thread alone."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._execute = transaction.execute
        self._places: dict[_Walk, _Place] = {}

    def strip(self, jobs: Sequence[Stripped]) -> int:
        self._transaction.write()
        return sum(self._strip(job) for job in jobs)

    def drop(self, seconds_ago: float, limit: int) -> int:
        self._transaction.write()
        until = self._transaction.now - seconds_ago
        kinds = sorted(kind for (kind,) in self._execute(_KINDS))
        left = _Left(set(), set())
        dropped, looks = 0, LOOK_AT * limit
        for walk in [_Walk(stripped, kind) for kind in kinds for stripped in (1, 0)]:
            rows = self._old(walk, until, looks)
            for place in rows:
                if dropped == limit:
                    break
                looks -= 1
                self._places[walk] = place
                dropped += self._drop(place.number, left)
            else:
                if looks:
                    self._places.pop(walk, None)  # it was walked to its end
        self._clear_up(left, limit)
        self._transaction.daily_audio.forget(self._transaction.now)
        return dropped

    def erase(self, jobs: Sequence[JobId]) -> int:
        self._transaction.write()
        left = _Left(set(), set())
        ended = [row for job in jobs if (row := self._execute(_ENDED_NUMBER, {"id": job}).fetchone())]
        erased = sum(self._drop(number, left) for (number,) in ended)
        self._clear_up(left, len(jobs))
        return erased

    def _strip(self, job: Stripped) -> bool:
        row = self._execute(_STRIP_END, (job.result, job.job)).fetchone()
        if row is None:
            return False
        self._execute(_STRIP_JOB, (job.payload, row[0]))
        return True

    def _old(self, walk: "_Walk", until: float, limit: int) -> "list[_Place]":
        """Round the walk once, from where the last drop stopped: what waits there holds up nothing else."""
        start = self._places.get(walk, _START)
        rows = self._slice(walk, start, until, limit)
        if start != _START and len(rows) < limit:
            rows += [row for row in self._slice(walk, _START, until, limit - len(rows)) if row <= start]
        return rows

    def _slice(self, walk: "_Walk", after: "_Place", until: float, limit: int) -> "list[_Place]":
        asked = {
            "stripped": walk.stripped,
            "kind": walk.kind,
            "after": after.finished_at,
            "number": after.number,
            "until": until,
            "limit": limit,
        }
        return [_Place(*row) for row in self._execute(_OLD, asked)]

    def _drop(self, number: int, left: "_Left") -> bool:
        row = self._execute(_CHILDLESS, {"number": number}).fetchone()
        if row is None:
            return False
        lane, accessor, kind = row
        for statement in (_DROP_ATTEMPTS, _DROP_WORDS, _DROP_END, _DROP_JOB):
            self._execute(statement, (number,))
        self._transaction.usage.dropped(accessor, kind)
        left.lanes.add(lane)
        if accessor is not None:
            left.usages.add((accessor, kind))
        return True

    def _clear_up(self, left: "_Left", limit: int) -> None:
        """What the dropped jobs were the last to refer to, and what has had its time."""
        self._transaction.write()
        for lane in left.lanes:
            self._execute(_DROP_LANE, {"lane": lane})
        for accessor, kind in left.usages:
            self._execute(_DROP_USAGE, (accessor, kind))
            self._execute(_DROP_SECRETS, {"key": accessor})
        self._execute(_DROP_OLD_WORDS, {"now": self._transaction.now, "limit": limit})
        self._execute(_DROP_HOURS, {"limit": limit})


class _Walk(NamedTuple):
    """A part of ended_job_by_age."""

    stripped: int
    kind: str


class _Place(NamedTuple):
    """A row there."""

    finished_at: float
    number: int


_START = _Place(float("-inf"), 0)


class _Left(NamedTuple):
    """What dropped jobs referred to: lanes, and accessors with kinds."""

    lanes: set[int]
    usages: set[tuple[str, str]]
