"""Every state of a connection has a way out and a bound, on real sockets."""

import asyncio
import ipaddress
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from ringback import telemetry
from ringback.server import capacity, liveness, websocket
from ringback.server.framing import HEADER_BYTES
from support.logs import capture_logs
from support.served import (
    GET,
    HANDSHAKE,
    HEADER_SECONDS,
    Served,
    document_of,
    echo,
    headers_of,
    holding,
    rest_of,
    served,
    status_of,
)
from support.waiting import PATIENCE, real_pause


async def half_closed(server: Served, data: bytes) -> bytes:
    """The answer to a client that ends its side behind its request."""
    reader, writer = await server.open()
    writer.write(data)
    writer.write_eof()
    try:
        return await rest_of(reader)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "offer",
    [
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Upgrade: foo/2\r\n",
        b"Upgrade: websocket\r\n",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n%s" % (len(GET), GET),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    ],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("pause", [False, True])
async def test_an_offer_to_upgrade_costs_no_body(offer: bytes, body: bytes, pause: bool) -> None:
    """And what follows on the connection is the next request, no part of the body."""
    async with served() as server:
        reader, writer = await server.open()
        head, empty, rest = body.partition(b"\r\n\r\n")
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" + offer + head + empty)
        if pause:
            await writer.drain()
            await real_pause(HEADER_SECONDS / 2, "the rest comes in another packet")
        writer.write(rest + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = (await rest_of(reader)).split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"200"]
        assert [
            answer.endswith(end) for answer, end in zip(answers, (b"%d" % len(GET), b"0"), strict=True)
        ] == [
            True,
            True,
        ]
        writer.close()


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 4\r\n\r\nabcd",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        b"X: " + b"y" * HEADER_BYTES + b"\r\n\r\n",
        b"Sec-WebSocket-Key: again\r\n\r\n",
    ],
    ids=["length", "chunked", "too large", "two keys"],
)
async def test_a_handshake_that_is_none_is_answered(rest: bytes) -> None:
    async with served() as server:
        with capture_logs() as events:
            answer = await server.say(HANDSHAKE + rest)
        assert status_of(answer) in (400, 431)
        assert headers_of(answer)["dg-error"] == document_of(answer)["err_msg"]
        assert headers_of(answer)["dg-request-id"] == document_of(answer)["request_id"]
        assert [event["event"] for event in events] == ["connection.refused"]


@pytest.mark.parametrize(
    "rest", [b"X: " + b"y" * (HEADER_BYTES - 600), b"".join(b"X-%d: y\r\n" % n for n in range(1_000))[:-2]]
)
async def test_a_handshake_may_be_as_large_as_any_request(rest: bytes) -> None:
    async with served() as server:
        reader, writer = await server.open()
        writer.write(HANDSHAKE + rest + b"\r\n\r\n")
        assert status_of(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)) == 101
        writer.close()


async def test_a_handshake_without_a_decision_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.connection.HANDSHAKE_SECONDS", 0.2)
    async with served(holding(asyncio.Event(), asyncio.Event(), lambda: None)) as server:
        answer = await server.say(HANDSHAKE + b"\r\n")
        assert status_of(answer) == 503
        assert "retry-after" in headers_of(answer)


@pytest.mark.parametrize("data", [GET, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", GET * 3])
async def test_a_client_that_half_closes_behind_its_request_is_answered(data: bytes) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await real_pause(0.3, "the probe's bytes go out meanwhile")
        await echo(scope, receive, send)

    async with served(slow) as server:
        answers = (await half_closed(server, data)).split(b"HTTP/1.1 200 OK\r\n")
        assert (answers[0], len(answers)) == (b"", 1 + data.count(b"HTTP/1.1"))


async def test_a_client_that_half_closes_within_its_body_may_read_why_that_fails() -> None:
    async def judge(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message["more_body"]
        await send({"type": "http.response.start", "status": 422, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with served(judge) as server:
        answer = await half_closed(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
        assert status_of(answer) == 422


async def test_a_client_that_half_closes_a_refused_handshake_reads_the_refusal() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await real_pause(0.1, "the client half-closes meanwhile")
        await send({"type": "websocket.close"})

    async with served(refuse) as server:
        assert status_of(await half_closed(server, HANDSHAKE + b"\r\n")) == 403


@pytest.mark.parametrize("code", [1005, 1006, 1015])
async def test_a_stream_whose_client_ends_its_side_without_a_close_frame_may_still_be_closed(
    code: int,
) -> None:
    ends: list[Any] = []

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        ends.append(await receive())
        await send({"type": "websocket.send", "text": "the rest"})
        await send({"type": "websocket.close", "code": code})  # no code that a close frame may have

    async with served(serve) as server:
        with capture_logs() as logs:
            answer = await half_closed(server, HANDSHAKE + b"\r\n")
    assert ends == [{"type": "websocket.disconnect", "code": 1005, "half_closed": True}]
    assert answer.partition(b"\r\n\r\n")[2] == b"\x81\x08the rest\x88\x00"
    assert logs == []


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_a_client_that_leaves_is_noticed(leave: str) -> None:
    started, disconnected = asyncio.Event(), asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        disconnected.set()

    async with served(wait) as server:
        _, writer = await server.open()
        writer.write(GET)
        await started.wait()
        if leave == "reset":
            writer.transport.abort()
        else:
            writer.close()
        await asyncio.wait_for(disconnected.wait(), PATIENCE)


@pytest.mark.parametrize("handshake", [False, True])
async def test_who_is_cut_off_by_a_stop_may_come_again(handshake: bool) -> None:
    started = asyncio.Event()
    async with served(holding(asyncio.Event(), started, lambda: None), grace=0.1) as server:
        data = HANDSHAKE + b"\r\n" if handshake else GET.replace(b" / ", b" /v1/listen ")
        running = asyncio.create_task(server.say(data))
        await started.wait()
        server.stopping.set()
        answer = await running
        assert status_of(answer) == 503
        assert int(headers_of(answer)["retry-after"]) > 0
        assert document_of(answer)["error_code"] == "Service Unavailable"
        await server.task


STUCK = {
    "nothing": b"",
    "half a head": b"GET / HT",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
    "a bad chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a handshake": HANDSHAKE + b"\r\n",
    "a handshake with a body": HANDSHAKE + b"Content-Length: 4\r\n\r\n",
    "a handshake with frames": HANDSHAKE + b"\r\n" + b"\x81\x80\0\0\0\0" * 50,
    "a handshake with junk": HANDSHAKE + b"\r\n" + b"\xff" * 50,
    "pipelined": GET * 1_000,
    "garbage": b"\x16\x03\x01",
}


@pytest.mark.parametrize("reading", [True, False])
async def test_no_connection_makes_a_stop_fail(reading: bool) -> None:
    async with served(grace=0.2) as server:
        opened = [await server.open() for _ in STUCK]
        for (reader, writer), data in zip(opened, STUCK.values(), strict=True):
            writer.write(data)
            await writer.drain()
            if reading and data == GET * 1_000:
                await reader.readuntil(b"\r\n\r\n")
        server.stopping.set()
        await asyncio.wait_for(server.task, 15)
        for _, writer in opened:
            writer.close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "WRITE_SECONDS", 0.2)
    ended = asyncio.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % (1 << 30))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(1 << 14):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        ended.set()

    async with served(large) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as stuck:
            stuck.sendall(GET)
            await asyncio.wait_for(ended.wait(), PATIENCE)


async def test_answers_that_are_not_read_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the most gives way: here the address with two of them, and not the other one."""
    size = 24 << 20  # far more than the kernel takes
    monkeypatch.setattr(capacity, "UNSENT_BYTES", 60 << 20)
    before = refused("unread")

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    async with served(large) as server, AsyncExitStack() as stack:
        readers = []
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.3"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
            stack.callback(writer.close)
            writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await reader.readuntil(b"\r\n\r\n")
            readers.append(reader)
        bodies = await asyncio.gather(*(rest_of(reader) for reader in readers))
    assert len(bodies[0]) == size
    assert sorted(len(body) == size for body in bodies[1:]) == [False, True]
    assert refused("unread") == before + 1


async def test_a_connection_that_waits_for_its_client_gives_way_to_a_newcomer() -> None:
    async with served(connections=3, per_address=3) as server:
        first = await server.open()
        others = [await server.open() for _ in range(2)]
        for _ in range(2):
            answer = await server.say(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert status_of(answer) == 200
        assert await first[0].read() == b""
        for _, writer in (first, *others):
            writer.close()


async def test_an_address_has_its_share_and_probes_are_let_through() -> None:
    release, started = asyncio.Event(), asyncio.Event()
    held = holding(release, started, lambda: None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (echo if scope["path"] == "/v1/status" else held)(scope, receive, send)

    async with served(app, connections=10, per_address=1) as server:
        running = asyncio.create_task(server.say(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
        await started.wait()
        assert status_of(await server.say(GET)) == 503
        assert status_of(await server.say(b"GET /v1/status HTTP/1.1\r\n\r\n")) == 200
        release.set()
        assert status_of(await running) == 200


async def test_behind_a_trusted_proxy_the_forwarded_address_has_the_share() -> None:
    release, started = asyncio.Event(), asyncio.Event()
    clients: list[str] = []
    held = holding(release, started, lambda: None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clients.append(scope["client"][0])
        await held(scope, receive, send)

    def asked_for(forwarded: str) -> bytes:
        return f"GET / HTTP/1.1\r\nX-Forwarded-For: {forwarded}\r\nConnection: close\r\n\r\n".encode()

    proxies = [ipaddress.ip_network("127.0.0.0/8")]
    async with served(app, connections=10, per_address=1, proxies=proxies) as server:
        running = []
        for forwarded in ("9.9.9.9, 192.0.2.1", "9.9.9.9, 192.0.2.2, 127.0.0.7"):
            running.append(asyncio.create_task(server.say(asked_for(forwarded))))
            await started.wait()
            started.clear()
        assert status_of(await server.say(asked_for("192.0.2.1"))) == 503
        release.set()
        assert [status_of(await each) for each in running] == [200, 200]
        assert status_of(await server.say(asked_for("192.0.2.1"))) == 200
        assert clients == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]


def refused(reason: str) -> float:
    return telemetry.REGISTRY.get_sample_value("ringback_connections_refused_total", {"reason": reason}) or 0


async def test_garbage_is_counted_and_logged_once_in_a_while() -> None:
    before = refused("400")
    async with served() as server:
        with capture_logs() as events:
            for _ in range(5):
                assert status_of(await server.say(b"\x16\x03\x01")) == 400
    assert [event["event"] for event in events] == ["connection.refused"]
    assert refused("400") == before + 5


async def test_a_websocket_that_takes_no_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.server.connection.CLOSE_SECONDS", 0.2)

    async def close(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    assert websocket.CLOSE_SECONDS > 1
    async with served(close) as server:
        answer = await server.say(HANDSHAKE + b"\r\n")
        assert status_of(answer) == 101
        assert answer.endswith(b"\x88\x02\x03\xe8")


CLOSE_FRAME, PING_FRAME = b"\x88\x82\0\0\0\0\x03\xe8", b"\x89\x80\0\0\0\0"


@pytest.mark.parametrize(
    "behind", [CLOSE_FRAME, CLOSE_FRAME + PING_FRAME, PING_FRAME, PING_FRAME + CLOSE_FRAME]
)
async def test_what_comes_behind_a_websockets_end_is_no_fault(
    behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transports raise on a write behind their end, even of no bytes, and the loop breaks the connection."""
    monkeypatch.setattr("ringback.server.connection.CLOSE_SECONDS", 0.2)

    async def close(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, facts: faults.append(facts))
    async with served(close) as server:
        reader, writer = await server.open()
        writer.write(HANDSHAKE + b"\r\n")
        if behind.startswith(PING_FRAME):
            await reader.read()  # To our side's end: the client took too long to answer the close.
        else:
            await reader.readuntil(b"\x88\x02\x03\xe8")
        writer.write(behind)
        await reader.read()
        writer.write_eof()
        await reader.read()
        writer.close()
    assert faults == []
