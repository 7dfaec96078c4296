"""The first step of a stop: probes are told, and have a moment, where there is somewhere else to go."""

import asyncio

import pytest

from ringback.server.drain import SPREAD_SECONDS, Drain
from support.waiting import PATIENCE


async def elapsed(leaving: Drain, reported: bool) -> float:
    """How many seconds it holds the stop up."""
    stopping = asyncio.Event()
    running = asyncio.create_task(leaving.run(stopping))
    started = asyncio.get_running_loop().time()
    stopping.set()
    if reported:
        leaving.probe_answered()
    await running
    assert leaving.started
    return asyncio.get_running_loop().time() - started


async def test_one_machine_has_nowhere_else_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.drain.PROBE_SECONDS", 3600.0)
    async with asyncio.timeout(PATIENCE):
        await elapsed(Drain(), reported=False)


async def test_a_failed_probe_ends_the_wait_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.drain.PROBE_SECONDS", 3600.0)
    async with asyncio.timeout(PATIENCE):
        seconds = await elapsed(Drain(other_nodes=True), reported=True)
    assert seconds >= SPREAD_SECONDS


async def test_nobody_is_waited_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.drain.PROBE_SECONDS", 0.2)
    assert await elapsed(Drain(other_nodes=True), reported=False) >= 0.2
