"""What a node's probes say: of its own work, of its engine, and that it leaves."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from ringback.blobs import DiskFull, FolderBlobStore, StoreUnreachable
from ringback.clock import SystemClock
from ringback.jobs.activity import Activity
from ringback.jobs.job import JobId, Lane, NewJob
from ringback.jobs.store import LedgerUnavailable
from ringback.server.drain import Drain
from ringback.server.protocol import HttpServer
from ringback.server.routes import ProbeSources, probes
from ringback.service import run_in_stages
from ringback.storage.sqlite import SqliteLedger
from support.clock import ManualClock
from support.front import EngineState

ROLES = ("api", "transcribe", "deliver")
Role = Literal["api", "transcribe", "deliver", "all"]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """With a recording that has not been claimed for an hour."""
    clock = ManualClock()
    async with await SqliteLedger.open(tmp_path / "ledger.db", clock, serving=True) as ledger:
        await ledger.add([NewJob(JobId("0"), "transcribe", Lane("p"), "p", b"")])
        clock.advance(3600)
        yield ledger


@asynccontextmanager
async def requested(probed: ProbeSources) -> AsyncIterator[aiohttp.ClientSession]:
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
    probed = ProbeSources(ledger, ROLES if role == "all" else [role], EngineState(), lambda: 0, Drain())
    async with requested(probed) as session, session.get("/v1/status") as answer:
        assert answer.status == status
        assert (await answer.json())["system_health"] == {200: "Healthy", 503: "Critical"}[status]


async def test_a_node_that_hears_nothing_needs_no_engine(ledger: SqliteLedger) -> None:
    probed = ProbeSources(ledger, ["deliver"], None, lambda: 0, Drain())
    async with requested(probed) as session:
        async with session.get("/v1/status/engine") as answer:
            assert (answer.status, (await answer.json())["state"]) == (200, "none")
        async with session.get("/metrics") as answer:
            assert 'ringback_jobs{kind="transcribe",state="queued"} 1.0' in await answer.text()
        async with session.get("/v1/projects") as answer:
            assert answer.status == 404


async def test_a_node_that_leaves_says_so_first(ledger: SqliteLedger) -> None:
    leaving = Drain(other_nodes=True)
    leaving.started = True
    probed = ProbeSources(ledger, ["api"], EngineState(), lambda: 0, leaving)
    async with requested(probed) as session, session.get("/v1/status") as answer:
        assert (answer.status, await answer.json()) == (503, {"system_health": "Stopping"})


class BlobStore(FolderBlobStore):
    """On a disk that is full, or away."""

    trouble: OSError | None = None

    async def check_space(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@pytest.mark.parametrize(
    ("trouble", "status"), [(None, 200), (DiskFull(1), 503), (StoreUnreachable("for a moment"), 200)]
)
async def test_a_full_disk_makes_a_node_unready(
    ledger: SqliteLedger, tmp_path: Path, trouble: OSError | None, status: int
) -> None:
    blobs = BlobStore(tmp_path / "blobs", SystemClock())
    blobs.trouble = trouble
    probed = ProbeSources(ledger, ["api"], EngineState(), lambda: 0, Drain(), blobs=blobs)
    async with requested(probed) as session, session.get("/v1/status") as answer:
        assert answer.status == status
        assert (await answer.json()).get("reason") == (
            None if status == 200 else "the disk has no room for new work"
        )


async def test_a_locked_ledger_makes_a_node_unready_until_it_is_free(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    probed = ProbeSources(ledger, ["api"], EngineState(), lambda: 0, Drain())
    async with requested(probed) as session:
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("begin immediate")
            with pytest.raises(LedgerUnavailable, match="end the process"):
                await ledger.rescue()
            async with session.get("/v1/status") as answer:
                assert (answer.status, (await answer.json())["reason"]) == (
                    503,
                    "the ledger cannot be written",
                )
            other.execute("rollback")
        await ledger.rescue()
        async with session.get("/v1/status") as answer:
            assert answer.status == 200


async def test_recordings_that_wait_are_no_fault_while_any_get_on(ledger: SqliteLedger) -> None:
    clock = ManualClock()
    activity = Activity(clock)
    probed = ProbeSources(
        ledger, ROLES, EngineState(), lambda: 0, Drain(), activities={"transcribe": activity}
    )
    async with requested(probed) as session:
        for waited, status in ((600, 200), (1, 503), (0, 200)):
            clock.advance(waited)
            if not waited:
                activity.note()
            async with session.get("/v1/status") as answer:
                assert answer.status == status
