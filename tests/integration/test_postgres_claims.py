"""Claims in the transactions of a node's other writes, and apart where other nodes hold the lanes."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from ringback.jobs.job import Done, JobId, Lane, Lease, NewJob
from ringback.storage.postgres import PostgresLedger
from support.postgres import new_database, servers
from support.waiting import PATIENCE, eventually

WAITING = """
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""


@pytest.fixture(params=servers())
def url(request: pytest.FixtureRequest) -> str:
    return new_database(request.param)


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[PostgresLedger]:
    async with await PostgresLedger.open(url, serving=True) as ledger:
        yield ledger


def new_job(kind: str = "deliver", lane: str = "host") -> NewJob:
    return NewJob(JobId(str(uuid.uuid4())), kind, Lane(lane), "p", b"order")


@asynccontextmanager
async def lane_held(url: str, lane: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """As by another node's transaction."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("select from lane where name = $1 for update", lane)
            yield connection
    finally:
        await connection.close()


async def waits_for_lock(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval(WAITING))


async def test_what_was_added_with_a_claim_is_claimed_at_once(ledger: PostgresLedger) -> None:
    job = new_job()
    lease = await claimed_with(ledger, "deliver", ledger.add([job]))
    assert lease.job.id == job.id
    follow_up = new_job("report")
    settling = ledger.settle(lease, Done(200, follow_ups=(follow_up,)))
    assert (await claimed_with(ledger, "report", settling)).job.id == follow_up.id


async def claimed_with(ledger: PostgresLedger, kind: str, write: Coroutine[Any, Any, object]) -> Lease:
    """What a claim got that was asked for in the same turn of the loop as a write."""
    writing = asyncio.create_task(write)
    [lease] = await ledger.claim(kind, 1, 30.0)
    await writing
    return lease


async def test_claims_of_several_kinds_and_of_one_get_different_jobs(ledger: PostgresLedger) -> None:
    jobs = [new_job(kind, f"lane {number % 3}") for number in range(8) for kind in ("deliver", "report")]
    kinds = ["deliver", "report", "deliver"]
    adding = asyncio.create_task(ledger.add(jobs))
    claimed = await asyncio.gather(*(ledger.claim(kind, 3, 30.0) for kind in kinds))
    await adding
    assert [[lease.job.kind for lease in leases] for leases in claimed] == [[kind] * 3 for kind in kinds]
    assert len({lease.job.id for leases in claimed for lease in leases}) == 9


async def test_a_refused_command_takes_no_claim_with_it(ledger: PostgresLedger) -> None:
    job = new_job()
    await ledger.add([job])
    refused, leases = await asyncio.gather(
        ledger.add([job]), ledger.claim("deliver", 1, 30.0), return_exceptions=True
    )
    assert isinstance(refused, ValueError)
    assert not isinstance(leases, BaseException)
    assert [lease.job.id for lease in leases] == [job.id]


async def test_a_claim_that_waits_for_another_node_holds_up_no_command(
    ledger: PostgresLedger, url: str
) -> None:
    job = new_job()
    await ledger.add([job])
    async with asyncio.timeout(PATIENCE), lane_held(url, "host") as other:
        claiming = asyncio.create_task(ledger.claim("deliver", 1, 60.0))
        await ledger.add([new_job("report", "another")])
        await eventually(lambda: waits_for_lock(other))
        await ledger.add([new_job("report", "another")])
        assert not claiming.done()
    async with asyncio.timeout(PATIENCE):
        assert [lease.job.id for lease in await claiming] == [job.id]


async def test_for_a_caller_who_is_gone_nothing_is_leased(ledger: PostgresLedger, url: str) -> None:
    job = new_job()
    await ledger.add([job])
    async with asyncio.timeout(PATIENCE), lane_held(url, "host") as other:
        adding = asyncio.create_task(ledger.add([new_job()]))
        await eventually(lambda: waits_for_lock(other))
        claiming = asyncio.create_task(ledger.claim("deliver", 1, 60.0))
        assert await waits_for_lock(
            other
        )  # meanwhile it is asked for, and waits for the transaction before it
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
    async with asyncio.timeout(PATIENCE):
        await adding
    leases = await ledger.claim("deliver", 2, 60.0)
    assert {lease.token for lease in leases} == {1}
    assert job.id in {lease.job.id for lease in leases}
