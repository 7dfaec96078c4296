"""Random schedules of everything that may happen, against a small model of what should.

The store must agree with `support.model_ledger` after each step.
"""

import asyncio
import contextlib
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ringback.jobs.job import (
    ENDED,
    LIVE,
    Allowance,
    Done,
    GivenUp,
    IdempotencyKey,
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
from ringback.jobs.store import AlreadyRequested, OverAllowance, Stripped
from ringback.jobs.usage import UsageDimension, UsageFilter
from support.model_ledger import ModelLedger, Place
from support.stores import FIXED_CAPS, MovableClock, OpenStore, Reopen, Store
from support.usage import used

T = TypeVar("T")

EXAMPLES = {"postgres18": 15, "postgres15": 5}
"""Of an everyday run, where a step takes ten times as long."""

LONG = int(os.environ.get("CHAOS_ROUNDS", "50")) > 50
LEASE_SECONDS = 30.0
KINDS = ["deliver", "transcribe"]
PLACES: list[Place] = [("deliver", "a"), ("deliver", "b"), ("transcribe", "p")]
SEQUENCES = ["s", "t"]

FAST = (
    "/dev/shm" if Path("/dev/shm").is_dir() else None
)  # thousands of steps, and no power cut is played here

# None is a sum of others: no step falls on the very moment when something is due.
MOMENTS = st.sampled_from([0.70710678, 6.18033989, 31.4159265, 1234.56789])
DELAYS = st.sampled_from([0.0, 5.0, 60.0])
LONG_AGO = st.sampled_from([-0.001, 10.123, 100.456, 4000.789])
SIGNALS = st.sampled_from(Signal)
USED = st.builds(used, accessor=st.sampled_from(["k", "l"]), tags=st.sampled_from([(), ("a",), ("a", "b")]))
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(
        Done,
        code=st.sampled_from([200, 500]),
        result=st.just(b"done"),
        signal=SIGNALS,
        used=st.one_of(st.none(), USED),
    ),
    st.builds(Retry, delay=DELAYS, code=st.just(503), signal=SIGNALS),
    st.builds(GivenUp, code=st.just(410), result=st.just(b"parked"), signal=SIGNALS),
    st.just(Interrupted()),
)


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
        self.model = ModelLedger(FIXED_CAPS, self.clock.now(), self.clock.now())

    @initialize(target=jobs)
    def open(self) -> Any:
        self.opened = contextlib.AsyncExitStack()
        self.store: Store = self.run(self.opened.enter_async_context(self.reopen()))
        ordinary = [new_job(place) for place in PLACES for _ in range(2)]
        in_order = [new_job(place, sequence="s") for place in PLACES]
        return multiple(*self.added([*ordinary, *in_order], None))

    def run(self, awaitable: Awaitable[T]) -> T:
        async def call() -> T:
            return await awaitable

        return self.runner.run(call())

    def teardown(self) -> None:
        self.run(self.opened.aclose())
        self.runner.close()
        self.folder.cleanup()

    # Adding.

    @rule(
        target=jobs,
        place=st.sampled_from(PLACES),
        delay=DELAYS,
        sequence=st.sampled_from([None, *SEQUENCES]),
        count=st.integers(1, 3),
    )
    def add(self, place: Place, delay: float, sequence: str | None, count: int) -> Any:
        jobs = [new_job(place, delay=delay, sequence=sequence) for _ in range(count)]
        return multiple(*self.added(jobs, None))

    @rule(
        target=jobs,
        place=st.sampled_from(PLACES),
        accessor=st.sampled_from(["k", "l"]),
        weight=st.sampled_from([0, 5]),
        count=st.integers(1, 3),
        jobs_allowed=st.sampled_from([None, 0, 3]),
        weight_allowed=st.sampled_from([None, 12]),
    )
    def add_within_an_allowance(
        self,
        place: Place,
        accessor: str,
        weight: int,
        count: int,
        jobs_allowed: int | None,
        weight_allowed: int | None,
    ) -> Any:
        jobs = [new_job(place, accessor=accessor, weight=weight) for _ in range(count)]
        return multiple(*self.added(jobs, Allowance(jobs_allowed, weight_allowed)))

    @rule(
        target=jobs,
        accessor=st.sampled_from([None, "k"]),
        idempotency=st.builds(
            IdempotencyKey,
            key=st.sampled_from(["v", "w"]),
            fingerprint=st.sampled_from([b"1", b"2"]),
            seconds=st.sampled_from([100.0, 5000.0]),
        ),
    )
    def add_once(self, accessor: str | None, idempotency: IdempotencyKey) -> Any:
        return multiple(*self.added([new_job(PLACES[0], accessor=accessor, idempotency=idempotency)], None))

    def added(self, jobs: list[NewJob], allowance: Allowance | None) -> list[JobId]:
        async def model() -> None:
            self.model.add(jobs, allowance)

        said = self.run(refusal(self.store.add(jobs, allowance)))
        assert said == self.run(refusal(model()))
        return [] if said else [job.id for job in jobs]

    @rule(target=leases, place=st.sampled_from(PLACES), accessor=st.sampled_from([None, "k"]))
    def begin(self, place: Place, accessor: str | None) -> Lease:
        job = new_job(place, accessor=accessor, weight=3)
        lease = self.run(self.store.begin(job, LEASE_SECONDS))
        self.model.begin(job, LEASE_SECONDS)
        assert self.model.holds(lease)
        return lease

    # Working.

    @rule(target=leases, kind=st.sampled_from(KINDS), limit=st.integers(1, 6))
    def claim(self, kind: str, limit: int) -> Any:
        return multiple(*self.claimed(kind, limit))

    def claimed(self, kind: str, limit: int) -> list[Lease]:
        places = [place for place in PLACES if place[0] == kind]
        due = {place: self.model.due(place) for place in places}
        possible = {place: min(self.model.room(place), len(due[place])) for place in places}
        claimed: list[Lease] = self.run(self.store.claim(kind, limit, LEASE_SECONDS))
        assert len(claimed) == min(limit, sum(possible.values()))
        shares = Counter((lease.job.kind, str(lease.job.lane)) for lease in claimed)
        for place, share in shares.items():
            assert share <= possible[place], "no lane takes more than its cap"
            taken = [lease.job.due_at for lease in claimed if lease.job.lane == place[1]]
            assert sorted(taken) == pytest.approx(due[place][:share])
        for lease in claimed:
            self.model.claimed(lease, LEASE_SECONDS)
        return claimed

    @rule(rounds=st.integers(3, 6))
    def the_receivers_fail(self, rounds: int) -> None:
        for _ in range(rounds):
            for lease in self.claimed("deliver", 6):
                self.settle(lease, Retry(0.0, code=503, signal=Signal.BAD))

    @rule(target=leases, kind=st.sampled_from(KINDS))
    def leases_run_out_and_go_to_others(self, kind: str) -> Any:
        self.time_passes(31.4159265)
        self.rescue()
        return multiple(*self.claimed(kind, 6))

    @rule(lease=leases, outcome=OUTCOMES)
    def settle(self, lease: Lease, outcome: Outcome) -> None:
        """Old leases too: those writes must be refused."""
        assert self.run(self.store.settle(lease, outcome)) == self.model.settle(lease, outcome)

    @rule(
        target=jobs,
        lease=leases,
        sequence=st.sampled_from([None, *SEQUENCES]),
        count=st.integers(1, 2),
    )
    def finish_with_follow_ups(self, lease: Lease, sequence: str | None, count: int) -> Any:
        followed = lease.job
        jobs = tuple(
            new_job(PLACES[0], sequence=sequence, parent=followed.id, accessor=followed.accessor)
            for _ in range(count)
        )
        outcome = Done(200, follow_ups=jobs)
        held = self.model.settle(lease, outcome)
        assert self.run(self.store.settle(lease, outcome)) == held
        return multiple(*(job.id for job in jobs if held))

    @rule(lease=leases)
    def extend(self, lease: Lease) -> None:
        ours = {lease.job.id} if self.model.holds(lease) else set()
        assert self.run(self.store.extend([lease], LEASE_SECONDS)) == ours
        if ours:
            self.model.jobs[lease.job.id].lease_until = self.model.now + LEASE_SECONDS

    # Time, and what it brings.

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

    @rule()
    def a_new_process_takes_over(self) -> None:
        self.run(self.opened.aclose())
        self.store = self.run(self.opened.enter_async_context(self.reopen()))
        self.model.start_again(self.clock.now())
        # The new ledger's clock is added up again: what came just before must not be due a rounding later.
        self.time_passes(0.0123)

    # What people ask for.

    @rule(job=jobs)
    def cancel(self, job: JobId) -> None:
        assert self.run(self.store.cancel(job)) == self.model.cancel(job)

    @rule(job=jobs)
    def requeue(self, job: JobId) -> None:
        assert self.run(self.store.requeue(job)) == self.model.requeue(job)

    # Forgetting.

    @rule(job=jobs)
    def strip(self, job: JobId) -> None:
        stripped = Stripped(job, b"left", b"of it")
        assert self.run(self.store.strip([stripped])) == self.model.strip(stripped)

    @rule(kind=st.sampled_from(KINDS), seconds_ago=LONG_AGO)
    def list_ended(self, kind: str, seconds_ago: float) -> None:
        found = self.run(self.store.ended(kind, seconds_ago, 1000))
        assert [job.id for job in found] == self.model.ended(kind, seconds_ago)

    @rule(seconds_ago=LONG_AGO, limit=st.sampled_from([1, 2, 1000]))
    def drop(self, seconds_ago: float, limit: int) -> None:
        before = set(self.model.jobs)
        at_least = self.model.droppable(seconds_ago)
        dropped = self.run(self.store.drop(seconds_ago, limit))
        forgotten = before - self.run(self.store.states(list(before))).keys()
        assert len(forgotten) == dropped <= limit
        for job in forgotten:
            finished_at = self.model.jobs[job].finished_at
            assert finished_at is not None, "nothing live is lost"
            assert finished_at <= self.model.now - seconds_ago
        assert at_least <= forgotten or dropped == limit or limit < 1000
        self.model.drop(forgotten)

    # What is seen.

    @rule(job=jobs)
    def list_by_time(self, job: JobId) -> None:
        if job not in self.model.jobs:
            return
        moment = self.model.jobs[job].created_at
        earlier, later = moment - 0.01, moment + 0.01  # the ledger's clock is added up in another order
        jobs = self.model.jobs.items()
        since = {name for name, other in jobs if other.created_at >= earlier}
        until = {name for name, other in jobs if other.created_at <= later}
        assert {found.id for found in self.all_jobs(since=earlier)} == since
        assert {found.id for found in self.all_jobs(until=later)} == until

    @rule(states=st.frozensets(st.sampled_from(State), min_size=1, max_size=3))
    def list_by_state(self, states: frozenset[State]) -> None:
        found = {job.id for job in self.all_jobs(states=states)}
        assert found == {name for name, job in self.model.jobs.items() if job.state in states}

    def all_jobs(self, **fields: Any) -> list[Job]:
        pages = (self.run(self.store.page(JobFilter("p", kind, **fields), 1000)) for kind in KINDS)
        return [job for page in pages for job in page.jobs]

    @invariant()
    def the_store_agrees(self) -> None:
        if not self.model.jobs:
            return
        found = self.all_jobs()
        assert len(found) == len({job.id for job in found}), "every job stands in one place"
        assert {job.id for job in found} == self.model.jobs.keys(), "nothing is lost"
        for job in found:
            expected = self.model.jobs[job.id]
            assert (job.state, job.tries, job.losses, job.code, job.payload, job.result) == (
                expected.state, expected.tries, expected.losses, expected.code, expected.requested.payload,
                expected.result,
            )  # fmt: skip
            assert (job.finished_at is not None) == (job.state in ENDED)
            if job.state is State.QUEUED:
                assert job.due_at == pytest.approx(expected.due_at, abs=0.001)

    @rule()
    def usage_adds_up(self) -> None:
        """Whatever was lost, taken over or dropped since."""
        sums: Counter[tuple[str, ...]] = Counter()
        for key, amount in self.model.used.items():
            sums[key.tags] += amount.requests
        found = self.run(self.store.daily_usage(UsageFilter("p", 0, 100), UsageDimension.TAGS, 10))
        assert {each.group: each.amount.requests for each in found} == sums
        assert sum(each.amount.seconds for each in found) == 2.0 * sums.total()

    @invariant()
    def sequences_go_one_at_a_time(self) -> None:
        if not self.model.jobs:
            return
        for sequence in SEQUENCES:
            live = self.model.in_sequence(sequence)
            assert sum(job.state is not State.HELD for job in live) == bool(live)
            assert self.run(self.store.waiting(sequence, 1000)) == len(live)

    @invariant()
    def the_gauges_agree(self) -> None:
        if not self.model.jobs:
            return
        gauges = self.run(self.store.gauges())
        for kind in KINDS:
            standing = Counter(job.state for job in self.model.jobs.values() if job.place[0] == kind)
            places = [place for place in PLACES if place[0] == kind]
            ready = any(self.model.room(place) and self.model.due(place) for place in places)
            if any(standing[state] for state in LIVE - {State.HELD}):
                gauge = gauges[kind]
                assert (gauge.queued, gauge.leased) == (standing[State.QUEUED], standing[State.LEASED])
                assert (gauge.oldest_ready is not None) == ready


async def refusal(adding: Awaitable[None]) -> tuple[object, ...]:
    """What was said against it; empty when nothing was."""
    try:
        await adding
    except AlreadyRequested as requested:
        return AlreadyRequested, requested.job, requested.same_request
    except OverAllowance:
        return (OverAllowance,)
    return ()


def new_job(
    place: Place,
    *,
    delay: float = 0.0,
    sequence: str | None = None,
    accessor: str | None = None,
    weight: int = 0,
    idempotency: IdempotencyKey | None = None,
    parent: JobId | None = None,
) -> NewJob:
    return NewJob(
        JobId(str(uuid.uuid4())), place[0], Lane(place[1]), "p", b"all of it", parent=parent,
        accessor=accessor, delay=delay, sequence=sequence, weight=weight, idempotency=idempotency,
    )  # fmt: skip


def test_the_store_follows_the_model(
    request: pytest.FixtureRequest, open_store: OpenStore, manual_clock: MovableClock
) -> None:
    store = request.node.callspec.params["open_store"]

    class Machine(StoreMachine):
        opens = staticmethod(open_store)
        clocks = type(manual_clock)

    case = Machine.TestCase
    case.settings = settings(
        max_examples=1500 if LONG else EXAMPLES.get(store, 50),
        stateful_step_count=60 if LONG else 40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    case().runTest()
