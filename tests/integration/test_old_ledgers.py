"""Ledgers of before the first release are brought forward: files that the program of then has made.

`tests/ledgers` has them as commit 87258ab left them: `sqlite-schema-2.db.gz`, and `postgres-schema-4.sql` as
`pg_dump` wrote it. Both hold the same jobs, by the last two digits of their ids: 01 is a recording that is
done, 02 its delivery, delivered at the second try; 03 is parked, 04 cancelled, 05 waits; 06, 07 and 08 are a
sequence, of which the first was in work; 20 to 23 wait for the one probe of a breaker that was opened.
"""

import asyncio
import gzip
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import StoredDocument
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.job import Allowance, Done, IdempotencyKey, JobFilter, JobId, Lane, NewJob, State
from ringback.jobs.store import AlreadyRequested, OverAllowance
from ringback.jobs.usage import UsageDimension, UsageFilter
from ringback.listen.options import ListenOptions
from ringback.storage.postgres import PostgresLedger, migrate
from ringback.storage.sqlite import SqliteLedger, schema
from ringback.transcription.request import TranscriptionOrder, TranscriptionResult, request_usage
from support.postgres import new_database, servers
from support.stores import Store

LEDGERS = Path(__file__).parents[1] / "ledgers"

HELD, QUEUED, LEASED, DONE, PARKED, CANCELLED = State


def named(number: int) -> JobId:
    return JobId(f"00000000-0000-4000-8000-{number:012d}")


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    path.write_bytes(gzip.decompress((LEDGERS / "sqlite-schema-2.db.gz").read_bytes()))
    return path


@asynccontextmanager
async def opened(store: str, folder: Path) -> AsyncIterator[Store]:
    """The old ledger, brought forward."""
    if store == "sqlite":
        path = folder / "ledger.db"
        path.write_bytes(gzip.decompress((LEDGERS / "sqlite-schema-2.db.gz").read_bytes()))
        async with await SqliteLedger.open(path, SystemClock(), serving=True) as file:
            yield file
    else:
        url = await asyncio.to_thread(new_database, store)
        await execute(url, (LEDGERS / "postgres-schema-4.sql").read_text())
        async with await PostgresLedger.open(url, serving=True) as database:
            yield database


@pytest.fixture(params=["sqlite", *servers()])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path) as store:
        yield store


async def test_everything_is_there_and_goes_on(old: Store) -> None:
    [project] = await old.projects()
    jobs = [named(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23)]
    states = await old.states(jobs)
    assert [states[job] for job in jobs] == [
        DONE, DONE, PARKED, CANCELLED, QUEUED, QUEUED, HELD, HELD, QUEUED, QUEUED, QUEUED, QUEUED,
    ]  # fmt: skip
    recording = await old.get(named(1))
    assert recording is not None
    assert (recording.payload, recording.result, recording.tags) == (b"order 1", b"result", ("a",))
    assert [attempt.outcome for attempt in await old.attempts(named(2), 9)] == ["status", "delivered"]
    [key] = await old.keys(project.id)
    assert (key.id, key.comment, key.scopes) == ("key", "of before", ("usage:write",))
    [secret] = await old.signing_secrets("key", 10.0)
    assert secret.sealed == "sealed"
    assert await old.open_breakers("deliver", [Lane("https://bad.example:443 p")])
    found = await old.page(JobFilter(project.id, "deliver", succeeded=False), 9)
    assert [job.id for job in found.jobs] == [named(3)]

    again = NewJob(JobId("new"), "transcribe", Lane("t"), project.id, b"", accessor="key")
    with pytest.raises(AlreadyRequested) as requested:
        await old.add([replace(again, idempotency=IdempotencyKey("word", b"wish"))])
    assert (requested.value.job, requested.value.same_request) == (named(1), True)
    waiting = replace(again, kind="deliver", lane=Lane("b"))
    with pytest.raises(OverAllowance):
        await old.add([waiting], Allowance(jobs=4))
    await old.add([waiting], Allowance(jobs=5))

    leases = await old.claim("deliver", 20, 30.0)
    claimed = {lease.job.id for lease in leases}
    assert claimed >= {named(6), waiting.id}
    assert len(claimed & {named(20), named(21), named(22), named(23)}) == 1, "the probe"
    for number in (7, 8):
        assert (await old.states([named(number)])) == {named(number): HELD}
        for lease in leases:
            assert await old.settle(lease, Done(200))
        leases = await old.claim("deliver", 20, 30.0)
        assert named(number) in {lease.job.id for lease in leases}
    assert await old.requeue(named(3))
    assert await old.cancel(named(3))
    assert await old.audio_used(["key"]) == {"key": 0}
    assert await old.erase([named(2)]) == 1
    assert await old.drop(0.0, 100) >= 6


def test_a_file_has_the_shape_of_a_new_one(old_file: Path, tmp_path: Path) -> None:
    schema.prepare(old_file)
    new = tmp_path / "new.db"
    schema.prepare(new)
    assert file_shape(old_file) == file_shape(new)
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []


def file_shape(path: Path) -> object:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "select name from sqlite_master where type in ('table', 'view')"
        ).fetchall()
        columns = {
            table: sorted(row[1:4] + row[5:] for row in connection.execute(f"pragma table_xinfo({table})"))
            for (table,) in tables
        }
        others = connection.execute(
            "select name, sql from sqlite_master where type in ('index', 'view') and sql is not null"
        )
        return columns, {name: " ".join(sql.split()) for name, sql in others}


@pytest.mark.parametrize("server", servers())
async def test_a_database_has_the_shape_of_a_new_one(server: str) -> None:
    urls = [await asyncio.to_thread(new_database, server) for _ in range(2)]
    await execute(urls[0], (LEDGERS / "postgres-schema-4.sql").read_text())
    for url in urls:
        await migrate(url)
    before, new = [await database_shape(url) for url in urls]
    assert before == new


async def database_shape(url: str) -> object:
    """But for the partitions of days."""
    connection = await asyncpg.connect(url)
    try:
        return [
            sorted(tuple(row) for row in await connection.fetch(question))
            for question in (
                "select table_name, column_name, data_type, is_nullable, column_default,"
                " generation_expression from information_schema.columns"
                " where table_schema = 'public' and table_name !~ '_[0-9]{8}$'",
                "select indexname, indexdef from pg_indexes"
                " where schemaname = 'public' and tablename !~ '_[0-9]{8}$'",
                "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint"
                " where connamespace = 'public'::regnamespace and conrelid::regclass::text !~ '_[0-9]{8}$'",
                "select proname, pg_get_functiondef(oid) from pg_proc"
                " where pronamespace = 'public'::regnamespace",
                "select typname, typtype::text from pg_type"
                " where typnamespace = 'public'::regnamespace and typname !~ '_[0-9]{8}$'",
            )
        ]
    finally:
        await connection.close()


TRANSCRIBED = TranscriptionResult(StoredDocument(inline="{}"), 3.25, 2, "uuid")
HARD_TAGS = ("b", 'x, "y', "ä\x00")
UNDERSTOOD = TranscriptionResult(StoredDocument(inline="{}"), input_tokens=7, output_tokens=3)
REQUESTS: list[tuple[str, ListenOptions, TranscriptionResult | None, int]] = [
    ("sync", ListenOptions(tag=("d", "c", "d")), TRANSCRIBED, 200),
    (
        "async",
        ListenOptions(punctuate=True, keyterm=('"',), tag=HARD_TAGS, extra={"a": "b"}),
        TRANSCRIBED,
        200,
    ),
    ("sync", ListenOptions(detect_language=True, language="de"), None, 400),
    ("sync", ListenOptions(detect_language=("en", "de")), None, 500),
    ("read", ListenOptions(topics=True), UNDERSTOOD, 200),
    ("streaming", ListenOptions(language="es", interim_results=True, endpointing=None), None, 499),
]


@pytest.mark.parametrize("kind", ["sqlite", *servers()])
async def test_usage_is_made_from_the_requests_that_are_there(kind: str, tmp_path: Path) -> None:
    """As if they had counted with their ends."""
    place = str(tmp_path / "ledger.db") if kind == "sqlite" else await asyncio.to_thread(new_database, kind)
    async with serving(place) as ledger:
        [project] = await ledger.projects()
        for method, options, result, code in REQUESTS:
            await end_request(ledger, project.id, method, options, result, code)
        counted = await reports(ledger, project.id)
    if kind == "sqlite":
        with closing(sqlite3.connect(place)) as connection:
            connection.executescript("drop table usage_hour; pragma user_version = 6")
    else:
        await execute(place, "drop table usage_hour cascade; update ringback_schema set version = 9")
    async with serving(place) as ledger:
        assert await reports(ledger, project.id) == counted
        for tag in HARD_TAGS:
            narrowed = UsageFilter(project.id, 0, 10_000_000, tags=(tag,))
            [found] = await ledger.daily_usage(narrowed, None, 100)
            assert found.amount.requests == 1


@asynccontextmanager
async def serving(place: str) -> AsyncIterator[Store]:
    if place.startswith("postgresql://"):
        async with await PostgresLedger.open(place, serving=True) as database:
            yield database
    else:
        async with await SqliteLedger.open(Path(place), SystemClock(), serving=True) as file:
            yield file


async def end_request(
    ledger: Store,
    project: str,
    method: str,
    options: ListenOptions,
    result: TranscriptionResult | None,
    code: int,
) -> None:
    order = TranscriptionOrder(options, "tiny.en", callback="sealed" if method == "async" else None)
    job = NewJob(
        JobId(str(uuid.uuid4())),
        {"streaming": "stream", "read": "read"}.get(method, "transcribe"),
        Lane("t"),
        project,
        msgspec.json.encode(order),
        accessor=None if code == 500 else "key",
        method="sync" if method == "read" else method,
        tags=options.tag,
    )
    lease = await ledger.begin(job, 30.0)
    ending = None if result is None else msgspec.json.encode(result)
    assert await ledger.settle(lease, Done(code, ending, used=request_usage(lease.job, order, result, code)))


async def reports(ledger: Store, project: str) -> list[object]:
    everything = UsageFilter(project, 0, 10_000_000)
    by_all = [await ledger.daily_usage(everything, by, 100) for by in (None, *UsageDimension)]
    return [*by_all, await ledger.used_labels(everything, 100)]


def test_a_file_that_cannot_be_brought_forward_is_as_it_was(old_file: Path) -> None:
    with closing(sqlite3.connect(old_file)) as connection:
        connection.execute("create table erasing (in_the_way)")
        before = list(connection.iterdump())
    with pytest.raises(Misconfigured, match="erasing"):
        schema.prepare(old_file)
    with closing(sqlite3.connect(old_file)) as connection:
        assert list(connection.iterdump()) == before


def test_a_file_that_is_older_is_refused_and_left_alone(old_file: Path) -> None:
    with closing(sqlite3.connect(old_file)) as connection:
        connection.execute("pragma user_version = 1")
        before = list(connection.iterdump())
    with pytest.raises(Misconfigured, match=r"older than the first release \(schema 1;.* from 2 on\)"):
        schema.prepare(old_file)
    with closing(sqlite3.connect(old_file)) as connection:
        assert list(connection.iterdump()) == before


async def test_a_database_that_is_older_is_refused() -> None:
    url = await asyncio.to_thread(new_database, next(iter(servers())))
    await execute(url, "create table ringback_schema (version integer not null)")
    await execute(url, "insert into ringback_schema values (3)")
    with pytest.raises(Misconfigured, match=r"older than the first release \(schema 3;.* from 4 on\)"):
        await migrate(url)


async def execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
