"""Rows of the ledger as values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ringback.jobs.job import Job, JobId, Lane, Lease, State
from ringback.jobs.lane import Health


@dataclass(slots=True)
class Live:
    """A live job: how it stands, and what of it matters when it moves. In the columns' order of `live`."""

    id: JobId
    kind: str
    project: str
    accessor: str | None
    day: int
    number: int
    lane: int
    state: str
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    lease_until: float | None
    sequence: str | None
    weight: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A job that may be asked for again. In the columns' order of `parked`."""

    id: JobId
    number: int
    day: int
    token: int
    lane: int
    kind: str
    accessor: str | None
    sequence: str | None
    weight: int


@dataclass(slots=True)
class LockedLane:
    """A lane whose row is ours until the end of the group, and what the group does there."""

    id: int
    kind: str
    health: Health
    begun: int = 0
    released: int = 0


def job_from(row: Iterable[Any]) -> Job:
    """From a row of the view `job_now`."""
    (
        _number, job_id, kind, lane, project, payload, parent, accessor, method, tags, state, tries, losses,
        created_at, due_at, finished_at, code, result, sequence, _ended_code,
    ) = row  # fmt: skip
    return Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State(state), tries, losses, created_at, due_at, finished_at, code, result, sequence,
    )  # fmt: skip


def lease_from(kind: str, row: Iterable[Any]) -> Lease:
    """From a row of `claim`."""
    (
        job_id, lane, project, payload, parent, accessor, method, tags, tries, losses, created_at, due_at,
        code, token, sequence,
    ) = row  # fmt: skip
    job = Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State.LEASED, tries, losses, created_at, due_at, None, code, None, sequence,
    )  # fmt: skip
    return Lease(job, token)


def tags_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else msgspec.json.decode(text, type=tuple[str, ...])


def tags_to_json(tags: Sequence[str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else "[]"
