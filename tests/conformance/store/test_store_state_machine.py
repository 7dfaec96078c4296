"""Random schedules of everything that may happen, against a small model of what should.

The model is the pure rules (`jobs.job`, `jobs.lane`) and a dictionary; the store must agree after each step.
"""

import asyncio
import contextlib
import tempfile
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, assert_never

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ringback.jobs.job import (
    ENDED,
    LOSSES_BEFORE_PARKING,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobFilter,
    JobId,
    Lane,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Signal,
    State,
)
from ringback.jobs.lane import Health
from support.stores import MovableClock, OpenStore, Reopen, Store

T = TypeVar("T")
Place = tuple[str, str]
"""A kind and a lane."""

LEASE_SECONDS = 30.0
PLACES: list[Place] = [("deliver", "a"), ("deliver", "b"), ("transcribe", "p")]
FIXED_CAP = 3

FAST = (
    "/dev/shm" if Path("/dev/shm").is_dir() else None
)  # thousands of steps, and no power cut is played here

# None is a sum of others: no step falls on the very moment when something is due.
MOMENTS = st.sampled_from([0.70710678, 6.18033989, 31.4159265])

OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Done, code=st.just(200), signal=st.sampled_from(Signal)),
    st.builds(
        Retry, delay=st.sampled_from([0.0, 5.0, 60.0]), code=st.just(503), signal=st.sampled_from(Signal)
    ),
    st.builds(GivenUp, code=st.just(410), signal=st.sampled_from(Signal)),
    st.just(Interrupted()),
)


@dataclass
class Expected:
    """What the store should say of a job."""

    place: Place
    due_at: float
    state: State = State.QUEUED
    tries: int = 0
    losses: int = 0
    code: int | None = None
    token: int = 0
    lease_until: float = 0.0


@dataclass
class Model:
    now: float
    seen_at: float = 0.0
    jobs: dict[JobId, Expected] = field(default_factory=dict)
    health: dict[Place, Health] = field(default_factory=dict)

    def room(self, place: Place) -> int:
        held = sum(job.state is State.LEASED and job.place == place for job in self.jobs.values())
        if place[0] == "transcribe":
            return FIXED_CAP - held
        return self.health.get(place, Health()).room(held, self.now)

    def due(self, place: Place) -> list[JobId]:
        ready = [
            (job.due_at, name)
            for name, job in self.jobs.items()
            if job.place == place and job.state is State.QUEUED and job.due_at <= self.now
        ]
        return [name for _due_at, name in sorted(ready)]

    def holds(self, lease: Lease) -> bool:
        job = self.jobs[lease.job.id]
        return job.state is State.LEASED and job.token == lease.token

    def settle(self, lease: Lease, outcome: Outcome) -> bool:
        if not self.holds(lease):
            return False
        job = self.jobs[lease.job.id]
        match outcome:
            case Done():
                job.state = State.DONE
            case GivenUp():
                job.state = State.PARKED
            case Retry() | Interrupted():
                job.state, job.due_at = State.QUEUED, self.now + outcome.delay
            case _:
                assert_never(outcome)
        if not isinstance(outcome, Interrupted):
            job.tries, job.losses, job.code = job.tries + 1, 0, outcome.code
            before = self.health.get(job.place, Health())
            self.health[job.place] = before.after(outcome.signal, self.now)
        return True

    def rescue(self) -> int:
        self.seen_at = self.now
        lost = [
            job for job in self.jobs.values() if job.state is State.LEASED and job.lease_until <= self.now
        ]
        for job in lost:
            job.losses += 1
            parked = job.losses == LOSSES_BEFORE_PARKING
            job.state = State.PARKED if parked else State.QUEUED
            job.due_at = job.due_at if parked else self.now
        return len(lost)

    def start_again(self, wall: float) -> None:
        """A new process takes over; `wall` is what the machine's clock says then."""
        self.now = wall
        back = max(0.0, self.seen_at - wall)
        for job in self.jobs.values():
            if job.state in ENDED:
                continue
            job.due_at -= back
            job.lease_until = wall
        for place, health in self.health.items():
            self.health[place] = Health(
                health.cap, health.successes, health.failures, health.openings,
                max(health.open_until - back, 0.0),
            )  # fmt: skip
        self.rescue()


class StoreMachine(RuleBasedStateMachine):
    """Subclassed per store below, with what opens it."""

    opens: OpenStore
    clocks: Callable[[], MovableClock]

    jobs = Bundle("jobs")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=FAST)
        self.runner = asyncio.Runner()
        self.clock = type(self).clocks()
        self.reopen: Reopen = type(self).opens(Path(self.folder.name), self.clock)
        self.model = Model(self.clock.now(), self.clock.now())

    @initialize(target=jobs)
    def open(self) -> Any:
        self.opened = contextlib.AsyncExitStack()
        self.store: Store = self.run(self.opened.enter_async_context(self.reopen()))
        return multiple(*(self.add(place, 0.0) for place in PLACES for _ in range(2)))

    def run(self, awaitable: Awaitable[T]) -> T:
        async def call() -> T:
            return await awaitable

        return self.runner.run(call())

    def teardown(self) -> None:
        self.run(self.opened.aclose())
        self.runner.close()
        self.folder.cleanup()

    @rule(target=jobs, place=st.sampled_from(PLACES), delay=st.sampled_from([0.0, 5.0, 60.0]))
    def add(self, place: Place, delay: float) -> JobId:
        job = NewJob(JobId(str(uuid.uuid4())), place[0], Lane(place[1]), "p", b"", delay=delay)
        self.run(self.store.add([job]))
        self.model.jobs[job.id] = Expected(place, self.model.now + delay)
        return job.id

    @rule(target=leases, kind=st.sampled_from(["deliver", "transcribe"]), limit=st.integers(1, 6))
    def claim(self, kind: str, limit: int) -> Any:
        return multiple(*self.claimed(kind, limit))

    def claimed(self, kind: str, limit: int) -> list[Lease]:
        places = [place for place in PLACES if place[0] == kind]
        possible = {
            place: min(max(self.model.room(place), 0), len(self.model.due(place))) for place in places
        }
        first_due = {place: self.model.due(place) for place in places}
        claimed: list[Lease] = self.run(self.store.claim(kind, limit, LEASE_SECONDS))
        assert len(claimed) == min(limit, sum(possible.values()))
        shares = Counter((lease.job.kind, str(lease.job.lane)) for lease in claimed)
        for place, share in shares.items():
            assert share <= possible[place]
            dues = [self.model.jobs[name].due_at for name in first_due[place]]
            taken = [lease.job.due_at for lease in claimed if lease.job.lane == place[1]]
            assert sorted(taken) == pytest.approx(dues[:share])
        for lease in claimed:
            job = self.model.jobs[lease.job.id]
            assert job.state is State.QUEUED
            assert lease.token > job.token
            job.state, job.token = State.LEASED, lease.token
            job.lease_until = self.model.now + LEASE_SECONDS
        return claimed

    @rule(rounds=st.integers(3, 6))
    def the_receivers_fail(self, rounds: int) -> None:
        for _ in range(rounds):
            for lease in self.claimed("deliver", 6):
                self.settle(lease, Retry(0.0, code=503, signal=Signal.BAD))

    @rule(target=leases, kind=st.sampled_from(["deliver", "transcribe"]))
    def leases_run_out_and_go_to_others(self, kind: str) -> Any:
        self.time_passes(31.4159265)
        self.rescue()
        return multiple(*self.claimed(kind, 6))

    @rule(lease=leases, outcome=OUTCOMES)
    def settle(self, lease: Lease, outcome: Outcome) -> None:
        """Old leases too: those writes must be refused."""
        assert self.run(self.store.settle(lease, outcome)) == self.model.settle(lease, outcome)

    @rule(lease=leases)
    def extend(self, lease: Lease) -> None:
        still_ours = self.model.holds(lease)
        assert self.run(self.store.extend([lease], LEASE_SECONDS)) == (
            {lease.job.id} if still_ours else set()
        )
        if still_ours:
            self.model.jobs[lease.job.id].lease_until = self.model.now + LEASE_SECONDS

    @rule(seconds=MOMENTS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.now += seconds

    @rule(seconds=st.sampled_from([-3600.0, 3600.0]))
    def the_machines_clock_is_set(self, seconds: float) -> None:
        self.clock.set_back(seconds)

    @rule()
    def rescue(self) -> None:
        assert self.run(self.store.rescue()) == self.model.rescue()

    @rule(job=jobs)
    def cancel(self, job: JobId) -> None:
        expected = self.model.jobs[job]
        live = expected.state not in ENDED
        assert self.run(self.store.cancel(job)) == live
        if live:
            expected.state = State.CANCELLED

    @rule(job=jobs)
    def requeue(self, job: JobId) -> None:
        expected = self.model.jobs[job]
        parked = expected.state is State.PARKED
        assert self.run(self.store.requeue(job)) == parked
        if parked:
            expected.state, expected.due_at = State.QUEUED, self.model.now
            expected.tries = expected.losses = 0
            expected.code = None

    @rule()
    def a_new_process_takes_over(self) -> None:
        self.run(self.opened.aclose())
        self.store = self.run(self.opened.enter_async_context(self.reopen()))
        self.model.start_again(self.clock.now())

    @invariant()
    def the_store_agrees(self) -> None:
        if not self.model.jobs:
            return
        found: dict[JobId, Job] = {}
        for kind in ("deliver", "transcribe"):
            page = self.run(self.store.page(JobFilter("p", kind), 1000))
            found |= {job.id: job for job in page.jobs}
        assert found.keys() == self.model.jobs.keys()
        for name, expected in self.model.jobs.items():
            job = found[name]
            assert (job.state, job.tries, job.losses, job.code) == (
                expected.state, expected.tries, expected.losses, expected.code,
            )  # fmt: skip
            assert (job.finished_at is not None) == (job.state in ENDED)
            if job.state is State.QUEUED:
                assert job.due_at == pytest.approx(expected.due_at, abs=0.001)


def test_the_store_follows_the_model(open_store: OpenStore, manual_clock: MovableClock) -> None:
    class Machine(StoreMachine):
        opens = staticmethod(open_store)
        clocks = type(manual_clock)

    case = Machine.TestCase
    case.settings = settings(
        max_examples=80,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    case().runTest()
