"""Look-ups that hang, seen from every use of names: only who caused them waits, and none is told of a bad
name."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from ringback.callbacks.admission import Admission
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.names import SHARE_OF_KEY, THREADS_FOR_NEW, Requester
from ringback.egress.policy import Policy
from ringback.egress.responses import FetchLimits, Limits, LookupsBusy, NoResponse, NoResponseReason
from ringback.egress.socket import LIVE
from ringback.egress.target import parse_target
from ringback.errors import Refusal
from support.raw_receiver import answering, receiving
from support.waiting import turns

POLICY = Policy(["127.0.0.1", "*.example"])
HOG, OTHER = Requester("project", "hog"), Requester("project", "other")
LIMITS = Limits(3.0, 6.0)
HANGING = 240.0
"""Seconds, or until the end of the test."""


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    """One whose share of the look-ups is taken by names that hang, for the key `HOG`."""
    release, requested = threading.Event(), threading.Semaphore(0)

    def look_up(host: str, _: int) -> list[str]:
        if host.startswith("slow"):
            requested.release()
            release.wait(HANGING)
        return ["127.0.0.1"]

    share = int(THREADS_FOR_NEW * SHARE_OF_KEY)
    async with EgressClient(POLICY, SystemClock(), look_up) as opened:
        targets = [parse_target(f"http://slow{n}.example/", POLICY, ports=False) for n in range(share)]
        hanging = [asyncio.create_task(opened.check_address(target, HOG)) for target in targets]
        for _ in targets:
            await asyncio.to_thread(requested.acquire)
        yield opened
        release.set()
        await asyncio.gather(*hanging, return_exceptions=True)


async def admitted(egress: EgressClient, url: str) -> int:
    try:
        await Admission(egress, POLICY).admit(url, HOG)
    except Refusal as refusal:
        return refusal.failure.status
    return 200


async def fetch(egress: EgressClient, url: str) -> None:
    async with egress.fetch(parse_target(url, POLICY, ports=False), FetchLimits(3, 6, 9), HOG):
        pytest.fail("it was fetched")


async def test_a_full_share_says_nothing_of_the_name_and_leaves_other_keys_alone(
    egress: EgressClient,
) -> None:
    async with receiving(answering()) as receiver:
        url = receiver.url(host="new.example")
        over_socket = parse_target(f"ws{url[4:]}", POLICY, ports=False, schemes=LIVE)
        behind = asyncio.gather(
            admitted(egress, url),
            egress.send_request(
                parse_target(url, POLICY, ports=False), "POST", {}, b"", LIMITS, requester=HOG
            ),
            egress.open_socket(over_socket, {}, LIMITS, HOG),
            fetch(egress, url),
            return_exceptions=True,
        )
        await turns()
        # The names that hang do so for longer.
        async with asyncio.timeout(HANGING / 2):
            await Admission(egress, POLICY).admit(url, OTHER)
        status, sent, opened, fetched = await behind
    assert status == 503
    assert isinstance(sent, NoResponse)
    assert isinstance(opened, NoResponse)
    assert sent.reason is opened.reason is NoResponseReason.OURS
    assert "too many look-ups" in sent.detail
    assert isinstance(fetched, LookupsBusy)
    assert receiver.connections == 0
