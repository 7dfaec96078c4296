"""What befalls a database: connections cut, a killed server, lost answers, locks, a standby, PgBouncer."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from ringback.jobs.job import Done, IdempotencyKey, JobId, Lane, NewJob, State
from ringback.jobs.store import AlreadyRequested, LedgerUnavailable
from ringback.storage.postgres import PostgresLedger, database
from support.postgres import PostgresServer, new_database, running, servers
from support.waiting import PATIENCE, eventually, real_pause

VERSION = max(servers(), default="")
pytestmark = pytest.mark.skipif(not VERSION, reason="no PostgreSQL on this machine")

CUT_ALL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


@pytest.fixture
def url() -> str:
    return new_database(VERSION)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """With fsync, to be killed."""
    with PostgresServer(servers()[VERSION], durable=True) as server:
        yield server


def new_job(lane: str = "host", **fields: Any) -> NewJob:
    return NewJob(JobId(str(uuid.uuid4())), "deliver", Lane(lane), "p", b"order", **fields)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


class Adding:
    """Adds jobs until told to stop, and remembers which were accepted, and which were refused."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self.ledger = ledger
        self.accepted: list[JobId] = []
        self.refused: list[JobId] = []
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping:
            job = new_job(f"host {len(self.accepted) % 3}")
            try:
                await self.ledger.add([job])
            except LedgerUnavailable:
                self.refused.append(job.id)
                await real_pause(0.05, "a caller that was refused waits before the next try")
            else:
                self.accepted.append(job.id)

    async def more(self, jobs: int = 20) -> None:
        goal = len(self.accepted) + jobs
        await eventually(lambda: len(self.accepted) >= goal, 60)


async def test_connections_are_cut_and_nothing_accepted_is_lost(url: str) -> None:
    async with await PostgresLedger.open(url, serving=True) as ledger:
        adding = Adding(ledger)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(adding.run())
            for _ in range(5):
                await adding.more()
                await execute(url, CUT_ALL)
            await adding.more()
            adding.stopping = True
        found = await ledger.states(adding.accepted)
        assert found.keys() == set(adding.accepted)
        assert await ledger.states(adding.refused) == {}, "what was refused is not there"
        print(f"5 cuts: {len(adding.accepted)} accepted, {len(adding.refused)} refused, none lost")


async def test_the_server_is_killed_and_comes_back(own_server: PostgresServer) -> None:
    async with await PostgresLedger.open(own_server.url(), serving=True) as ledger:
        adding = Adding(ledger)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(adding.run())
            for _ in range(2):
                await adding.more()
                await asyncio.to_thread(own_server.kill)
                await real_pause(0.3, "an outage lasts")
                await asyncio.to_thread(own_server.start)
            await adding.more()
            adding.stopping = True
        found = await ledger.states(adding.accepted)
        assert found.keys() == set(adding.accepted)
        print(f"2 kills: {len(adding.accepted)} accepted, {len(adding.refused)} refused, none lost")


async def test_without_a_server_every_call_says_so_soon(own_server: PostgresServer) -> None:
    async with await PostgresLedger.open(own_server.url(), serving=True) as ledger:
        await ledger.add([new_job()])
        [lease] = await ledger.claim("deliver", 1, 60.0)
        own_server.stop()
        calls = (
            ledger.add([new_job()]), ledger.claim("deliver", 1, 30.0), ledger.settle(lease, Done(200)),
            ledger.extend([lease], 30.0), ledger.rescue(), ledger.get(lease.job.id), ledger.gauges(),
            ledger.wait_for_work("deliver", 3600.0), ledger.wait_for_end(lease.job.id), ledger.projects(),
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert Counter(map(type, answers)) == {LedgerUnavailable: len(calls)}
        own_server.start()
        assert await ledger.settle(lease, Done(200))


class TestLostAnswerToACommit:
    async def test_that_has_happened_is_no_failure(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        async with await PostgresLedger.open(url, serving=True) as ledger:
            await ledger.add([new_job()])
            [lease] = await ledger.claim("deliver", 1, 60.0)
            cut = "commit; select pg_terminate_backend(pg_backend_pid())"
            monkeypatch.setattr(database, "_COMMIT", cut)
            job = new_job()
            await ledger.add([job])
            assert await ledger.settle(lease, Done(200))
            assert await ledger.states([job.id, lease.job.id]) == {
                job.id: State.QUEUED,
                lease.job.id: State.DONE,
            }

    async def test_that_has_not_is_tried_again_and_then_refused(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with await PostgresLedger.open(url, serving=True) as ledger:
            monkeypatch.setattr(database, "_COMMIT", "select pg_terminate_backend(pg_backend_pid()); commit")
            job = new_job()
            with pytest.raises(LedgerUnavailable):
                await ledger.add([job])
            monkeypatch.undo()
            assert await ledger.get(job.id) is None
            await ledger.add([job])


class TestLocks:
    async def test_a_lane_that_stays_locked_is_no_hang(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            database, "_BEGIN", database._BEGIN.replace("lock_timeout = '5s'", "lock_timeout = 100")
        )
        async with await PostgresLedger.open(url, serving=True) as ledger:
            await ledger.add([new_job()])
            connection = await asyncpg.connect(url)
            async with connection.transaction():
                await connection.execute("select from lane for update")
                with pytest.raises(LedgerUnavailable):
                    await ledger.add([new_job()])
                other = new_job("another host")
                await ledger.add([other])
            await connection.close()
            await ledger.add([new_job()])

    async def test_a_node_that_is_stopped_in_a_group_loses_its_locks(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin = database._BEGIN.replace("session_timeout = '5s'", "session_timeout = 300")
        assert begin != database._BEGIN
        async with await PostgresLedger.open(url, serving=True) as ledger:
            await ledger.add([new_job()])
            stopped = await asyncpg.connect(url)
            await stopped.execute(begin)
            await stopped.execute("select from lane for update")
            async with asyncio.timeout(PATIENCE):
                await ledger.add([new_job()])
            stopped.terminate()


async def test_a_standby_is_unavailable(url: str) -> None:
    async with await PostgresLedger.open(url, serving=True) as ledger:
        name = url.rpartition("/")[2]
        await execute(url, f"alter database {name} set default_transaction_read_only = on")
        await execute(url, CUT_ALL)
        job = new_job()
        with pytest.raises(LedgerUnavailable, match="read-only"):
            await ledger.add([job])
        assert await ledger.get(job.id) is None
        await execute(running(VERSION).url(), f"alter database {name} reset all")
        await execute(url, CUT_ALL)
        await ledger.add([job])


async def test_no_session_is_needed_between_transactions(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind PgBouncer in transaction mode: each statement, and each transaction, on another session."""
    make_pool = asyncpg.create_pool

    def make_forgetful_pool(*arguments: Any, **options: Any) -> Any:
        return make_pool(*arguments, **options | {"max_queries": 1})

    monkeypatch.setattr(asyncpg, "create_pool", make_forgetful_pool)
    async with await PostgresLedger.open(url, serving=True, fixed_caps={"transcribe": 2}) as ledger:
        once = IdempotencyKey("key", b"fingerprint")
        jobs = [
            new_job(sequence="s", accessor="k"),
            new_job(sequence="s"),
            new_job("other", idempotency=once),
        ]
        await ledger.add(jobs)
        with pytest.raises(AlreadyRequested):
            await ledger.add([new_job(idempotency=once)])
        ends = [asyncio.create_task(ledger.wait_for_end(job.id)) for job in jobs]
        for _ in jobs:
            async with asyncio.timeout(PATIENCE):
                await ledger.wait_for_work("deliver", 3600.0)
            [lease] = await ledger.claim("deliver", 1, 30.0)
            assert await ledger.extend([lease], 30.0) == {lease.job.id}
            assert await ledger.settle(lease, Done(200))
        async with asyncio.timeout(PATIENCE):
            assert {job.state for job in await asyncio.gather(*ends)} == {State.DONE}
        assert await ledger.rescue() == 0
        assert await ledger.drop(0.0, 10) == 3
        await ledger.rotate_signing_secret("k", "sealed", 1.0, 1.0)
        assert len(await ledger.signing_secrets("k", 1.0)) == 1
