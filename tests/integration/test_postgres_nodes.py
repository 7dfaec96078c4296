"""Several nodes on one PostgreSQL: caps and tokens under many claimers, deaths, word from node to node."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest

from ringback.jobs.job import (
    Allowance,
    Attempt,
    Done,
    GivenUp,
    IdempotencyKey,
    JobId,
    Lane,
    Lease,
    NewJob,
    Retry,
    Signal,
    State,
)
from ringback.jobs.store import AlreadyRequested, LedgerUnavailable, OverAllowance
from ringback.storage.postgres import NodeFacts, PostgresLedger, nodes
from support.postgres import new_database, servers
from support.waiting import eventually

CAPS = {"transcribe": 3}
PROMPT = 20.0
"""A test that waits so long has found a fault."""

WATCH = """
create table seen_token (number bigint, token bigint, primary key (number, token));

create function watch_lease() returns trigger language plpgsql as $$
begin
    -- A token is given out once, and each is higher than the one before.
    insert into seen_token values (new.number, new.token);
    if new.token <> old.token + 1 or old.state <> 'queued' then
        raise 'job % went from % with token % to token %', new.number, old.state, old.token, new.token;
    end if;
    return null;
end $$;
create trigger watch_lease after update on live_job for each row
    when (new.state = 'leased' and old.state <> 'leased') execute function watch_lease();

create function watch_cap() returns trigger language plpgsql as $$
declare
    leased bigint;
begin
    select count(*) into leased from live_job where lane = new.id and state = 'leased';
    if new.inflight > new.cap or leased > new.cap or leased <> new.inflight then
        raise 'lane % has % in flight, % leased, and a cap of %', new.id, new.inflight, leased, new.cap;
    end if;
    return null;
end $$;
create trigger watch_cap after update on lane for each row
    when (new.inflight > old.inflight) execute function watch_cap();
"""
"""Raises at the very write that would break a promise."""


@pytest.fixture(params=servers())
def url(request: pytest.FixtureRequest) -> str:
    return new_database(request.param)


@pytest.fixture
async def open_node(url: str) -> AsyncIterator["OpenNode"]:
    async with contextlib.AsyncExitStack() as stack:
        yield OpenNode(url, stack)


class OpenNode:
    def __init__(self, url: str, stack: contextlib.AsyncExitStack) -> None:
        self.url = url
        self._stack = stack

    async def __call__(self, facts: NodeFacts | None = None) -> PostgresLedger:
        return await self._stack.enter_async_context(
            await PostgresLedger.open(self.url, serving=True, fixed_caps=CAPS, node=facts)
        )


def new_job(kind: str = "transcribe", lane: str = "p", **fields: object) -> NewJob:
    return NewJob(JobId(str(uuid.uuid4())), kind, Lane(lane), "p", b"order", **fields)  # type: ignore[arg-type] # tests name the fields


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def rows(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


class TestManyClaimers:
    async def test_eight_never_exceed_a_cap_and_no_job_has_two_valid_tokens(
        self, open_node: OpenNode, url: str
    ) -> None:
        ledgers = [await open_node() for _ in range(2)]
        await execute(url, WATCH)
        jobs = [new_job("deliver", f"host {number % 5}") for number in range(200)]
        jobs += [new_job(lane=f"p{number % 2}") for number in range(60)]
        await ledgers[0].add(jobs)
        settled: Counter[JobId] = Counter()

        async def work(ledger: PostgresLedger, kind: str) -> None:
            while len(settled) < len(jobs):
                leases = await ledger.claim(kind, 6, 30.0)
                for lease in leases:
                    assert await ledger.extend([lease], 30.0) == {lease.job.id}
                done = Done(200, signal=Signal.GOOD)
                for held in await asyncio.gather(*(ledger.settle(lease, done) for lease in leases)):
                    assert held
                settled.update(lease.job.id for lease in leases)
                if not leases:
                    await ledger.wait_for_work(kind, 0.5)

        async with asyncio.timeout(400), asyncio.TaskGroup() as tasks:
            for ledger in ledgers:
                for kind in ("deliver", "deliver", "deliver", "transcribe"):
                    tasks.create_task(work(ledger, kind))
        assert settled == Counter(job.id for job in jobs), "each of them once"
        assert await rows(url, "select from lane where inflight <> 0") == []

    async def test_counters_stay_right_under_everything_at_once(self, open_node: OpenNode, url: str) -> None:
        """Adds, allowances, retries, parked sequences, cancels and rescues from two nodes: none is given up,
        and all counters are what a count says."""
        ledgers = [await open_node() for _ in range(2)]
        allowance = Allowance(jobs=10_000)

        async def life(ledger: PostgresLedger, number: int) -> None:
            for turn in range(12):
                jobs = [
                    new_job(
                        "deliver", f"host {turn % 3}", accessor=f"k{number % 2}", sequence=f"s{number % 2}"
                    ),
                    new_job(lane=f"p{number % 2}", accessor=f"k{turn % 2}", weight=5),
                ]
                await ledger.add(jobs, allowance if turn % 2 else None)
                for kind in ("deliver", "transcribe"):
                    for place, lease in enumerate(await ledger.claim(kind, 4, 30.0)):
                        following = new_job("deliver", f"host {place}", accessor=lease.job.accessor)
                        outcomes = (
                            Done(200, follow_ups=(following,)),
                            Retry(0.0, signal=Signal.BAD, attempt=Attempt(1.0, 2.0, "status", 500)),
                            GivenUp(410),
                        )
                        # Another of the lives may have cancelled it.
                        await ledger.settle(lease, outcomes[(turn + place) % 3])
                await ledger.cancel(jobs[turn % 2].id)
                await ledger.requeue(jobs[0].id)
                await ledger.rescue()

        async with asyncio.timeout(400), asyncio.TaskGroup() as tasks:
            for number in range(8):
                tasks.create_task(life(ledgers[number % 2], number))
        wrong_usage = """
            select usage.*, live.* from usage full join (
                select job.accessor, job.kind, count(*) as jobs, sum(job.weight) as weight
                from live_job join job using (number) group by job.accessor, job.kind
            ) as live using (accessor, kind)
            where coalesce(usage.jobs, 0) <> coalesce(live.jobs, 0)
                or coalesce(usage.weight, 0) <> coalesce(live.weight, 0)
        """
        assert await rows(url, wrong_usage) == []
        wrong_lanes = """
            select lane.id from lane where inflight <> (
                select count(*) from live_job where live_job.lane = lane.id and state = 'leased'
            ) or next_due is distinct from (
                select min(due_at) from live_job where live_job.lane = lane.id and state = 'queued'
            )
        """
        assert await rows(url, wrong_lanes) == []

    async def test_of_one_word_on_two_nodes_one_is_added(self, open_node: OpenNode) -> None:
        ledgers = [await open_node() for _ in range(2)]
        for _ in range(5):
            once = IdempotencyKey(str(uuid.uuid4()), b"fingerprint")
            jobs = [new_job(accessor="k", idempotency=once) for _ in range(6)]
            added = await asyncio.gather(
                *(ledgers[place % 2].add([job]) for place, job in enumerate(jobs)), return_exceptions=True
            )
            assert Counter(map(type, added)) == {type(None): 1, AlreadyRequested: 5}

    async def test_an_allowance_holds_over_two_nodes(self, open_node: OpenNode) -> None:
        ledgers = [await open_node() for _ in range(2)]
        adding = (ledgers[place % 2].add([new_job(accessor="k")], Allowance(jobs=7)) for place in range(40))
        added = await asyncio.gather(*adding, return_exceptions=True)
        assert Counter(map(type, added)) == {type(None): 7, OverAllowance: 33}


class TestDeath:
    async def test_a_dead_nodes_lease_runs_out_and_its_late_write_is_refused(
        self, open_node: OpenNode
    ) -> None:
        first, second = await open_node(), await open_node()
        await first.add([new_job()])
        [old] = await first.claim("transcribe", 1, 0.3)
        assert await second.claim("transcribe", 1, 30.0) == []
        await eventually(second.rescue)
        [new] = await second.claim("transcribe", 1, 30.0)
        assert (new.job.id, new.job.losses) == (old.job.id, 1)
        assert await first.extend([old], 30.0) == set()
        assert not await first.settle(old, Done(200))
        assert await second.settle(new, Done(200))

    async def test_a_node_that_leaves_takes_no_others_leases_with_it(
        self, open_node: OpenNode, url: str
    ) -> None:
        staying = await open_node()
        await staying.add([new_job(), new_job()])
        [held_lease] = await staying.claim("transcribe", 1, 60.0)
        async with await PostgresLedger.open(url, serving=True) as leaving:
            [lost] = await leaving.claim("transcribe", 1, 60.0)
        assert await staying.rescue() == 1
        [again] = await staying.claim("transcribe", 1, 60.0)
        assert again.job.id == lost.job.id
        assert await staying.settle(held_lease, Done(200))

    async def test_nodes_are_listed_while_they_serve(
        self, open_node: OpenNode, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nodes, "BEAT_SECONDS", 0.05)
        facts = NodeFacts("a", "host", ("api", "deliver"), "1.0")
        ledger = await open_node(facts)
        async with await PostgresLedger.open(url, serving=True):
            assert len(await ledger.nodes()) == 2
        [node] = await ledger.nodes()
        assert node.facts == facts

        async def has_beaten() -> bool:
            return (await ledger.nodes())[0].beat_at != node.beat_at

        await eventually(has_beaten)

    async def test_only_who_serves_may_claim(self, open_node: OpenNode, url: str) -> None:
        await open_node()
        async with await PostgresLedger.open(url) as beside:
            await beside.add([new_job()])
            with pytest.raises(RuntimeError, match="opened for serving"):
                await beside.claim("transcribe", 1, 30.0)
            assert len(await beside.nodes()) == 1


class TestWord:
    """Bounds are far from the polls: what is awaited is there, and how soon it came is printed."""

    async def test_a_caller_on_one_node_gets_the_end_made_on_another(self, open_node: OpenNode) -> None:
        api, worker = await open_node(), await open_node()
        job = new_job()
        await api.add([job])
        end = asyncio.create_task(api.wait_for_end(job.id))
        async with asyncio.timeout(PROMPT):
            while not (leases := await worker.claim("transcribe", 1, 30.0)):
                await worker.wait_for_work("transcribe", 1.0)
            started = asyncio.get_running_loop().time()
            await worker.settle(leases[0], Done(200, b"result"))
            assert (await end).result == b"result"
        print(f"an end was known on the other node after {asyncio.get_running_loop().time() - started:.3f} s")

    async def test_polls_carry_it_where_no_word_does(
        self, open_node: OpenNode, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def deaf(_words: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("ringback.storage.postgres.notifications.Notifier._listen", deaf)
        api, worker = await open_node(), await open_node()
        working = asyncio.create_task(worker.wait_for_work("transcribe", 3600.0))
        job = new_job()
        await api.add([job])
        end = asyncio.create_task(api.wait_for_end(job.id))
        async with asyncio.timeout(PROMPT):
            await working
            [lease] = await worker.claim("transcribe", 1, 30.0)
            await worker.settle(lease, Done(200))
            assert (await end).state is State.DONE

    async def test_more_ends_than_one_word_names(self, open_node: OpenNode) -> None:
        api, worker = await open_node(), await open_node()
        jobs = [new_job("deliver", f"host {number}") for number in range(400)]
        await api.add(jobs)
        ends = [asyncio.create_task(api.wait_for_end(job.id)) for job in jobs]
        leases = await worker.claim("deliver", 400, 60.0)
        assert len(leases) == 400
        await asyncio.gather(*(worker.settle(lease, Done(200)) for lease in leases))
        async with asyncio.timeout(PROMPT):
            assert {job.state for job in await asyncio.gather(*ends)} == {State.DONE}


class TestDays:
    async def test_jobs_go_to_their_days_and_empty_days_go_whole(self, open_node: OpenNode, url: str) -> None:
        ledger = await open_node()
        await ledger.add([new_job()])
        [lease] = await ledger.claim("transcribe", 1, 30.0)
        await ledger.settle(lease, Done(200, attempt=Attempt(1.0, 2.0, "delivered", 200)))
        assert await rows(url, "select from ended_job_default") == []
        assert len(await rows(url, "select from ended_job")) == 1
        await execute(url, "select make_days(19000, 19002)")
        await execute(
            url,
            "insert into ended_job (number, day, kind, project, lane, state, tries, losses,"
            " due_at, token, finished_at) values (0, 19001, 'x', 'p', 1, 'cancelled', 0, 0, 0, 0, 1)",
        )
        async with await PostgresLedger.open(url, serving=True):
            pass
        days = await rows(
            url, "select relname from pg_class where relkind = 'r' and relname ~ '_20220[0-9]{3}$'"
        )
        assert [row[0] for row in days] == ["ended_job_20220109"]

    async def test_a_day_without_a_partition_is_no_fault(self, open_node: OpenNode, url: str) -> None:
        ledger = await open_node()
        for row in await rows(
            url, "select relname from pg_class where relkind = 'r' and relname ~ '_\\d{8}$'"
        ):
            await execute(url, f"drop table {row[0]}")
        job = new_job()
        await ledger.add([job])
        [lease] = await ledger.claim("transcribe", 1, 30.0)
        await ledger.settle(lease, Done(200))
        found = await ledger.get(job.id)
        assert found is not None
        assert found.state is State.DONE
        async with await PostgresLedger.open(url, serving=True):
            assert await ledger.get(job.id) == found


async def test_counters_are_repaired_by_the_sweep(open_node: OpenNode, url: str) -> None:
    ledger = await open_node()
    await ledger.add([new_job() for _ in range(5)])
    leases: list[Lease] = await ledger.claim("transcribe", 1, 60.0)
    await execute(url, "update lane set inflight = 3, next_due = null")
    assert await ledger.claim("transcribe", 5, 60.0) == []
    await ledger.rescue()
    assert len(await ledger.claim("transcribe", 5, 60.0)) == 2
    assert await ledger.settle(leases[0], Done(200))


async def test_tags_and_names_that_postgres_cannot_keep_are_no_fault(open_node: OpenNode) -> None:
    ledger = await open_node()
    job = new_job(tags=("a\x00b", 'say "x"', ","))
    await ledger.add([job])
    found = await ledger.get(job.id)
    assert found is not None
    assert found.tags == job.tags
    assert await ledger.get(JobId("\x00")) is None
    with pytest.raises(ValueError, match="cannot keep"):
        await ledger.add([new_job(accessor="\x00")])


async def test_a_closed_ledger_is_unavailable(open_node: OpenNode) -> None:
    ledger = await open_node()
    await ledger.close()
    for call in (ledger.add([new_job()]), ledger.claim("transcribe", 1, 1.0), ledger.projects()):
        with pytest.raises((LedgerUnavailable, RuntimeError)):
            await call
