"""What a ledger should do, in a dictionary: the pure rules (`jobs.job`, `jobs.lane`) and nothing else.

Held against the stores by `tests/conformance/store/test_store_state_machine.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from msgspec import structs

from ringback.jobs.job import (
    ENDED,
    LIVE,
    LOSSES_BEFORE_PARKING,
    Allowance,
    Done,
    GivenUp,
    Interrupted,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
    State,
)
from ringback.jobs.lane import Health
from ringback.jobs.store import AlreadyRequested, OverAllowance, Stripped
from ringback.jobs.usage import UsageAmount, UsageKey

Place = tuple[str, str]
"""A kind and a lane."""


@dataclass
class Expected:
    """What the store should say of a job."""

    requested: NewJob
    number: int
    created_at: float
    due_at: float
    state: State = State.QUEUED
    tries: int = 0
    losses: int = 0
    code: int | None = None
    result: bytes | None = None
    token: int = 0
    lease_until: float = 0.0
    finished_at: float | None = None
    stripped: bool = False

    @property
    def place(self) -> Place:
        return self.requested.kind, str(self.requested.lane)


@dataclass
class Word:
    job: JobId
    fingerprint: bytes
    until: float


@dataclass
class ModelLedger:
    """`fixed_caps`: kinds whose lanes have this cap, and no health."""

    fixed_caps: Mapping[str, int]
    now: float
    seen_at: float = 0.0
    jobs: dict[JobId, Expected] = field(default_factory=dict)
    health: dict[Place, Health] = field(default_factory=dict)
    words: dict[tuple[str, str], Word] = field(default_factory=dict)
    used: dict[UsageKey, UsageAmount] = field(default_factory=dict)
    added: int = 0

    # What is asked.

    def room(self, place: Place) -> int:
        leased = sum(job.state is State.LEASED and job.place == place for job in self.jobs.values())
        if place[0] in self.fixed_caps:
            return max(self.fixed_caps[place[0]] - leased, 0)
        health = self.health.get(place, Health())
        return 0 if self.now < health.open_until else max(health.slots - leased, 0)

    def due(self, place: Place) -> list[float]:
        return sorted(
            job.due_at
            for job in self.jobs.values()
            if job.place == place and job.state is State.QUEUED and job.due_at <= self.now
        )

    def holds(self, lease: Lease) -> bool:
        job = self.jobs.get(lease.job.id)
        return job is not None and job.state is State.LEASED and job.token == lease.token

    def in_sequence(self, sequence: str) -> list[Expected]:
        """The live jobs of a sequence, in order."""
        live = (job for job in self.jobs.values() if job.requested.sequence == sequence and job.state in LIVE)
        return sorted(live, key=lambda job: job.number)

    def ended(self, kind: str, seconds_ago: float) -> list[JobId]:
        old = [
            (job.finished_at, job.number, name)
            for name, job in self.jobs.items()
            if job.requested.kind == kind and not job.stripped and self._ended_ago(job, seconds_ago)
        ]
        return [name for _finished_at, _number, name in sorted(old)]

    def droppable(self, seconds_ago: float) -> set[JobId]:
        parents = {job.requested.parent for job in self.jobs.values()}
        return {
            name
            for name, job in self.jobs.items()
            if self._ended_ago(job, seconds_ago) and name not in parents
        }

    # What happens.

    def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        self._refuse(jobs, allowance)
        for job in jobs:
            self._add(job)

    def begin(self, job: NewJob, seconds: float, allowance: Allowance | None = None) -> None:
        self._refuse([job], allowance)
        begun = self._add(job)
        begun.state, begun.token, begun.lease_until = State.LEASED, 1, self.now + seconds

    def claimed(self, lease: Lease, seconds: float) -> None:
        job = self.jobs[lease.job.id]
        assert job.state is State.QUEUED
        assert job.due_at <= self.now + 0.001
        assert lease.token > job.token, "its holder before is fenced off"
        job.state, job.token, job.lease_until = State.LEASED, lease.token, self.now + seconds

    def settle(self, lease: Lease, outcome: Outcome) -> bool:
        if not self.holds(lease):
            return False
        job = self.jobs[lease.job.id]
        match outcome:
            case Done():
                self._end(job, State.DONE, outcome.result)
                if outcome.used is not None:
                    before = self.used.get(outcome.used.key, UsageAmount())
                    self.used[outcome.used.key] = before.plus(outcome.used.amount)
                for following in outcome.follow_ups:
                    self._add(following)
            case GivenUp():
                self._end(job, State.PARKED, outcome.result)
            case Retry() | Interrupted():
                job.state, job.due_at = State.QUEUED, self.now + outcome.delay
                self._put_in_order(job)
            case _:
                assert_never(outcome)
        if not isinstance(outcome, Interrupted):
            job.tries, job.losses, job.code = job.tries + 1, 0, outcome.code
            health = self.health.get(job.place, Health())
            self.health[job.place] = health.after(outcome.signal, self.now)
        return True

    def rescue(self) -> int:
        self.seen_at = self.now
        lost = [
            job for job in self.jobs.values() if job.state is State.LEASED and job.lease_until <= self.now
        ]
        for job in lost:
            job.losses += 1
            if job.losses == LOSSES_BEFORE_PARKING:
                self._end(job, State.PARKED, None)
            else:
                job.state, job.due_at = State.QUEUED, self.now
                self._put_in_order(job)
        return len(lost)

    def cancel(self, name: JobId) -> bool:
        job = self.jobs.get(name)
        if job is None or job.state in ENDED:
            return False
        self._end(job, State.CANCELLED, None)
        return True

    def requeue(self, name: JobId) -> bool:
        job = self.jobs.get(name)
        if job is None or job.state is not State.PARKED:
            return False
        job.state, job.due_at, job.finished_at = State.QUEUED, self.now, None
        job.tries = job.losses = 0
        job.code = job.result = None
        job.stripped = False
        if job.requested.sequence is not None:
            job.state = State.HELD
            self._put_in_order(job)
        return True

    def strip(self, what: Stripped) -> bool:
        job = self.jobs.get(what.job)
        if job is None or job.state not in ENDED:
            return False
        job.requested = structs.replace(job.requested, payload=what.payload)
        job.result, job.stripped = what.result, True
        return True

    def drop(self, names: set[JobId]) -> None:
        """The store chooses which of those it may."""
        places = {self.jobs.pop(name).place for name in names}
        assert not {job.requested.parent for job in self.jobs.values()} & names, "children go first"
        self.words = {place: word for place, word in self.words.items() if word.job not in names}
        for place in places - {job.place for job in self.jobs.values()}:
            self.health.pop(place, None)

    def start_again(self, wall: float) -> None:
        """A new process takes over; `wall` is what the machine's clock says then."""
        self.now = wall
        back = max(0.0, self.seen_at - wall)
        for job in self.jobs.values():
            job.lease_until = wall
            if job.state in LIVE:
                job.due_at -= back
        for word in self.words.values():
            word.until -= back
        for place, health in self.health.items():
            self.health[place] = replace(health, open_until=max(health.open_until - back, 0.0))
        self.rescue()

    def _refuse(self, jobs: Sequence[NewJob], allowance: Allowance | None) -> None:
        for job in jobs:
            known = (
                None if job.idempotency is None else self.words.get((job.accessor or "", job.idempotency.key))
            )
            if job.idempotency is not None and known is not None and known.until > self.now:
                raise AlreadyRequested(known.job, known.fingerprint == job.idempotency.fingerprint)
        for accessor, kind in {(job.accessor, job.kind) for job in jobs if job.accessor is not None}:
            live = [job.requested for job in self.jobs.values() if job.state in LIVE] + list(jobs)
            theirs = [job.weight for job in live if (job.accessor, job.kind) == (accessor, kind)]
            if allowance is None:
                continue
            if allowance.jobs is not None and len(theirs) > allowance.jobs:
                raise OverAllowance
            if allowance.weight is not None and sum(theirs) > allowance.weight:
                raise OverAllowance

    def _add(self, job: NewJob) -> Expected:
        self.added += 1
        added = self.jobs[job.id] = Expected(job, self.added, self.now, self.now + job.delay)
        if job.idempotency is not None:
            word = Word(job.id, job.idempotency.fingerprint, self.now + job.idempotency.seconds)
            self.words[job.accessor or "", job.idempotency.key] = word
        if job.sequence is not None:
            added.state = State.HELD
            self._put_in_order(added)
        return added

    def _end(self, job: Expected, state: State, result: bytes | None) -> None:
        job.state, job.result, job.finished_at = state, result, self.now
        if job.requested.sequence is None:
            return
        if state is State.PARKED:
            for other in self.in_sequence(job.requested.sequence):
                if other.number > job.number and other.state is State.HELD:
                    other.state, other.finished_at = State.PARKED, self.now
        self._put_in_order(job)

    def _put_in_order(self, moved: Expected) -> None:
        """One at a time: the one in work, else the first."""
        if moved.requested.sequence is None:
            return
        live = self.in_sequence(moved.requested.sequence)
        if not live or any(job.state is State.LEASED for job in live):
            return
        first, *others = live
        for job in others:
            job.state = State.HELD
        if first.state is State.HELD:
            first.state, first.due_at = State.QUEUED, max(first.due_at, self.now)

    def _ended_ago(self, job: Expected, seconds: float) -> bool:
        return job.finished_at is not None and job.finished_at <= self.now - seconds
