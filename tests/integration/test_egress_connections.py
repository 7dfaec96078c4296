"""Connections: which are kept, for how long, and which of a name's addresses is called."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from ringback.clock import SystemClock
from ringback.egress import idle
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits, NoResponse, NoResponseReason, ReceiverResponse
from ringback.egress.target import parse_target
from support.ports import free_port
from support.raw_receiver import Conversation, answering, receiving
from support.waiting import PATIENCE

POLICY = Policy(["127.0.0.0/8", "names.example", "::1"])
LIMITS = Limits(connect=30.0, total=60.0)


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


async def attempt(egress: EgressClient, url: str) -> ReceiverResponse | NoResponse:
    return await egress.send_request(parse_target(url, POLICY, ports=False), "POST", {}, b"{}", LIMITS)


async def test_an_old_connection_is_closed(egress: EgressClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "KEEP_ALIVE_SECONDS", 0.1)
    ended = asyncio.Event()

    async def until_closed(talk: Conversation) -> None:
        await talk.request()
        await talk.answer()
        await talk.reader.read()
        ended.set()

    async with receiving(until_closed) as receiver:
        await attempt(egress, receiver.url())
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_the_number_of_kept_connections_is_bounded(
    egress: EgressClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "MOST_IDLE", 2)
    async with (
        receiving(answering()) as first,
        receiving(answering()) as second,
        receiving(answering()) as third,
    ):
        for receiver in (first, second, third, third, second, first):
            await attempt(egress, receiver.url())
    assert [each.connections for each in (first, second, third)] == [2, 1, 1]


async def test_a_receiver_that_wants_no_connection_kept_is_heard(egress: EgressClient) -> None:
    async with receiving(answering(connection="close")) as receiver:
        for _ in range(2):
            assert isinstance(await attempt(egress, receiver.url()), ReceiverResponse)
    assert receiver.connections == 2


@pytest.mark.parametrize("glued", [b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", b"\r\nx"])
async def test_glued_answers_consume_no_second_delivery(egress: EgressClient, glued: bytes) -> None:
    async def talkative(talk: Conversation) -> None:
        while True:
            await talk.request()
            await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" + glued)

    async with receiving(talkative) as receiver:
        answers = [await attempt(egress, receiver.url()) for _ in range(3)]
    assert [answer.status for answer in answers if isinstance(answer, ReceiverResponse)] == [200, 200, 200]
    assert receiver.connections == 3


async def test_a_large_body_is_sent_whole_though_its_answer_came_early(egress: EgressClient) -> None:
    whole = asyncio.Event()

    async def hasty(talk: Conversation) -> None:
        await talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await talk.request()
        whole.set()

    async with receiving(hasty) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        answer = await egress.send_request(target, "POST", {}, b"x" * 3_000_000, LIMITS)
        async with asyncio.timeout(PATIENCE):
            await whole.wait()
    assert isinstance(answer, ReceiverResponse)
    [received] = receiver.received
    assert len(received.body) == 3_000_000


async def test_a_dead_address_does_not_hold_up_the_next() -> None:
    """Of two addresses of a name the first takes no connection: nothing answers its SYN."""
    full = socket.create_server(("127.200.0.1", 0), backlog=0)
    port = full.getsockname()[1]
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(("127.200.0.1", port))
    server = await asyncio.start_server(_take, "127.0.0.1", port)
    resolve = {"names.example": ["127.200.0.1", "127.0.0.1"]}
    async with server, EgressClient(POLICY, SystemClock(), lambda host, _: resolve[host]) as egress:
        answer = await attempt(egress, f"http://names.example:{port}/")
    for each in (full, *waiting):
        each.close()
    assert isinstance(answer, ReceiverResponse)
    assert answer.address == "127.0.0.1"
    assert answer.phases.connect is not None
    assert answer.phases.connect < LIMITS.connect / 2, "it was not waited for"


async def test_a_refused_address_is_followed_by_the_next_at_once() -> None:
    async with receiving(answering()) as receiver:
        resolve = {"names.example": ["127.0.0.9", "127.0.0.8", "127.0.0.1"]}
        async with EgressClient(POLICY, SystemClock(), lambda host, _: resolve[host]) as egress:
            answer = await attempt(egress, receiver.url(host="names.example"))
            resolve["names.example"] = ["127.0.0.9", "127.0.0.8"]
            closed_egress = await attempt(egress, f"http://names.example:{free_port()}/")
    assert isinstance(answer, ReceiverResponse)
    assert answer.address == "127.0.0.1"
    assert isinstance(closed_egress, NoResponse)
    assert (closed_egress.reason, closed_egress.detail) == (
        NoResponseReason.CONNECT,
        "no connection: connection refused",
    )


async def test_each_attempt_on_a_kept_connection_ends_in_its_own_time(egress: EgressClient) -> None:
    """One timer serves them all: a longer limit that was set first holds up no shorter one."""

    async def once(talk: Conversation) -> None:
        await talk.request()
        await talk.answer()
        await talk.reader.read()

    async with receiving(once) as receiver:
        target = parse_target(receiver.url(), POLICY, ports=False)
        await asyncio.gather(*(attempt(egress, receiver.url()) for _ in range(3)))

        async def ended_after(total: float) -> float:
            limits = Limits(connect=30.0, total=total)
            answer = await egress.send_request(target, "POST", {}, b"{}", limits)
            assert isinstance(answer, NoResponse)
            assert (answer.reason, answer.detail) == (
                NoResponseReason.TIMEOUT,
                f"no answer within {total:g} s",
            )
            ends.append(total)
            return answer.phases.total

        ends: list[float] = []
        async with asyncio.timeout(PATIENCE):
            took = await asyncio.gather(*(ended_after(total) for total in (1.5, 0.1, 0.8)))
    assert receiver.connections == 3, "no attempt was made again"
    assert ends == [0.1, 0.8, 1.5]
    assert [seconds >= total for seconds, total in zip(took, (1.5, 0.1, 0.8), strict=True)] == [True] * 3


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    writer.close()
