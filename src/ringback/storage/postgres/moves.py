"""What may happen to jobs, one class per operation of the port: what it must look at, and what it does.

Pure decisions: a move reads from the `Group` it runs in, and tells the group what shall be written. Whatever
a move refuses, it refuses before it has told the group anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Allowance,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Signal,
    State,
)
from ringback.storage.postgres.group import Group
from ringback.storage.postgres.rows import Live
from ringback.storage.postgres.wanted import Wanted

T = TypeVar("T")


class Move(Generic[T]):
    """One operation. Two that concern the same job never stand in one group."""

    def concerns(self) -> Sequence[JobId]:
        return ()

    def want(self, wanted: Wanted) -> None:
        raise NotImplementedError

    def carry_out(self, group: Group) -> T:
        raise NotImplementedError


@dataclass(slots=True)
class Add(Move[None]):
    jobs: Sequence[NewJob]
    allowance: Allowance | None

    def want(self, wanted: Wanted) -> None:
        wanted.add(self.jobs, self.allowance)

    def carry_out(self, group: Group) -> None:
        group.check(self.jobs, self.allowance)
        for job in self.jobs:
            group.add(job)


@dataclass(slots=True)
class Begin(Move[Lease]):
    job: NewJob
    seconds: float
    allowance: Allowance | None
    holder: int

    def want(self, wanted: Wanted) -> None:
        wanted.add([self.job], self.allowance)

    def carry_out(self, group: Group) -> Lease:
        job = self.job
        group.check([job], self.allowance)
        group.begin(job, self.holder, group.moment + self.seconds)
        begun = Job(
            job.id, job.kind, job.lane, job.project, job.payload, job.parent, job.accessor, job.method,
            job.tags, State.LEASED, 0, 0, group.moment, group.moment, None, None, None,
        )  # fmt: skip
        return Lease(begun, 1)


@dataclass(slots=True)
class Settle(Move[bool]):
    lease: Lease
    outcome: Outcome

    def concerns(self) -> Sequence[JobId]:
        return (self.lease.job.id,)

    def want(self, wanted: Wanted) -> None:
        wanted.live.add(self.lease.job.id)
        if isinstance(self.outcome, Done):
            wanted.add(self.outcome.follow_ups)

    def carry_out(self, group: Group) -> bool:
        held = group.held(self.lease)
        if held is None:
            return False
        outcome = self.outcome
        match outcome:
            case Done():
                if any(job.once is not None for job in outcome.follow_ups):
                    raise ValueError("nobody asked for a follow-up: it has no word")
                _end(group, held, State.DONE, outcome)
                if outcome.audio_seconds:
                    group.count_audio((held.accessor, held.project), outcome.audio_seconds)
                for job in outcome.follow_ups:
                    group.add(job)
            case GivenUp():
                _end(group, held, State.PARKED, outcome)
            case Retry():
                group.queue(held, group.moment + outcome.delay, held.tries + 1, 0, outcome.code)
            case Interrupted():
                group.queue(held, group.moment + outcome.delay, held.tries, held.losses, held.code)
                group.release(held, Signal.NEUTRAL)
                return True
            case _:
                assert_never(outcome)
        if outcome.attempt is not None:
            group.record(held, self.lease.token, outcome.attempt)
        group.release(held, outcome.signal)
        return True


@dataclass(slots=True)
class Extend(Move[set[JobId]]):
    leases: Sequence[Lease]
    seconds: float

    def concerns(self) -> Sequence[JobId]:
        return [lease.job.id for lease in self.leases]

    def want(self, wanted: Wanted) -> None:
        wanted.live.update(self.concerns())

    def carry_out(self, group: Group) -> set[JobId]:
        held = [live for live in map(group.held, self.leases) if live is not None]
        for live in held:
            group.extend(live, group.moment + self.seconds)
        return {live.id for live in held}


@dataclass(slots=True)
class Cancel(Move[bool]):
    job: JobId

    def concerns(self) -> Sequence[JobId]:
        return (self.job,)

    def want(self, wanted: Wanted) -> None:
        wanted.live.add(self.job)

    def carry_out(self, group: Group) -> bool:
        live = group.live.get(self.job)
        if live is None:
            return False
        group.end(live, State.CANCELLED, tries=live.tries, losses=live.losses, code=live.code)
        if live.state == State.LEASED:
            group.release(live, Signal.NEUTRAL)
        return True


@dataclass(slots=True)
class Requeue(Move[bool]):
    job: JobId

    def concerns(self) -> Sequence[JobId]:
        return (self.job,)

    def want(self, wanted: Wanted) -> None:
        wanted.parked.add(self.job)

    def carry_out(self, group: Group) -> bool:
        parked = group.parked.get(self.job)
        if parked is None:
            return False
        group.revive(parked)
        return True


@dataclass(slots=True)
class Rescue(Move[int]):
    """Of jobs whose leases seem to have run out."""

    jobs: Sequence[JobId]

    def concerns(self) -> Sequence[JobId]:
        return self.jobs

    def want(self, wanted: Wanted) -> None:
        wanted.live.update(self.jobs)

    def carry_out(self, group: Group) -> int:
        lost = [live for live in map(group.live.get, self.jobs) if live is not None and _ran_out(live, group)]
        for live in lost:
            losses = live.losses + 1
            if losses >= LOSSES_BEFORE_PARKING:
                group.end(live, State.PARKED, tries=live.tries, losses=losses, code=live.code)
            else:
                group.queue(live, group.moment, live.tries, losses, live.code)
            group.release(live, Signal.NEUTRAL)
        return len(lost)


def _end(group: Group, held: Live, state: State, outcome: Done | GivenUp) -> None:
    group.end(held, state, tries=held.tries + 1, losses=0, code=outcome.code, result=outcome.result)


def _ran_out(live: Live, group: Group) -> bool:
    return live.lease_until is not None and live.lease_until <= group.moment
