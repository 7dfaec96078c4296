"""Rows of a ledger as values, by the names of their columns: the same in both stores."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec

from ringback.jobs.job import Attempt, Job, Lease, State
from ringback.jobs.lane import Health
from ringback.jobs.records import LaneRecord, LiveJob, ParkedJob
from ringback.keys import ApiKey, KeyLimits

Row = dict[str, Any]
"""By the names of its columns. A row that was made into a value is used up."""

_STATES = {state.value: state for state in State}
_OF_NO_JOB = ("number", "ended_code")
"""Columns of `job_now` that serve lists alone."""
_HEALTH = tuple(field.name for field in fields(Health))
_LIMITS = tuple(field.name for field in fields(KeyLimits))


def job_from(row: Row) -> Job:
    """From the columns of the view `job_now`."""
    for name in _OF_NO_JOB:
        del row[name]
    row["state"] = _STATES[row["state"]]
    row["tags"] = tags_from_json(row["tags"])
    return Job(**row)


def lease_from(row: Row) -> Lease:
    """From a claimed job: as it was before the claim, but for `token`."""
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
