import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ringback.blobs import StoreDenied, StoreUnreachable
from ringback.bootstrap.dependencies import LONGEST_PAUSE, when_available
from ringback.errors import Misconfigured
from ringback.jobs.store import LedgerUnavailable
from support.clock import ManualClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Time moves by what is slept."""
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        assert seconds <= LONGEST_PAUSE
        clock.advance(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock


def failing(times: int, error: Exception) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    calls: list[int] = []

    async def opened() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return "opened"

    return opened, calls


@pytest.mark.parametrize(
    "error", [LedgerUnavailable("away"), StoreUnreachable("away"), StoreDenied("not yet")]
)
async def test_what_comes_in_time_is_waited_for(clock: ManualClock, error: Exception) -> None:
    opened, calls = failing(6, error)
    assert await when_available("ledger", opened, 60, clock) == "opened"
    assert len(calls) == 7


async def test_what_does_not_come_is_given_up_in_time(clock: ManualClock) -> None:
    opened, calls = failing(10_000, LedgerUnavailable("away"))
    began = clock.monotonic()
    with pytest.raises(LedgerUnavailable, match="away"):
        await when_available("ledger", opened, 60, clock)
    assert clock.monotonic() - began == pytest.approx(60)
    assert len(calls) >= 60 / LONGEST_PAUSE


async def test_what_does_not_pass_is_reported_at_once(clock: ManualClock) -> None:
    opened, calls = failing(1, Misconfigured("wrong"))
    with pytest.raises(Misconfigured):
        await when_available("ledger", opened, 60, clock)
    assert len(calls) == 1


async def test_without_patience_one_try_is_made(clock: ManualClock) -> None:
    opened, calls = failing(1, StoreUnreachable("away"))
    with pytest.raises(StoreUnreachable):
        await when_available("blobs", opened, 0, clock)
    assert len(calls) == 1
