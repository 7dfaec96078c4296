"""Rows of a ledger as the decisions see them: what a batch reads, and what it writes. Pure.

A store reads a `ReadSet` into a `RowSet`, `jobs.batch` decides, and the store writes the `WriteSet`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from ringback.jobs.job import Allowance, Attempt, JobId, NewJob, Signal, State
from ringback.jobs.lane import FIRST_CAP, Health
from ringback.jobs.usage import UsageAmount, UsageKey


class LiveJob(msgspec.Struct):
    """A job that is held, queued or leased: its state, and what transitions need of it."""

    number: int
    """Order of adding."""
    id: JobId
    kind: str
    project: str
    accessor: str | None
    lane: int
    state: State
    """After the batch has ended the job: the state of its end."""
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    lease_until: float | None
    sequence: str | None
    weight: int
    partition: int = 0
    """Where its end and its attempts are stored, in a store with partitions."""


class ParkedJob(msgspec.Struct, frozen=True):
    """A job that can be sent again."""

    number: int
    id: JobId
    kind: str
    project: str
    accessor: str | None
    lane: int
    token: int
    sequence: str | None
    weight: int
    partition: int = 0


@dataclass(slots=True)
class LaneRecord:
    """A lane; its row is locked for the batch until the end of the transaction."""

    id: int
    kind: str
    name: str
    health: Health
    inflight: int
    next_due: float | None
    """When the first of its queued jobs is due."""
    roomy_at: float
    """When it last got room, after all its slots were in use."""
    changed: bool = False
    next_due_stale: bool = False
    """A queued job has left: the store looks up `next_due` again."""

    def begin(self) -> None:
        """A job is in flight without a claim: its adder holds the lease."""
        self.inflight += 1
        self.changed = True

    def release(self, signal: Signal, now: float) -> None:
        """A job is no longer in flight; `signal` is its attempt's effect on the lane's health."""
        if self.inflight >= self.health.slots:
            self.roomy_at = now
        self.inflight = max(self.inflight - 1, 0)
        self.health = self.health.after(signal, now)
        self.changed = True

    def queue(self, due_at: float) -> None:
        """A job has joined that is due at `due_at`."""
        if self.next_due is None or due_at < self.next_due:
            self.next_due = due_at
            self.changed = True

    def leave(self) -> None:
        """A queued job has left without being claimed."""
        self.changed = self.next_due_stale = True


class KnownKey(msgspec.Struct, frozen=True):
    """The job that an idempotency key means."""

    job: JobId
    fingerprint: bytes


@dataclass(slots=True)
class ReadSet:
    """What the commands of a batch need to be read (and locked, where several nodes write)."""

    fixed_caps: Mapping[str, int]
    lanes: dict[tuple[str, str], int] = field(default_factory=dict)
    """Kind and name of new jobs' lanes → the cap of a lane that has to be made."""
    sequences: set[str] = field(default_factory=set)
    """Beside those of `live` and `parked`. Of each sequence two more jobs are read: the one that is not held,
    and the first of those that are not in `live`."""
    whole_sequences: set[str] = field(default_factory=set)
    """Sequences of which all live jobs are read: when one is parked, those behind it are, too."""
    live: set[JobId] = field(default_factory=set)
    parked: set[JobId] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    """Accessor and idempotency key of new jobs."""
    usages: set[tuple[str, str]] = field(default_factory=set)
    """Accessor and kind of new jobs."""
    checks_usages: bool = False
    """Whether an allowance is checked; if not, usages are not read."""
    new: int = 0
    """The number of jobs that may be added; each is given a number."""

    def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        for job in jobs:
            self.new += 1
            self.lanes[job.kind, job.lane] = self.fixed_caps.get(job.kind, FIRST_CAP)
            if job.sequence is not None:
                self.sequences.add(job.sequence)
            if job.idempotency is not None:
                self.keys.add((job.accessor or "", job.idempotency.key))
            if job.accessor is not None:
                self.usages.add((job.accessor, job.kind))
        self.checks_usages = self.checks_usages or allowance is not None


@dataclass(slots=True)
class RowSet:
    """The rows of a `ReadSet`, all read at one moment."""

    now: float
    """By the ledger's clock: the time of everything in the batch."""
    numbers: Sequence[int] = ()
    """For the new jobs, ascending."""
    lanes: Mapping[int, LaneRecord] = field(default_factory=dict)
    """By id: of all jobs that are read, and of new ones."""
    live: dict[JobId, LiveJob] = field(default_factory=dict)
    parked: Mapping[JobId, ParkedJob] = field(default_factory=dict)
    keys: dict[tuple[str, str], KnownKey] = field(default_factory=dict)
    usages: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Accessor and kind → live jobs, and their weight."""


class AddedJob(msgspec.Struct, frozen=True):
    job: NewJob
    live: LiveJob
    """Its state at the end of the batch; it may have ended already."""
    holder: int | None
    """The store's number of the process that holds its lease."""


class EndedJob(msgspec.Struct, frozen=True):
    """`live.state` is the state of its end."""

    live: LiveJob
    result: bytes | None


class AttemptRecord(msgspec.Struct, frozen=True):
    live: LiveJob
    token: int
    attempt: Attempt


class KeyRecord(msgspec.Struct, frozen=True):
    """An idempotency key, and the job that it means until a time."""

    accessor: str
    key: str
    number: int
    fingerprint: bytes
    until: float


@dataclass(slots=True)
class Changes:
    """What waiting tasks are notified of after a commit."""

    ended: list[JobId] = field(default_factory=list)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Kind and state → the number of jobs that ended so."""
    ready: dict[str, set[str]] = field(default_factory=dict)
    """Kind → the names of its lanes in which a job may now be ready."""

    def note_ready(self, kind: str, lanes: Iterable[str]) -> None:
        self.ready.setdefault(kind, set()).update(lanes)

    def add(self, other: "Changes") -> None:
        """Those of another batch of the same transaction."""
        self.ended += other.ended
        self.ends.update(other.ends)
        for kind, lanes in other.ready.items():
            self.note_ready(kind, lanes)


@dataclass(slots=True)
class WriteSet:
    """What a batch has decided. The constraints of the tables prescribe this order of writing:

    delete the ended rows of revived jobs; delete the live rows of ended jobs; update `moved` jobs, those that
    are held first; insert new and revived live jobs; then ends, attempts, keys, usages, audio, used and
    lanes.
    """

    added: list[AddedJob] = field(default_factory=list)
    keys: list[KeyRecord] = field(default_factory=list)
    ended: list[EndedJob] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    moved: dict[int, LiveJob] = field(default_factory=dict)
    """By number: live rows that have changed. A job that is not leased has no holder."""
    revived: list[LiveJob] = field(default_factory=list)
    """Jobs that were parked; they may have ended again."""
    usages: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    """Accessor and kind → the changes of live jobs, of their weight, and of all jobs in the ledger."""
    audio: dict[str, float] = field(default_factory=dict)
    """Id of a key or a project → seconds of audio to add to today's."""
    used: dict[UsageKey, UsageAmount] = field(default_factory=dict)
    """What the ended requests add to the hours in which they were accepted."""
    lanes: Sequence[LaneRecord] = ()
    """Those that changed."""
