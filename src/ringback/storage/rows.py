"""Rows of a ledger to values, and what a batch writes to rows, by names of columns; for both stores.

A row may have more columns than a store's table: a statement takes those that it names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from ringback.jobs.job import Attempt, Job, Lease, State
from ringback.jobs.lane import Health
from ringback.jobs.records import (
    AddedJob,
    AttemptRecord,
    EndedJob,
    KeyRecord,
    LaneRecord,
    LiveJob,
    ParkedJob,
)
from ringback.keys import ApiKey, KeyLimits

Row = dict[str, Any]
"""By the names of its columns. The functions below that make a value of a row change the row."""

_STATES = {state.value: state for state in State}
_COLUMNS_OF_PAGES = ("number", "ended_code")
"""Columns of `job_now` that are no fields of a `Job`: pages are sorted and filtered by them."""
_HEALTH = tuple(field.name for field in fields(Health))
_LIMITS = tuple(field.name for field in fields(KeyLimits))


def job_from(row: Row) -> Job:
    """From the columns of the view `job_now`."""
    for name in _COLUMNS_OF_PAGES:
        del row[name]
    row["state"] = _STATES[row["state"]]
    row["tags"] = tags_from_json(row["tags"])
    return Job(**row)


def lease_from(row: Row) -> Lease:
    """From a claimed job: its columns as they were before the claim, and the new `token`."""
    token = row.pop("token")
    row["tags"] = tags_from_json(row["tags"])
    return Lease(Job(state=State.LEASED, finished_at=None, result=None, **row), token)


def live_job_from(row: Row) -> LiveJob:
    row["state"] = _STATES[row["state"]]
    return LiveJob(**row)


def parked_job_from(row: Row) -> ParkedJob:
    return ParkedJob(**row)


def lane_from(row: Row) -> LaneRecord:
    health = Health(**{name: row.pop(name) for name in _HEALTH})
    return LaneRecord(health=health, **row)


def attempt_from(row: Row) -> Attempt:
    return Attempt(**row)


def key_from(row: Row) -> ApiKey:
    limits = KeyLimits(**{name: row.pop(name) for name in _LIMITS})
    row["scopes"], row["tags"] = tags_from_json(row["scopes"]), tags_from_json(row["tags"])
    return ApiKey(limits=limits, **row)


def tags_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else msgspec.json.decode(text, type=tuple[str, ...])


def tags_to_json(tags: Sequence[str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else "[]"


def added_row(added: AddedJob) -> Row:
    job = added.job
    return {
        "number": added.live.number,
        "id": job.id,
        "kind": job.kind,
        "lane": added.live.lane,
        "project": job.project,
        "payload": job.payload,
        "parent": job.parent,
        "accessor": job.accessor,
        "method": job.method,
        "tags": tags_to_json(job.tags),
        "sequence": job.sequence,
        "weight": job.weight,
    }


def entered_row(live: LiveJob, holder: int | None) -> Row:
    return {
        "number": live.number,
        "lane": live.lane,
        "state": live.state.value,
        "due_at": live.due_at,
        "token": live.token,
        "holder": holder,
        "lease_until": live.lease_until,
        "sequence": live.sequence,
        "weight": live.weight,
    }


def moved_row(live: LiveJob) -> Row:
    return {
        "number": live.number,
        "state": live.state.value,
        "tries": live.tries,
        "losses": live.losses,
        "due_at": live.due_at,
        "code": live.code,
        "lease_until": live.lease_until,
    }


def ended_row(ended: EndedJob) -> Row:
    live = ended.live
    return {
        "number": live.number,
        "partition": live.partition,
        "kind": live.kind,
        "project": live.project,
        "lane": live.lane,
        "state": live.state.value,
        "tries": live.tries,
        "losses": live.losses,
        "due_at": live.due_at,
        "token": live.token,
        "code": live.code,
        "result": ended.result,
    }


def attempt_row(record: AttemptRecord) -> Row:
    return {
        "job": record.live.number,
        "partition": record.live.partition,
        "token": record.token,
        "started_at": record.attempt.started_at,
        "ended_at": record.attempt.ended_at,
        "outcome": record.attempt.outcome,
        "code": record.attempt.code,
        "detail": record.attempt.detail,
    }


def key_row(key: KeyRecord) -> Row:
    return {
        "accessor": key.accessor,
        "key": key.key,
        "job": key.number,
        "fingerprint": key.fingerprint,
        "until": key.until,
    }


def usage_rows(usages: Mapping[tuple[str, str], tuple[int, int, int]]) -> list[Row]:
    """Sorted by accessor and kind, so that all nodes lock these rows in the same order."""
    return [
        {"accessor": accessor, "kind": kind, "jobs": jobs, "weight": weight, "kept": retained}
        for (accessor, kind), (jobs, weight, retained) in sorted(usages.items())
    ]


def lane_row(lane: LaneRecord) -> Row:
    return {
        "id": lane.id,
        "inflight": lane.inflight,
        "next_due": lane.next_due,
        "roomy_at": lane.roomy_at,
        "cap": lane.health.cap,
        "successes": lane.health.successes,
        "failures": lane.health.failures,
        "openings": lane.health.openings,
        "open_until": lane.health.open_until,
        "slots": lane.health.slots,
        "first_left": lane.next_due_stale,
    }
