"""What a node's probes say: of its own work, of its engine, and that it leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from ringback.jobs.job import JobId, Lane, NewJob
from ringback.server.leaving import Leaving
from ringback.server.protocol import HttpServer
from ringback.server.routes import Probed, probes
from ringback.service import run_in_stages
from ringback.settings import Settings
from ringback.storage.sqlite import SqliteLedger
from support.clock import ManualClock
from support.front import EngineState

Role = Literal["api", "transcribe", "deliver", "all"]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """With a recording that nobody has taken up for an hour."""
    clock = ManualClock()
    async with await SqliteLedger.open(tmp_path / "ledger.db", clock, serving=True) as ledger:
        await ledger.add([NewJob(JobId("0"), "transcribe", Lane("p"), "p", b"")])
        clock.advance(3600)
        yield ledger


@asynccontextmanager
async def asked(probed: Probed) -> AsyncIterator[aiohttp.ClientSession]:
    server = HttpServer(probes(probed), "127.0.0.1", 0)
    url, stopping = f"http://127.0.0.1:{server.bind()}", asyncio.Event()
    running = asyncio.create_task(run_in_stages([[server]], stopping))
    async with aiohttp.ClientSession(url) as session:
        yield session
    stopping.set()
    await running


@pytest.mark.parametrize(
    ("role", "status"), [("all", 503), ("transcribe", 503), ("api", 200), ("deliver", 200)]
)
async def test_a_node_answers_for_its_own_work(ledger: SqliteLedger, role: Role, status: int) -> None:
    probed = Probed(ledger, Settings(role=(role,)), EngineState(), lambda: 0, Leaving())
    async with asked(probed) as session, session.get("/v1/status") as answer:
        assert answer.status == status
        assert (await answer.json())["system_health"] == {200: "Healthy", 503: "Critical"}[status]


async def test_a_node_that_hears_nothing_needs_no_engine(ledger: SqliteLedger) -> None:
    probed = Probed(ledger, Settings(role=("deliver",)), None, lambda: 0, Leaving())
    async with asked(probed) as session:
        async with session.get("/v1/status/engine") as answer:
            assert (answer.status, (await answer.json())["state"]) == (200, "none")
        async with session.get("/metrics") as answer:
            assert 'ringback_jobs{kind="transcribe",state="queued"} 1.0' in await answer.text()
        async with session.get("/v1/projects") as answer:
            assert answer.status == 404


async def test_a_node_that_leaves_says_so_first(ledger: SqliteLedger) -> None:
    leaving = Leaving(elsewhere=True)
    leaving.begun = True
    probed = Probed(ledger, Settings(role=("api",)), EngineState(), lambda: 0, leaving)
    async with asked(probed) as session, session.get("/v1/status") as answer:
        assert (answer.status, await answer.json()) == (503, {"system_health": "Stopping"})
