"""Rows of the ledger as values."""

from typing import Any, NamedTuple

import msgspec

from ringback.jobs.job import Job, JobId, Lane, Lease, State


class Live(NamedTuple):
    """A live job: how it stands, and what of it matters when it moves."""

    number: int
    lane: int
    state: str
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    sequence: str | None
    weight: int
    id: JobId
    kind: str
    project: str
    accessor: str | None


def job_from(row: tuple[Any, ...]) -> Job:
    """From a row of the view `job_now`."""
    (
        _number, job_id, kind, lane, project, payload, parent, accessor, method, tags, state, tries, losses,
        created_at, due_at, finished_at, code, result, sequence, _ended_code,
    ) = row  # fmt: skip
    return Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State(state), tries, losses, created_at, due_at, finished_at, code, result, sequence,
    )  # fmt: skip


def lease_from(kind: str, lane: str, row: tuple[Any, ...]) -> Lease:
    """From a row of `due_jobs`, which shows the job as it was before the claim."""
    (
        _number, job_id, project, payload, parent, accessor, method, tags, tries, losses, created_at, due_at,
        code, token, sequence,
    ) = row  # fmt: skip
    job = Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State.LEASED, tries, losses, created_at, due_at, None, code, None, sequence,
    )  # fmt: skip
    return Lease(job, token + 1)


def tags_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else msgspec.json.decode(text, type=tuple[str, ...])


def tags_to_json(tags: tuple[str, ...]) -> str:
    return msgspec.json.encode(tags).decode() if tags else "[]"
