"""WebSockets through the egress: the policy of all requests, and a name for whatever the other side does."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits, NoResponse, NoResponseReason
from ringback.egress.socket import LIVE, OutgoingSocket, SocketLost
from ringback.egress.target import Target, read_target
from support.ports import free_port
from support.raw_receiver import Conversation, receiving
from support.sockets import Called, SocketReceiver
from support.waiting import PATIENCE

LIMITS = Limits(connect=30, total=60)


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(Policy(("127.0.0.1",)), SystemClock()) as opened:
        yield opened


def target(url: str) -> Target:
    return read_target(url, LIVE)


async def opened(egress: EgressClient, url: str) -> OutgoingSocket:
    socket = await egress.open_socket(target(url), {"dg-request-id": "one"}, LIMITS)
    assert isinstance(socket, OutgoingSocket), socket
    return socket


async def refused(egress: EgressClient, url: str, limits: Limits = LIMITS) -> NoResponse:
    answer = await egress.open_socket(target(url), {}, limits)
    assert isinstance(answer, NoResponse), answer
    return answer


async def test_messages_arrive_in_order_and_the_close_is_reported(egress: EgressClient) -> None:
    async with SocketReceiver() as receiver:
        url = receiver.url.replace("ws://", "ws://user:pa%20ss@")
        socket = await opened(egress, url + "?a=1&a=%2F")
        for number in range(100):
            await socket.send_message(b'{"n":%d}' % number, 2)
        await socket.close(1000, "done")
        (call,) = await receiver.wait_for(lambda calls: calls[0].code is not None)
    assert call.messages == [f'{{"n":{number}}}' for number in range(100)]
    assert (call.code, call.reason) == (1000, "done")
    assert call.path == "/live?a=1&a=%2F"
    assert call.headers["authorization"] == "Basic " + base64.b64encode(b"user:pa ss").decode()
    assert call.headers["dg-request-id"] == "one"
    assert "sec-websocket-extensions" not in call.headers


async def test_a_pong_says_that_what_came_before_was_read(egress: EgressClient) -> None:
    async with SocketReceiver() as receiver:
        socket = await opened(egress, receiver.url)
        await socket.send_message(b"{}", 2)
        await socket.send_ping(b"7", 2)
        async with asyncio.timeout(PATIENCE):
            assert await socket.receive_pong() == b"7"
        await socket.close(1000, "")


async def hang_up(_: Called, connection: ServerConnection) -> None:
    await connection.close(4321, "enough")


async def break_off(called: Called, _: ServerConnection) -> None:
    called.drop()


async def talk_too_much(_: Called, connection: ServerConnection) -> None:
    await connection.send("x" * 100_000)
    await connection.wait_closed()


@pytest.mark.parametrize(
    ("handle", "words"),
    [(hang_up, "code 4321"), (break_off, "broke off"), (talk_too_much, "code 1009")],
)
async def test_the_end_of_a_socket_is_noticed_while_nothing_is_sent(
    egress: EgressClient, handle: object, words: str
) -> None:
    async with SocketReceiver(handle) as receiver:  # type: ignore[arg-type] # one of the above
        socket = await opened(egress, receiver.url)
        with pytest.raises(SocketLost, match=words):
            async with asyncio.timeout(PATIENCE):
                await socket.receive_pong()
        await socket.close(1000, "")


async def send_for_ever(socket: OutgoingSocket) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            await socket.send_message(b"x" * 60_000, 0.3)


async def test_a_receiver_that_does_not_read_counts_as_lost(egress: EgressClient) -> None:
    reading = asyncio.Event()

    async def never_read(_: Called, connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await reading.wait()

    async with SocketReceiver(never_read) as receiver:
        socket = await opened(egress, receiver.url)
        with pytest.raises(SocketLost, match=r"did not read for 0\.3 s"):
            await send_for_ever(socket)
        async with asyncio.timeout(PATIENCE):
            await socket.close(1000, "")
        reading.set()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_handshake_with_large_headers_opens_a_socket_on_every_loop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[Coroutine[Any, Any, None]], None],
    scheme: str,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    received: list[str | bytes] = []

    def enlarge(_: ServerConnection, __: Request, response: Response) -> None:
        response.headers["Content-Security-Policy"] = "x" * 12_000

    async def take(connection: ServerConnection) -> None:
        await connection.send("welcome")  # with the handshake, most likely in one packet
        received.extend([message async for message in connection])

    async def converse() -> None:
        policy = Policy(("localhost",))
        async with (
            serve(
                take, "127.0.0.1", 0, process_response=enlarge, ssl=tls if scheme == "wss" else None
            ) as server,
            EgressClient(policy, SystemClock()) as egress,
        ):
            port = next(iter(server.sockets)).getsockname()[1]
            socket = await egress.open_socket(target(f"{scheme}://localhost:{port}/"), {}, LIMITS)
            assert isinstance(socket, OutgoingSocket), socket
            await socket.send_message(b"x" * 300_000, 2)
            await socket.send_ping(b"7", 2)
            async with asyncio.timeout(PATIENCE):
                assert await socket.receive_pong() == b"7"
            await socket.close(1000, "")

    run(converse())
    assert received == ["x" * 300_000]


async def test_an_answer_that_only_looks_like_a_switch_opens_nothing(egress: EgressClient) -> None:
    async def pretend(talk: Conversation) -> None:
        await talk.request()
        await talk.say(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        )
        await talk.reader.read()

    async with receiving(pretend) as receiver:
        answer = await refused(egress, receiver.url(scheme="ws"))
    assert answer.reason is NoResponseReason.PROTOCOL
    assert answer.detail == "its answer to the WebSocket handshake is no valid one"


def redirected(connection: ServerConnection, _: Request) -> Response:
    response = connection.respond(HTTPStatus.FOUND, "")
    response.headers["Location"] = "http://127.0.0.1:1/"
    return response


def forbidden(connection: ServerConnection, _: Request) -> Response:
    return connection.respond(HTTPStatus.FORBIDDEN, "no")


@pytest.mark.parametrize(("handshake", "status"), [(redirected, 302), (forbidden, 403)])
async def test_only_a_switch_of_protocols_opens_a_socket(
    egress: EgressClient, handshake: object, status: int
) -> None:
    async with SocketReceiver(handshake=handshake) as receiver:  # type: ignore[arg-type] # as above
        answer = await refused(egress, receiver.url)
    assert answer.reason is NoResponseReason.PROTOCOL
    assert str(status) in answer.detail


async def test_where_nobody_listens_the_phase_is_named(egress: EgressClient) -> None:
    answer = await refused(egress, f"ws://127.0.0.1:{free_port()}/")
    assert (answer.reason, answer.detail) == (NoResponseReason.CONNECT, "no connection: connection refused")


async def test_private_addresses_stay_closed() -> None:
    async with EgressClient(Policy(), SystemClock()) as strict, SocketReceiver() as receiver:
        answer = await refused(strict, receiver.url)
        by_name = await refused(strict, receiver.url.replace("127.0.0.1", "localhost"))
        assert not receiver.calls
    assert answer.reason is by_name.reason is NoResponseReason.BLOCKED


async def test_an_endless_handshake_ends_in_time(egress: EgressClient) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        answer = await refused(egress, url, Limits(connect=1, total=2))
    assert answer.reason is NoResponseReason.TIMEOUT
