"""The life of a job: its states, and the values that move it from one to the next.

     held ──those before it have ended──► queued            (jobs of one sequence, strictly in order)
    queued ──claim──► leased ──done───────► done            (+ follow-up jobs, same transaction)
       ▲                │ ├──retry in t──► queued           (tries + 1)
       │                │ ├──interrupted─► queued           (stop or lost lease: no try is counted)
       └──redeliver── parked ◄──given up──┘                 (body kept, one call sends it again)
                      cancelled                             (the client disconnected, or on request)

Pure: no SQL, no asyncio, and no knowledge of what a job's handler does. `jobs.batch` decides the transitions;
CHECK constraints of the stores repeat them.
"""

from enum import StrEnum
from typing import NewType

import msgspec

from ringback.jobs.usage import Used

JobId = NewType("JobId", str)
"""A UUID in its canonical text form. For a transcription it is Deepgram's `request_id`."""

Lane = NewType("Lane", str)
"""The queue that a job is in: jobs of one lane share that lane's cap and breaker."""

LOSSES_BEFORE_PARKING = 20
"""Leases lost in a row (a crash each) after which a job is parked: it may be what crashes the server.

High, because a crash loses every lease, and a server that crashes repeatedly for another reason (a machine
without memory) must not fail good requests: with 5, fifty kills parked 43 of 444 recordings. Hostile audio
crashes only child processes, which have stricter rules of their own."""


class State(StrEnum):
    HELD = "held"
    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    PARKED = "parked"
    CANCELLED = "cancelled"


LIVE = frozenset({State.HELD, State.QUEUED, State.LEASED})
ENDED = frozenset({State.DONE, State.PARKED, State.CANCELLED})


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A caller's key for one request (`Idempotency-Key`): a caller that repeats it means the same job."""

    key: str
    fingerprint: bytes
    """A hash of the whole request: the same key with another request is an error."""
    seconds: float = 86_400.0
    """After which the key expires."""


class NewJob(msgspec.Struct, frozen=True):
    """A job to be added. Only the job's handler reads `payload`."""

    id: JobId
    kind: str
    lane: Lane
    project: str
    payload: bytes
    parent: JobId | None = None
    """The job that this one follows from: of a delivery, the transcription."""
    accessor: str | None = None
    """The id (never the secret) of the request's API key."""
    method: str = "sync"
    """`sync`, `async` or `streaming`, as Deepgram's request history names it."""
    tags: tuple[str, ...] = ()
    delay: float = 0.0
    """Seconds before it is first due."""
    sequence: str | None = None
    """Jobs of one sequence are worked on one at a time, in the order in which they were added: the first is
    queued, those behind it are held. When one is parked, those held behind it are parked with it."""
    weight: int = 0
    """Bytes of audio, for its accessor's allowance."""
    idempotency: IdempotencyKey | None = None


class Job(msgspec.Struct, frozen=True):
    """A job in the ledger. Times are Unix seconds by the database's clock."""

    id: JobId
    kind: str
    lane: Lane
    project: str
    payload: bytes
    parent: JobId | None
    accessor: str | None
    method: str
    tags: tuple[str, ...]
    state: State
    tries: int
    """Attempts that ended in done, retry or given up."""
    losses: int
    """Leases lost in a row; any settled attempt sets it back to 0."""
    created_at: float
    due_at: float
    finished_at: float | None
    code: int | None
    """The status of its end: the HTTP status of a transcription's answer, or a receiver's last one."""
    result: bytes | None
    """What the handler returned at the end; its format is the handler's."""
    sequence: str | None = None


class Lease(msgspec.Struct, frozen=True):
    """The right to work on a job. Every later write repeats `token`; one with an old token changes
    nothing."""

    job: Job
    token: int


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a job, recorded in the transaction that moves the job."""

    started_at: float
    ended_at: float
    outcome: str
    """One word from the handler's own closed list, such as `delivered` or `timeout`."""
    code: int | None = None
    detail: bytes = b"{}"
    """A JSON object with the handler's facts (phases, address, part of the answer)."""


class Signal(StrEnum):
    """An attempt's effect on its lane's health."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class Done(msgspec.Struct, frozen=True):
    """The work is finished, and these jobs follow from it, in the same transaction."""

    code: int
    result: bytes | None = None
    follow_ups: tuple[NewJob, ...] = ()
    attempt: Attempt | None = None
    signal: Signal = Signal.NEUTRAL
    audio_seconds: float = 0.0
    """What it adds to the day's audio of the job's accessor and project."""
    used: Used | None = None
    """What it adds to the usage of its project: a caller's request counts once, with its end."""


class Retry(msgspec.Struct, frozen=True):
    """The attempt failed and is counted; the job is due again in `delay` seconds."""

    delay: float
    code: int | None = None
    attempt: Attempt | None = None
    signal: Signal = Signal.NEUTRAL


class GivenUp(msgspec.Struct, frozen=True):
    """The attempt failed and was the last: the job is parked, its payload kept."""

    code: int | None = None
    result: bytes | None = None
    attempt: Attempt | None = None
    signal: Signal = Signal.NEUTRAL
    follow_ups: tuple[NewJob, ...] = ()
    """Added in the same transaction: events that report it."""


class Interrupted(msgspec.Struct, frozen=True):
    """The process stops, the job has not failed: it is due again, and no try is counted."""

    delay: float = 0.0


Outcome = Done | Retry | GivenUp | Interrupted


class Page(msgspec.Struct, frozen=True):
    """Jobs, newest first; `next` is the `before` of the page after it, None on the last page."""

    jobs: tuple[Job, ...]
    next: str | None = None


class Allowance(msgspec.Struct, frozen=True):
    """Limits of an accessor's live jobs of one kind; None: no limit."""

    jobs: int | None = None
    weight: int | None = None


class JobFilter(msgspec.Struct, frozen=True):
    """Which jobs of a project to list. A field that is None does not filter."""

    project: str
    kind: str
    id: JobId | None = None
    accessor: str | None = None
    method: str | None = None
    succeeded: bool | None = None
    """True: code < 300; False: code ≥ 400; None: either, and unfinished ones."""
    since: float | None = None
    until: float | None = None
    tags: tuple[str, ...] = ()
    states: frozenset[State] | None = None
    parent: JobId | None = None
    lane: Lane | None = None
    code: int | None = None
