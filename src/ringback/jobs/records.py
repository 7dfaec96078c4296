"""Rows of a ledger as the decisions see them: what a batch reads, and what it writes. Pure.

A store reads a `ReadSet` into a `RowSet`, `jobs.batch` decides, and the store writes the `WriteSet`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ringback.jobs.job import Allowance, Attempt, JobId, NewJob, Signal, State
from ringback.jobs.lane import FIRST_CAP, Health
from ringback.jobs.usage import UsageAmount, UsageKey


@dataclass(slots=True)
class LiveJob:
    """A job that is held, queued or leased: how it stands, and what of it matters when it moves."""

    number: int
    """Order of adding."""
    id: JobId
    kind: str
    project: str
    accessor: str | None
    lane: int
    state: State
    """An ended one once the batch has ended the job."""
    tries: int
    losses: int
    due_at: float
    code: int | None
    token: int
    lease_until: float | None
    sequence: str | None
    weight: int
    partition: int = 0
    """Where its end and its attempts are stored, in a store that parts them."""


@dataclass(frozen=True, slots=True)
class ParkedJob:
    """A job that may be asked for again."""

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
    """A lane whose row is the batch's own until its end, and what happens there."""

    id: int
    kind: str
    name: str
    health: Health
    inflight: int
    next_due: float | None
    """When the first of its queued jobs is due."""
    roomy_at: float
    """Since when it has room again, after it had none."""
    changed: bool = False
    first_left: bool = False
    """A queued job has left: the store looks for the first one, `next_due` may be wrong."""

    def begin(self) -> None:
        """A job is in flight that nobody claimed."""
        self.inflight += 1
        self.changed = True

    def release(self, signal: Signal, now: float) -> None:
        """A job is no longer in flight, and its attempt said this of the lane's health."""
        if self.inflight >= self.health.slots:
            self.roomy_at = now
        self.inflight = max(self.inflight - 1, 0)
        self.health = self.health.after(signal, now)
        self.changed = True

    def queue(self, due_at: float) -> None:
        """A job has joined that is due then."""
        if self.next_due is None or due_at < self.next_due:
            self.next_due = due_at
            self.changed = True

    def leave(self) -> None:
        """A queued job has left that was not claimed."""
        self.changed = self.first_left = True


@dataclass(frozen=True, slots=True)
class KnownKey:
    """The request for which an idempotency key is remembered."""

    job: JobId
    fingerprint: bytes


@dataclass(slots=True)
class ReadSet:
    """What the commands of a batch need to be read (and locked, where several nodes write)."""

    fixed_caps: Mapping[str, int]
    lanes: dict[tuple[str, str], int] = field(default_factory=dict)
    """Kind and name of new jobs' lanes → the cap if it is a new one. Missing lanes are made."""
    sequences: set[str] = field(default_factory=set)
    """Beside those of `live` and `parked`. Of each sequence two more jobs are read: the one that is not held,
    and the first of those that are not in `live`."""
    whole_sequences: set[str] = field(default_factory=set)
    """Those of which all live jobs are read: one may be parked, and those behind it with it."""
    live: set[JobId] = field(default_factory=set)
    parked: set[JobId] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    """Accessor and idempotency key of new jobs."""
    usages: set[tuple[str, str]] = field(default_factory=set)
    """Accessor and kind of new jobs."""
    checks_usages: bool = False
    """Whether an allowance is checked; if not, no usage needs to be read."""
    new: int = 0
    """How many jobs may be added; each needs a number."""

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
    """The rows of a `ReadSet`, as they stand at one moment."""

    now: float
    """By the ledger's clock: all that happens in the batch happens then."""
    numbers: Sequence[int] = ()
    """For the new jobs, rising."""
    lanes: Mapping[int, LaneRecord] = field(default_factory=dict)
    """By id: of all jobs that are read, and of new ones."""
    live: dict[JobId, LiveJob] = field(default_factory=dict)
    parked: Mapping[JobId, ParkedJob] = field(default_factory=dict)
    keys: dict[tuple[str, str], KnownKey] = field(default_factory=dict)
    usages: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Accessor and kind → live jobs, and their weight."""


@dataclass(frozen=True, slots=True)
class AddedJob:
    job: NewJob
    live: LiveJob
    """How it stands at the end of the batch; it may have ended already."""
    holder: int | None
    """Who holds its lease."""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """`live.state` is the state of its end."""

    live: LiveJob
    result: bytes | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    live: LiveJob
    token: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """From now on this idempotency key means this job."""

    accessor: str
    key: str
    number: int
    fingerprint: bytes
    until: float


@dataclass(slots=True)
class Changes:
    """What a commit may have brought for those who wait."""

    ended: list[JobId] = field(default_factory=list)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many of each kind ended how."""
    kinds: set[str] = field(default_factory=set)
    """Kinds of which a job may now be ready."""


@dataclass(slots=True)
class WriteSet:
    """What a batch has decided. To be written in this order, each finding what it needs:

    jobs that were parked leave; ended ones leave their live rows; `moved` ones that are held, then the
    others; new and revived ones that are live; then ends, attempts, keys, usages, audio, used and lanes.
    """

    added: list[AddedJob] = field(default_factory=list)
    keys: list[KeyRecord] = field(default_factory=list)
    ended: list[EndedJob] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    moved: dict[int, LiveJob] = field(default_factory=dict)
    """By number: live rows that stand otherwise now. A job that is not leased has no holder."""
    revived: list[LiveJob] = field(default_factory=list)
    """They were parked; they may have ended again."""
    usages: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    """Accessor and kind → by how much live jobs, their weight and the kept jobs change."""
    audio: dict[str, float] = field(default_factory=dict)
    """Id of a key or a project → seconds of audio that it has used more today."""
    used: dict[UsageKey, UsageAmount] = field(default_factory=dict)
    """What the requests that have ended add to the hours in which they were accepted."""
    lanes: Sequence[LaneRecord] = ()
    """Those that changed."""
