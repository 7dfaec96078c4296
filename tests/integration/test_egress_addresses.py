"""No socket is ever opened to an address that the policy refuses, through whichever api it comes.

The proof stands at the lowest place that Python has: the interpreter's own audit event for `connect`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import pytest

from ringback.callbacks.admission import Admission
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.remote_content import refusal_of
from ringback.egress.responses import (
    FetchFailed,
    FetchLimits,
    FetchReason,
    Limits,
    NoResponse,
    NoResponseReason,
)
from ringback.egress.socket import LIVE
from ringback.egress.target import TargetError, parse_target
from ringback.errors import Refusal
from support.addresses import NAMES, REDIRECTS, URLS
from support.raw_receiver import answering, receiving

LIMITS = Limits(30.0, 60.0)
FETCH_LIMITS = FetchLimits(30.0, 60.0, 90.0)


class Connects:
    """Every address that this process has tried to connect to while a test ran."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.listening = False

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.listening and event == "socket.connect":
            address = arguments[1]
            self.addresses.append(str(address[0] if isinstance(address, tuple) else address))


CONNECTS = Connects()
sys.addaudithook(CONNECTS.hear)


@pytest.fixture
def connects() -> Iterator[list[str]]:
    CONNECTS.addresses = []
    CONNECTS.listening = True
    yield CONNECTS.addresses
    CONNECTS.listening = False


def look_up(host: str, _: int) -> list[str]:
    found = NAMES.get(host.removesuffix("."))
    if found is not None:
        return found
    raise OSError(-2, "Name or service not known")


@pytest.fixture
async def strict() -> AsyncIterator[tuple[EgressClient, Policy]]:
    """The api as it is by default: nothing is allowed that is not public."""
    policy = Policy()
    async with EgressClient(policy, SystemClock(), look_up) as api:
        yield api, policy


def test_the_corpus_is_large_enough() -> None:
    assert len(set(URLS)) >= 60


@pytest.mark.parametrize("url", URLS)
async def test_refused_by_every_request(
    strict: tuple[EgressClient, Policy], connects: list[str], url: str
) -> None:
    api, policy = strict
    async with receiving(answering()) as receiver:
        url = url.replace("{port}", str(receiver.port))
        with pytest.raises(Refusal) as caught:
            await Admission(api, policy).admit(url)
        assert caught.value.failure.status == 400
        try:
            target = parse_target(url, policy, ports=False)
        except TargetError:
            return
        sent = await api.send_request(target, "POST", {}, b"{}", LIMITS)
        assert isinstance(sent, NoResponse)
        assert sent.reason in {NoResponseReason.BLOCKED, NoResponseReason.DNS}
        with pytest.raises(FetchFailed) as failed:
            async with api.fetch(target, FETCH_LIMITS):
                pytest.fail("it was fetched")
        assert failed.value.reason in {FetchReason.BLOCKED, FetchReason.UNRESOLVABLE}
        assert refusal_of(failed.value).failure.err_code == "REMOTE_CONTENT_ERROR"
        over_socket = parse_target(f"ws{url[4:]}", policy, ports=False, schemes=LIVE)
        opened = await api.open_socket(over_socket, {}, LIMITS)
        assert isinstance(opened, NoResponse)
        assert opened.reason in {NoResponseReason.BLOCKED, NoResponseReason.DNS}
    assert receiver.connections == 0
    assert connects == []


async def test_the_proof_would_see_a_connection(connects: list[str]) -> None:
    policy = Policy(["127.0.0.1"])
    async with EgressClient(policy, SystemClock()) as api, receiving(answering()) as receiver:
        await api.send_request(parse_target(receiver.url(), policy, ports=False), "POST", {}, b"", LIMITS)
    assert connects == ["127.0.0.1"]


@pytest.mark.parametrize("later", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"]])
async def test_a_name_that_turns_inward_after_admission(connects: list[str], later: list[str]) -> None:
    """Rebinding: the answer at submit was good, the one at delivery is not."""
    answers = iter([["93.184.216.34"], later, later])
    policy = Policy()
    async with EgressClient(policy, SystemClock(), lambda *_: next(answers)) as api:
        target = await Admission(api, policy).admit("http://rebinding.example/")
        sent = await api.send_request(target, "POST", {}, b"{}", LIMITS)
        with pytest.raises(FetchFailed) as failed:
            async with api.fetch(target, FETCH_LIMITS):
                pytest.fail("it was fetched")
    assert isinstance(sent, NoResponse)
    assert sent.reason is NoResponseReason.BLOCKED
    assert failed.value.reason is FetchReason.BLOCKED
    assert connects == []


async def test_the_address_that_was_judged_is_the_one_that_is_called(connects: list[str]) -> None:
    """One look-up per connection: there is no second answer to fall for."""
    answers = [["127.0.0.9"], ["127.0.0.1"]]
    policy = Policy(["127.0.0.9"])
    api = EgressClient(policy, SystemClock(), lambda *_: answers.pop(0))
    async with api, receiving(answering()) as receiver:
        url = receiver.url(host="rebinding.example")
        sent = await api.send_request(parse_target(url, policy, ports=False), "POST", {}, b"{}", LIMITS)
    assert isinstance(sent, NoResponse)
    assert sent.reason is NoResponseReason.CONNECT
    assert connects == ["127.0.0.9"]
    assert answers == [["127.0.0.1"]]


@pytest.mark.parametrize("location", REDIRECTS)
@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_is_judged_anew(connects: list[str], location: str, status: int) -> None:
    policy = Policy(["127.0.0.1"])
    api = EgressClient(policy, SystemClock(), look_up)
    async with api, receiving(answering(status, location=location)) as receiver:
        target = parse_target(receiver.url(), policy, ports=False)
        with pytest.raises(FetchFailed) as failed:
            async with api.fetch(target, FETCH_LIMITS):
                pytest.fail("it was fetched")
    assert failed.value.reason in {FetchReason.BLOCKED, FetchReason.BAD_LOCATION}
    assert set(connects) == {"127.0.0.1"}
    assert receiver.connections == 1


async def test_a_host_allowed_by_name_opens_no_other(connects: list[str]) -> None:
    policy = Policy(["loopback.example"])
    async with EgressClient(policy, SystemClock(), look_up) as api, receiving(answering()) as receiver:
        by_name = parse_target(receiver.url(host="loopback.example"), policy, ports=False)
        by_address = parse_target(receiver.url(), policy, ports=False)
        answer, refused = await asyncio.gather(
            *(api.send_request(target, "POST", {}, b"", LIMITS) for target in (by_name, by_address))
        )
    assert not isinstance(answer, NoResponse)
    assert isinstance(refused, NoResponse)
    assert connects == ["127.0.0.1"]


async def test_the_environments_proxy_is_ignored(
    connects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://10.0.0.1:3128")
    monkeypatch.setenv("ALL_PROXY", "http://10.0.0.1:3128")
    policy = Policy(["127.0.0.1"])
    async with EgressClient(policy, SystemClock()) as api, receiving(answering()) as receiver:
        await api.send_request(parse_target(receiver.url(), policy, ports=False), "POST", {}, b"", LIMITS)
    assert all(ip_address(address).is_loopback for address in connects)
    assert receiver.connections == 1


async def test_a_slow_name_server_is_given_two_seconds() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(host: str, _: int) -> list[str]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return [host]

    policy = Policy()
    async with EgressClient(policy, SystemClock(), hang) as api:
        target = parse_target("http://slow.example/", policy, ports=False)
        answer = await api.send_request(target, "POST", {}, b"", LIMITS)
        release.set()
    assert isinstance(answer, NoResponse)
    assert (answer.reason, answer.detail) == (
        NoResponseReason.DNS,
        "slow.example was not resolved within 2 s",
    )
    assert answer.phases.total < LIMITS.total / 2
