"""What nodes share through a real PostgreSQL: progress, turns, shares; and the commands that look at it."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from ringback.jobs.job import JobId
from ringback.storage.postgres import NodeFacts, PostgresLedger
from ringback.transcription.progress import Reached, SharedProgress
from ringback.transcription.request import KIND
from support.cluster import SECRET_KEY
from support.postgres import PostgresServer, servers
from support.program import RINGBACK
from support.waiting import PATIENCE, eventually


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(next(iter(servers().values()))) as running:
        yield running


async def node(postgres: PostgresServer, *roles: str, caps: dict[str, int] | None = None) -> PostgresLedger:
    facts = NodeFacts(str(uuid.uuid4()), "here", roles, "1")
    return await PostgresLedger.open(postgres.url(), serving=True, fixed_caps=caps or {KIND: 12}, node=facts)


@pytest.fixture
async def ledgers(postgres: PostgresServer) -> AsyncIterator[tuple[PostgresLedger, PostgresLedger]]:
    """Of an `api` and of a `transcribe` node."""
    async with await node(postgres, "api") as api, await node(postgres, "transcribe") as transcribe:
        yield api, transcribe


async def test_what_one_node_has_reached_another_one_shows(
    ledgers: tuple[PostgresLedger, PostgresLedger],
) -> None:
    here, there = map(SharedProgress, ledgers)
    job = JobId(str(uuid.uuid4()))
    stopping = asyncio.Event()
    there.reach(job, 12.5, 60.0)
    running = asyncio.create_task(there.run(stopping))
    await displayed(here, job, Reached(12.5, 60.0))
    there.reach(job, 30.0, None)
    await displayed(here, job, Reached(30.0, None))
    stopping.set()
    await running


async def displayed(here: SharedProgress, job: JobId, reached: Reached) -> None:
    """Wait until this node shows it."""

    async def is_shown() -> bool:
        return await here.of(job) == reached

    await eventually(is_shown)


async def test_a_round_is_one_nodes_at_a_time(ledgers: tuple[PostgresLedger, PostgresLedger]) -> None:
    name = uuid.uuid4().hex
    taken = await asyncio.gather(*(ledger.take_turn(name, 60.0) for ledger in ledgers * 4))
    assert sum(taken) == 1
    assert not await ledgers[0].take_turn(name, 60.0)
    assert await ledgers[1].take_turn(name, 0.0)


def command(postgres: PostgresServer, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment |= {
        "RINGBACK_DATABASE_URL": postgres.url("commands"),
        "RINGBACK_BLOBS_URL": f"file://{folder}/blobs",
        "RINGBACK_SECRET_KEY": SECRET_KEY,
        "RINGBACK_DATA_DIR": str(folder / "data"),
        "RINGBACK_ROLE": "deliver",
        "RINGBACK_PORT": "0",
    }
    return subprocess.run(
        [RINGBACK, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


async def test_the_commands_work_on_the_shared_ledger(postgres: PostgresServer, tmp_path: Path) -> None:
    missing = command(postgres, tmp_path, "migrate")
    assert missing.returncode == 2
    assert "Create it" in missing.stderr
    await execute(postgres, "create database commands")
    early = command(postgres, tmp_path, "keys", "list")
    assert early.returncode == 2
    assert "ringback migrate" in early.stderr
    assert "there is none yet" in command(postgres, tmp_path, "doctor").stdout
    assert "The ledger is made" in command(postgres, tmp_path, "migrate").stdout
    assert "up to date" in command(postgres, tmp_path, "migrate").stdout
    made = command(postgres, tmp_path, "keys", "create", "from here")
    assert len(made.stdout.strip()) == 40
    assert "from here" in command(postgres, tmp_path, "keys", "list").stdout
    looked = command(postgres, tmp_path, "doctor")
    assert looked.returncode == 0, looked.stdout
    assert "deliver" in next(line for line in looked.stdout.splitlines() if "role" in line)
    assert "ok   schema" in looked.stdout
    for subject in ("database", "objects"):  # on a busy machine it may be too slow, and a warning
        assert f"ok   {subject}" in looked.stdout or f"warn {subject}" in looked.stdout


async def execute(postgres: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url(), statement_cache_size=0)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
