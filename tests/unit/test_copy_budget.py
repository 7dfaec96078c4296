"""Copies of recordings share a bounded room, and a small one does not wait for large ones."""

import asyncio
from contextlib import AsyncExitStack

from ringback.blobs.copy_budget import CopyBudget
from support.waiting import turns


async def granted(task: "asyncio.Task[None]") -> bool:
    await turns(3)
    return task.done()


async def test_what_does_not_fit_waits_and_small_ones_pass_it_by() -> None:
    room = CopyBudget(most=800, small=50)
    async with AsyncExitStack() as first, AsyncExitStack() as others:
        await first.enter_async_context(room.reserve(400))
        await others.enter_async_context(room.reserve(300))  # seven eighths are taken
        large = asyncio.create_task(others.enter_async_context(room.reserve(60)))
        assert not await granted(large)
        await others.enter_async_context(room.reserve(50))
        await others.enter_async_context(room.reserve(50))
        assert room.held == 800
        small = asyncio.create_task(others.enter_async_context(room.reserve(1)))
        assert not await granted(small)
        await first.aclose()
        assert await granted(large)
        assert await granted(small)
    assert room.held == 0


async def test_one_that_is_larger_than_the_room_has_it_alone() -> None:
    room = CopyBudget(most=800, small=50)
    async with AsyncExitStack() as others:
        async with room.reserve(5_000):
            other = asyncio.create_task(others.enter_async_context(room.reserve(1)))
            assert not await granted(other)
        assert await granted(other)
        assert room.held == 1


async def test_who_gives_up_waiting_takes_nothing() -> None:
    room = CopyBudget(most=800, small=50)
    async with room.reserve(800), AsyncExitStack() as others:
        waiting = asyncio.create_task(others.enter_async_context(room.reserve(700)))
        assert not await granted(waiting)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert room.held == 0
