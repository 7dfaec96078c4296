"""The ledger behind a real PgBouncer in transaction mode: two nodes on three connections."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Container, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ringback.jobs.job import Attempt, Done, JobId, Lane, NewJob, State
from ringback.storage.postgres import PostgresLedger
from ringback.storage.postgres.database import Database, connect
from support.ports import free_port
from support.postgres import NOBODY, new_database, servers
from support.waiting import PATIENCE, wait_until

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
JOBS = 200


@pytest.fixture
def url() -> Iterator[str]:
    """A new database, as PgBouncer offers it: three connections for all."""
    if PGBOUNCER is None:
        pytest.skip("there is no pgbouncer on this machine")
    database = urlsplit(new_database(next(iter(servers()))))
    port = free_port()
    root = os.getuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="ringback-pgbouncer-"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        "[databases]\n"
        f"* = host=127.0.0.1 port={database.port} user={database.username}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
    )
    if root:
        shutil.chown(folder, NOBODY, NOBODY)
        shutil.chown(settings, NOBODY, NOBODY)
    with (folder / "log").open("wb") as log:
        bouncer = subprocess.Popen(
            [PGBOUNCER, str(settings)],
            stdout=log,
            stderr=log,
            user=NOBODY if root else None,
            group=NOBODY if root else None,
            extra_groups=[] if root else None,
        )
    try:

        def listens() -> bool:
            log = (folder / "log").read_text()
            assert bouncer.poll() is None, log
            return "listening on" in log

        wait_until(listens, PATIENCE, "PgBouncer does not listen")
        yield f"postgresql://{database.username}@127.0.0.1:{port}{database.path}"
    finally:
        bouncer.terminate()
        bouncer.wait(PATIENCE)
        shutil.rmtree(folder)


@pytest.fixture
def server_url() -> str:
    """A new database, without PgBouncer."""
    return new_database(next(iter(servers())))


async def test_transactions_that_hop_between_connections_lose_nothing(url: str) -> None:
    async with (
        await PostgresLedger.open(url, serving=True) as one,
        await PostgresLedger.open(url, serving=True) as other,
    ):
        project = (await one.projects())[0].id
        jobs = [
            NewJob(JobId(str(uuid.uuid4())), "deliver", Lane(f"lane {number % 20}"), project, b"{}")
            for number in range(JOBS)
        ]
        await asyncio.gather(*(one.add([job]) for job in jobs))
        ends = [asyncio.create_task(other.wait_for_end(job.id)) for job in jobs[:10]]
        done = await asyncio.gather(work_through(one), work_through(other))
        async with asyncio.timeout(PATIENCE):
            ended = await asyncio.gather(*ends)
        assert sum(done) == JOBS
        assert {job.state for job in ended} == {State.DONE}
        states = await other.states([job.id for job in jobs])
        assert set(states.values()) == {State.DONE}
        assert len(await one.attempts(jobs[0].id, 10)) == 1


async def work_through(ledger: PostgresLedger) -> int:
    """Claim and settle until nothing is left; how many."""
    settled = 0
    while leases := await ledger.claim("deliver", 16, 30):
        outcome = Done(200, attempt=Attempt(1.0, 2.0, "delivered", 200))
        settled += sum(await asyncio.gather(*(ledger.settle(lease, outcome) for lease in leases)))
    return settled


async def test_behind_a_pooler_no_statement_is_prepared_by_name(url: str) -> None:
    async with connected(url) as database:
        assert await prepared(database) == []


async def test_connected_to_the_server_itself_statements_stay_prepared(server_url: str) -> None:
    async with connected(server_url) as database:
        assert _STATEMENTS in await prepared(database)


@pytest.mark.parametrize("right", [[], [0], [0, 1], [2]], ids=str)
async def test_a_pooler_whose_process_ids_are_right_by_chance_is_no_server(
    server_url: str, right: list[int]
) -> None:
    """As of one that numbers its clients, up to the number of a process of the server."""
    async with numbering_pooler(server_url, right) as pooled, connected(pooled) as database:
        assert await prepared(database) == []


async def test_what_passes_on_all_that_the_server_says_is_no_pooler(server_url: str) -> None:
    async with numbering_pooler(server_url, range(100)) as passed_on, connected(passed_on) as database:
        assert _STATEMENTS in await prepared(database)


@asynccontextmanager
async def numbering_pooler(server_url: str, right: Container[int]) -> AsyncIterator[str]:
    """A proxy that tells its connections the id 0 as the server's process, but the right one to these."""
    server = urlsplit(server_url)
    made = itertools.count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(made)
        from_server, to_server = await asyncio.open_connection(server.hostname, server.port)

        async def answer() -> None:
            while answered := await from_server.read(65_536):
                key = answered.find(KEY_DATA)
                if key >= 0 and number not in right:
                    place = key + len(KEY_DATA)
                    answered = answered[:place] + bytes(4) + answered[place + 4 :]
                writer.write(answered)
            writer.close()

        answering = asyncio.create_task(answer())
        while request := await reader.read(65_536):
            to_server.write(request)
        to_server.close()
        await answering

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        yield f"postgresql://{server.username}@127.0.0.1:{port}{server.path}"


KEY_DATA = b"K" + (12).to_bytes(4)
"""The head of the message with the process id, which comes next (the manual's BackendKeyData)."""

_STATEMENTS = "select statement from pg_prepared_statements"


async def prepared(database: Database) -> list[str]:
    """The statements that are prepared on a connection after some work."""
    await database.fetch(_STATEMENTS)
    return [row["statement"] for row in await database.fetch(_STATEMENTS)]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    database = await connect(url)
    try:
        yield database
    finally:
        await database.close()
