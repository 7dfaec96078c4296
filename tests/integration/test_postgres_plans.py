"""The hot paths walk along their indexes with a million jobs in the ledger.

The plans of the statements as they ran, inside the functions too, say so."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from ringback.jobs.job import (
    Allowance,
    Attempt,
    Done,
    GivenUp,
    IdempotencyKey,
    JobFilter,
    JobId,
    Lane,
    NewJob,
    Retry,
    State,
)
from ringback.jobs.store import Stripped
from ringback.jobs.usage import UsageDimension, UsageFilter
from ringback.storage.postgres import PostgresLedger, migrate
from support.postgres import new_database, servers
from support.usage import used

VERSION = max(servers(), default="")
pytestmark = [
    pytest.mark.skipif(not VERSION, reason="no PostgreSQL on this machine"),
    pytest.mark.filterwarnings("ignore::asyncpg.InterfaceWarning"),  # the pool misses nothing: we listen on
]

JOBS = 1_000_000
LIVE = 200_000
"""Of them wait, and 100 are held in sequences; all others are done but for every thousandth."""

WITHOUT_INDEXES = """
update pg_index set indisready = false, indisvalid = false
where indrelid in ('job'::regclass, 'live_job'::regclass, 'ended_job_default'::regclass)
"""
"""Filled one by one they took most of the time."""

WITH_INDEXES = """
update pg_index set indisready = true, indisvalid = true
where indrelid in ('job'::regclass, 'live_job'::regclass, 'ended_job_default'::regclass);
"""

FILL = f"""
begin;
insert into lane (kind, name, cap, next_due, inflight)
select 'deliver', 'host ' || n, 4, 1, 0 from generate_series(0, 999) as n;
insert into job (number, id, kind, lane, project, payload, parent, method, tags, created_at, day, weight)
select nextval('job_number'), gen_random_uuid(), 'deliver', 1 + n % 1000, 'p', '', null, 'sync', '[]',
    1e9 + n, (1e9 + n) / 86400, 0
from generate_series(1, {JOBS}) as n;
insert into hour (first, hour) select min(number), floor(created_at / 3600) from job group by 2;
insert into live_job (number, lane, state, due_at, sequence, weight)
select number, lane, 'queued', 1e9 + number, null, 0 from job where number > {JOBS - LIVE};
insert into ended_job
    (number, day, kind, project, lane, state, tries, losses, due_at, token, finished_at, code)
select number, day, kind, project, lane, case when number % 1000 = 0 then 'parked' else 'done' end, 1, 0,
    created_at, 1, created_at, case when number % 1000 = 0 then 503 else 200 end
from job where number <= {JOBS - LIVE};
insert into usage_hour
    (project, hour, accessor, endpoint, method, model, model_id, language, features, parameters, tags,
    succeeded, requests, seconds, channel_seconds)
select 'p' || (n % 100), n / 100, 'k', 'listen', 'sync', 'm', '', 'en', '[]', '[]', '[]', true, 1, 1, 1
from generate_series(1, 200000) as n;
commit;
"""

BIG = ("job", "live_job", "ended_job_default", "usage_hour")
"""Lanes are a thousand; to read a page of jobs with them all is right. Partitions of days without
jobs are empty: how they are read does not matter."""

EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_level": "log",
    "auto_explain.log_analyze": "off",
    "client_min_messages": "log",
}


@dataclass
class Plans:
    """What the server said of its plans while something was done."""

    ledger: PostgresLedger
    said: list[str] = field(default_factory=list)

    async def of(self, call: Callable[[PostgresLedger], Awaitable[Any]]) -> str:
        self.said.clear()
        await call(self.ledger)
        assert self.said
        return "\n".join(self.said)


@pytest.fixture(scope="module")
def million() -> str:
    return new_database(VERSION)


@pytest.fixture
async def plans(million: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plans]:
    await fill(million)
    plans = Plans(None)  # type: ignore[arg-type] # made below, by what is patched here
    make_pool = asyncpg.create_pool

    async def listen(connection: Any) -> None:
        connection.add_log_listener(lambda _connection, message: plans.said.append(str(message.message)))

    def make_talking_pool(*arguments: Any, **options: Any) -> Any:
        options["server_settings"] = {**(options["server_settings"] or {}), **EXPLAIN}
        return make_pool(*arguments, **options, setup=listen)

    monkeypatch.setattr(asyncpg, "create_pool", make_talking_pool)
    monkeypatch.setattr("ringback.storage.postgres.notifications.IDLE_POLL_SECONDS", 3600.0)
    async with await PostgresLedger.open(million, serving=True) as ledger:
        plans.ledger = ledger
        yield plans


async def fill(url: str) -> None:
    if await migrate(url) and await count(url):
        return
    started = time.perf_counter()
    for script in (WITHOUT_INDEXES, FILL, WITH_INDEXES, "reindex database", "analyze"):
        connection = await asyncpg.connect(url)
        await connection.execute(script)
        await connection.close()
    print(f"{JOBS} jobs were made in {time.perf_counter() - started:.1f} s")


async def count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from lane"))
    finally:
        await connection.close()


MONTH = UsageFilter("p7", 1_000, 1_720)


def new_job(**fields: Any) -> NewJob:
    return NewJob(JobId(str(uuid.uuid4())), "deliver", Lane("host 7"), "p", b"order", **fields)


def assert_walks(plan: str, *indexes: str) -> None:
    scanned = [table for table in BIG if f"Seq Scan on {table} " in plan]
    assert not scanned, plan
    for index in indexes:
        assert index in plan, plan


async def test_writes(plans: Plans) -> None:
    once = IdempotencyKey("key", b"fingerprint")
    jobs = [new_job(accessor="k", idempotency=once), new_job(sequence="s"), new_job(sequence="s")]
    assert_walks(
        await plans.of(lambda ledger: ledger.add(jobs, Allowance(jobs=100))),
        "lane_kind_name_key", "live_job_by_sequence", "idempotency_key_pkey", "usage_pkey",
    )  # fmt: skip
    assert_walks(
        await plans.of(lambda ledger: ledger.claim("deliver", 32, 60.0)),
        "lane_ready", "live_job_queued", "live_job_pkey", "job_pkey",
    )  # fmt: skip
    leases = await plans.ledger.claim("deliver", 32, 60.0)
    assert len(leases) == 32
    outcomes = [
        Done(
            200, follow_ups=(new_job(),), attempt=Attempt(1.0, 2.0, "delivered", 200), used=used(project="p7")
        ),
        GivenUp(410),
        Retry(30.0, code=503),
    ]
    for lease, outcome in zip(leases, outcomes, strict=False):
        plan = await plans.of(lambda ledger, lease=lease, outcome=outcome: ledger.settle(lease, outcome))  # type: ignore[misc] # bound in the loop
        assert_walks(plan, "job_id", "live_job_pkey", "lane_pkey")
    plan = await plans.of(lambda ledger: ledger.extend(leases[3:], 60.0))
    assert_walks(plan, "job_id", "live_job_pkey")
    plan = await plans.of(lambda ledger: ledger.cancel(jobs[2].id))
    assert_walks(plan, "job_id", "live_job_pkey", "live_job_in_turn")
    plan = await plans.of(lambda ledger: ledger.requeue(leases[1].job.id))
    assert_walks(plan, "job_id", "ended_job_default_pkey")


async def test_upkeep(plans: Plans) -> None:
    [lease] = await plans.ledger.claim("deliver", 1, -1.0)
    plan = await plans.of(lambda ledger: ledger.rescue())
    assert_walks(plan, "live_job_leased", "job_id")
    found = await plans.ledger.get(lease.job.id)
    assert found is not None
    assert found.losses == 1
    assert_walks(await plans.of(lambda ledger: ledger.ended("deliver", 60.0, 100)), "finished_at", "job_pkey")
    old = (await plans.ledger.ended("deliver", 60.0, 100))[0]
    strip = [Stripped(old.id, b"", None)]
    assert_walks(await plans.of(lambda ledger: ledger.strip(strip)), "job_id", "ended_job_default_pkey")
    assert_walks(await plans.of(lambda ledger: ledger.forget_usage(60.0)), "usage_hour_pkey")
    counted = used(project="p7", hour=1_000, tags=("a",))
    assert_walks(await plans.of(lambda ledger: ledger.count_usage([counted])))
    ended = await plans.ledger.ended("deliver", 60.0, 1)
    plan = await plans.of(lambda ledger: ledger.erase([ended[0].id], {ended[0].id: counted}))
    assert_walks(plan, "usage_hour_pkey", "job_id")
    plan = await plans.of(lambda ledger: ledger.drop(60.0, 50))
    assert_walks(plan, "job_by_parent", "job_by_lane", "idempotency_key_by_job")


async def test_reads(plans: Plans) -> None:
    page = await plans.ledger.page(JobFilter("p", "deliver"), 10)
    jobs = [job.id for job in page.jobs]
    before = str(JOBS // 2)
    reads: list[tuple[Callable[[PostgresLedger], Awaitable[Any]], tuple[str, ...]]] = [
        (lambda ledger: ledger.get(jobs[0]), ("job_id", "live_job_pkey")),
        (lambda ledger: ledger.states(jobs), ("job_id", "live_job_pkey")),
        (lambda ledger: ledger.open_breakers("deliver", [Lane("host 7")]), ("lane_kind_name_key",)),
        (lambda ledger: ledger.children_of(jobs, 100), ("job_by_parent",)),
        (lambda ledger: ledger.attempts(jobs[0], 100), ("job_id",)),
        (lambda ledger: ledger.waiting("s", 100), ("live_job_by_sequence",)),
        (lambda ledger: ledger.wait_for_work("deliver", 0.1), ("lane_ready",)),
        (lambda ledger: ledger.page(JobFilter("p", "deliver"), 10, before), ("using job_",)),
        (lambda ledger: ledger.page(JobFilter("p", "deliver", lane=Lane("host 7")), 10), ("job_by_lane",)),
        (
            lambda ledger: ledger.page(JobFilter("p", "deliver", states=frozenset({State.PARKED})), 10),
            ("project", "state"),
        ),
        (lambda ledger: ledger.page(JobFilter("p", "deliver", code=503), 10), ("code", "live_job_by_code")),
        (lambda ledger: ledger.page(JobFilter("p", "deliver", succeeded=False), 10), ("code >= 400",)),
        (
            lambda ledger: ledger.page(JobFilter("p", "deliver", states=frozenset({State.LEASED})), 10),
            ("live_job_leased",),
        ),
        (lambda ledger: ledger.parked(), ("ended_job_default_project_kind_state_number_idx",)),
        (lambda ledger: ledger.lane_standing("deliver"), ("on lane",)),
        (
            lambda ledger: ledger.lane_reports("deliver", 10),
            ("live_job_queued", "ended_job_default_lane_state_number_idx", "job_by_lane"),
        ),
        (
            lambda ledger: ledger.lane_reports("deliver", 10, names=[Lane("host 7")]),
            ("lane_kind_name_key", "live_job_queued", "job_by_lane"),
        ),
        (lambda ledger: ledger.daily_usage(MONTH, UsageDimension.TAGS, 100), ("usage_hour_pkey",)),
        (lambda ledger: ledger.used_labels(MONTH, 100), ("usage_hour_pkey",)),
    ]
    for read, walks in reads:
        assert_walks(await plans.of(read), *walks)
