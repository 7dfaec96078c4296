"""The first step of a stop: probes are told, and have a moment, where there is somewhere else to go."""

import asyncio

import pytest

from ringback.server.drain import PROBE_SECONDS, SPREAD_SECONDS, Drain


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


async def test_one_machine_has_nowhere_else_to_go() -> None:
    assert await elapsed(Drain(), reported=False) < SPREAD_SECONDS


async def test_a_failed_probe_ends_the_wait_a_moment_later() -> None:
    seconds = await elapsed(Drain(other_nodes=True), reported=True)
    assert SPREAD_SECONDS <= seconds < PROBE_SECONDS


async def test_nobody_is_waited_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.drain.PROBE_SECONDS", 0.2)
    assert await elapsed(Drain(other_nodes=True), reported=False) >= 0.2
