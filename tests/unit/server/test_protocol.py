"""The HTTP service on real sockets: its limits below HTTP's routes, and how it stops."""

import asyncio
import json
import resource
import signal
import socket

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from ringback.errors import Misconfigured
from ringback.server import connection, protocol
from ringback.server.connection import HEADER_BYTES
from ringback.server.protocol import HttpServer, most_connections
from support.logs import capture_logs
from support.served import HEADER_SECONDS, Served, echo, headers_of, holding, rest_of, served, status_of
from support.waiting import PATIENCE, eventually, real_pause


@pytest.mark.parametrize(
    "beginning", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=repr
)
async def test_a_client_that_never_ends_its_headers_is_hung_up_on(beginning: bytes) -> None:
    async with served() as server:
        assert await server.say(beginning) == b""


async def test_the_limit_holds_again_for_a_second_request_on_the_same_connection() -> None:
    async with served() as server:
        answer = await server.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"\r\nGET /")
        assert status_of(answer) == 200


async def test_a_body_may_take_longer_than_the_headers_may() -> None:
    async with served() as server:
        reader, writer = await server.open()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab")
        await real_pause(HEADER_SECONDS * 2, "longer than headers may take")
        writer.write(b"cd")
        assert (await rest_of(reader)).endswith(b"\r\n\r\n4")
        writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"],
    ids=["GET", "POST"],
)
async def test_an_answer_may_take_longer_than_the_headers_may(request_bytes: bytes) -> None:
    release, started = asyncio.Event(), asyncio.Event()
    async with served(holding(release, started, lambda: None)) as server:
        reader, writer = await server.open()
        writer.write(request_bytes)
        await started.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), HEADER_SECONDS * 3)
        release.set()
        assert status_of(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)) == 200
        writer.close()


@pytest.mark.parametrize("beginning", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=repr)
async def test_the_beginning_of_a_next_request_is_timed_only_once_the_answer_is_out(beginning: bytes) -> None:
    release, started = asyncio.Event(), asyncio.Event()
    async with served(holding(release, started, lambda: None)) as server:
        reader, writer = await server.open()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + beginning)
        await started.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), HEADER_SECONDS * 3)
        release.set()
        assert status_of(await rest_of(reader)) == 200
        writer.close()


async def test_a_kept_connection_may_be_idle_for_longer_than_headers_may_take() -> None:
    async with served() as server:
        reader, writer = await server.open()
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(await reader.readuntil(b"\r\n\r\n0")) == 200
            await real_pause(HEADER_SECONDS * 2, "longer than headers may take")
        writer.close()


async def _refuse_unread(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_the_rest_of_an_answered_body_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    async with served(_refuse_unread) as server:
        reader, writer = await server.open()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert status_of(await reader.readuntil(b"\r\n\r\n")) == 401
        writer.write(b"a drop")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_an_idle_connection_ends_also_after_a_body_that_came_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "KEEP_ALIVE_SECONDS", 1)
    async with served(_refuse_unread) as server:
        reader, writer = await server.open()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        assert status_of(await reader.readuntil(b"\r\n\r\n")) == 401
        writer.write(b"ab")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_more_connections_than_allowed_are_turned_away_with_an_answer() -> None:
    release, started = asyncio.Event(), asyncio.Event()
    async with served(holding(release, started, lambda: None), connections=2, per_address=2) as server:
        idle = [await server.open() for _ in range(2)]
        for _, writer in idle:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await started.wait()
            started.clear()
        with capture_logs() as events:
            answers = [await server.say(said) for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"")]
        assert [status_of(answer) for answer in answers] == [503] * 3
        assert int(headers_of(answers[0])["retry-after"]) > 0
        assert [(event["event"], event["most"]) for event in events] == [("connections.full", 2)]
        release.set()
        assert [status_of(await rest_of(reader)) for reader, _ in idle] == [200, 200]
        answer = await server.say(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status_of(answer) == 200
        for _, writer in idle:
            writer.close()


def test_connections_leave_files_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, expected in ((1024, 512), (1 << 20, 10_000), (resource.RLIM_INFINITY, 10_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert most_connections() == expected


async def test_headers_within_the_size_limit_pass() -> None:
    filler = b"X-Filler: " + b"y" * (HEADER_BYTES - 200) + b"\r\n"
    async with served() as server:
        answer = await server.say(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + filler + b"\r\n")
        assert status_of(answer) == 200


def _many_headers() -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(40)) + b"\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        _many_headers(),
        b"GET / HTTP/1.1\r\nX-Endless: " + b"y" * 400_000,
        b"GET /" + b"y" * 400_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: " + b"y" * 400_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=" + b"y" * 400_000,
    ],
    ids=["many", "one endless", "endless path", "endless trailer", "endless chunk extension"],
)
async def test_framing_without_end_is_refused(request_bytes: bytes) -> None:
    async with served() as server:
        answer = await server.say(request_bytes)
        assert status_of(answer) == 431
        assert headers_of(answer)["dg-error"] == "The request's headers are too large."


async def test_what_is_not_http_is_refused_in_the_wires_own_form() -> None:
    async with served() as server:
        answer = await server.say(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        document = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert status_of(answer) == 400
        assert document["err_code"] == "Bad Request"
        assert document["request_id"] == headers_of(answer)["dg-request-id"]


async def test_a_websocket_outlives_the_header_limit() -> None:
    async with served() as server, connect(f"ws://127.0.0.1:{server.port}/") as websocket:
        await real_pause(HEADER_SECONDS * 2, "longer than headers may take")
        await websocket.send("still here")
        assert await websocket.recv() == "still here"


async def test_stopping_lets_a_running_request_finish_and_takes_no_more() -> None:
    release, started = asyncio.Event(), asyncio.Event()
    async with served(holding(release, started, lambda: None)) as server:
        running = asyncio.create_task(server.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()
        server.stopping.set()
        await eventually(lambda: _is_refused(server))
        release.set()
        assert status_of(await running) == 200


async def test_a_request_that_outlasts_the_grace_is_cancelled_and_waited_for() -> None:
    started, ended = asyncio.Event(), asyncio.Event()
    async with served(holding(asyncio.Event(), started, ended.set), grace=0.1) as server:
        running = asyncio.create_task(server.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()
        server.stopping.set()
        await server.task
        assert ended.is_set()
        await running


async def test_a_cancelled_service_closes_its_port() -> None:
    server = HttpServer(echo, "127.0.0.1", 0, grace=0.1)
    port = server.bind()
    running = asyncio.create_task(server.run(asyncio.Event()))
    served_here = Served(port, asyncio.Event(), running)
    assert status_of(await served_here.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) == 200
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await _is_refused(served_here)


async def test_the_process_keeps_its_own_signal_handlers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with served() as server:
        await server.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_port_is_a_misconfiguration_that_names_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = HttpServer(echo, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(Misconfigured, match="RINGBACK_PORT") as caught:
            server.bind()
    assert "(Address already in use):" in str(caught.value)


async def _is_refused(server: Served) -> bool:
    try:
        _, writer = await server.open()
    except OSError:
        return True
    writer.close()
    return False
