"""Look-ups of names: shared, remembered when they hang, and with room kept for those that answer."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from ringback.egress import names as names_module
from ringback.egress.names import HUNG_SECONDS, THREADS_FOR_NEW, Names, Requester
from ringback.egress.responses import LookupsBusy, Unresolvable
from support.clock import ManualClock
from support.waiting import eventually, turns

RESOLVE_SECONDS = 1.0
"""In these tests."""
PROMPT = 0.9
"""Seconds; less than what waits for a name that hangs would take."""


class Servers:
    """Name servers: those of a name that starts with `slow` answer only when told to."""

    def __init__(self) -> None:
        self.queried: list[str] = []
        self.hanging = False
        self.release = threading.Event()
        self._changed = threading.Condition()

    def look_up(self, host: str, _: int) -> list[str]:
        with self._changed:
            self.queried.append(host)
            self._changed.notify_all()
        if self.hanging and host.startswith("slow"):
            self.release.wait(60)
        return ["192.0.2.1", "192.0.2.1"]

    async def have_heard(self, look_ups: int) -> None:
        await asyncio.to_thread(self._wait_for, look_ups)

    def _wait_for(self, look_ups: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.queried) >= look_ups, 10)


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
async def names(
    servers: Servers, manual_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Names]:
    monkeypatch.setattr(names_module, "RESOLVE_SECONDS", RESOLVE_SECONDS)
    opened = Names(servers.look_up, manual_clock)
    yield opened
    servers.release.set()
    opened.close()


async def refusal(names: Names, host: str) -> str:
    with pytest.raises((Unresolvable, LookupsBusy)) as caught:
        await names.addresses(host, 80)
    return str(caught.value)


async def test_addresses_come_once_each(names: Names) -> None:
    assert await names.addresses("good.example", 80) == ["192.0.2.1"]


async def test_one_look_up_serves_all_who_ask_at_the_same_time(names: Names, servers: Servers) -> None:
    await asyncio.gather(*(names.addresses("good.example", port) for port in range(1, 200)))
    assert servers.queried == ["good.example"]
    await names.addresses("good.example", 80)
    assert servers.queried == ["good.example"] * 2


async def test_whoever_goes_away_takes_the_look_up_from_nobody(names: Names, servers: Servers) -> None:
    servers.hanging = True
    first, second = (asyncio.create_task(names.addresses("slow.example", 80)) for _ in range(2))
    await servers.have_heard(1)
    first.cancel()
    await asyncio.wait({first})
    servers.release.set()
    assert await second == ["192.0.2.1"]


async def test_a_name_that_hung_is_refused_at_once(
    names: Names, servers: Servers, manual_clock: ManualClock
) -> None:
    servers.hanging = True
    assert await refusal(names, "slow.example") == "slow.example was not resolved within 1 s"
    async with asyncio.timeout(PROMPT):
        assert "a moment ago" in await refusal(names, "slow.example")
        manual_clock.advance(HUNG_SECONDS + 1)  # its thread still hangs
        assert "a moment ago" in await refusal(names, "slow.example")
    assert servers.queried == ["slow.example"]


async def test_a_name_that_answered_late_is_asked_again(names: Names, servers: Servers) -> None:
    servers.hanging = True
    await refusal(names, "slow.example")
    servers.release.set()

    async def resolves() -> bool:
        with suppress(Unresolvable):
            return await names.addresses("slow.example", 80) == ["192.0.2.1"]
        return False

    await eventually(resolves, PROMPT)


async def test_new_names_that_hang_leave_the_known_ones_alone(names: Names, servers: Servers) -> None:
    await names.addresses("good.example", 80)
    servers.hanging = True
    hanging = [
        asyncio.create_task(refusal(names, f"slow{number}.example")) for number in range(2 * THREADS_FOR_NEW)
    ]
    await servers.have_heard(1 + THREADS_FOR_NEW)
    async with asyncio.timeout(PROMPT):
        assert await names.addresses("good.example", 80) == ["192.0.2.1"]
    texts = await asyncio.gather(*hanging)
    assert sum("too many look-ups of other names hang" in text for text in texts) == THREADS_FOR_NEW


async def test_a_name_that_could_not_be_asked_for_is_not_remembered(names: Names, servers: Servers) -> None:
    servers.hanging = True
    hanging = [
        asyncio.create_task(refusal(names, f"slow{number}.example")) for number in range(THREADS_FOR_NEW)
    ]
    await servers.have_heard(THREADS_FOR_NEW)
    # All room is taken for the two seconds that it waits for some.
    assert "too many" in await refusal(names, "good.example")
    await asyncio.gather(*hanging)
    servers.release.set()
    assert await names.addresses("good.example", 80) == ["192.0.2.1"]


async def test_one_keys_hanging_names_leave_the_others_their_new_ones(names: Names, servers: Servers) -> None:
    servers.hanging = True
    hog, mate, other = Requester("p", "hog"), Requester("p", "mate"), Requester("q", "other")
    hanging = [asyncio.create_task(names.addresses(f"slow{number}.example", 80, hog)) for number in range(40)]
    await servers.have_heard(1)
    async with asyncio.timeout(PROMPT):
        for number, requester in enumerate([mate, other] * 4):
            assert await names.addresses(f"good{number}.example", 80, requester) == ["192.0.2.1"]
    faults = await asyncio.gather(*hanging, return_exceptions=True)
    busy = [fault for fault in faults if isinstance(fault, LookupsBusy)]
    assert len(busy) == 40 - THREADS_FOR_NEW // 4
    assert all(isinstance(fault, LookupsBusy | Unresolvable) for fault in faults)


async def test_many_keys_of_one_project_leave_other_projects_room(names: Names, servers: Servers) -> None:
    servers.hanging = True
    hanging = [
        asyncio.create_task(
            names.addresses(f"slow{number}.example", 80, Requester("p", f"key {number % 10}"))
        )
        for number in range(50)
    ]
    await servers.have_heard(THREADS_FOR_NEW * 3 // 4)
    async with asyncio.timeout(PROMPT):
        assert await names.addresses("good.example", 80, Requester("q", "other")) == ["192.0.2.1"]
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_who_waits_for_its_share_keeps_nobody_from_the_same_name(
    names: Names, servers: Servers
) -> None:
    servers.hanging = True
    hog, other = Requester("p", "hog"), Requester("q", "other")
    hanging = [asyncio.create_task(names.addresses(f"slow{number}.example", 80, hog)) for number in range(40)]
    await servers.have_heard(THREADS_FOR_NEW // 4)
    behind = asyncio.create_task(names.addresses("good.example", 80, hog))
    await turns()
    async with asyncio.timeout(PROMPT):
        assert await names.addresses("good.example", 80, other) == ["192.0.2.1"]
    await asyncio.gather(*hanging, behind, return_exceptions=True)


async def test_a_name_that_does_not_exist_differs_from_servers_that_fail(manual_clock: ManualClock) -> None:
    def look_up(host: str, _: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN if host.startswith("failing") else socket.EAI_NONAME, "no")

    names = Names(look_up, manual_clock)
    for host, temporary in {"failing.example": True, "nowhere.example": False}.items():
        with pytest.raises(Unresolvable) as caught:
            await names.addresses(host, 80)
        assert caught.value.temporary is temporary
    names.close()
