"""How answers are framed, and what becomes of an application that fails to give one."""

from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send

from support.logs import capture_logs
from support.served import GET, HANDSHAKE, headers_of, served, status_of


async def test_a_client_that_expects_100_is_not_waited_for_when_it_is_refused() -> None:
    """It does not send its body then: what follows would be taken for it."""

    async def unread(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with served(unread) as server:
        for framing in (
            "Content-Length: 5\r\nExpect: 100-continue",
            "Transfer-Encoding: chunked",
            "Content-Length: 9999999",
        ):
            answer = await server.say(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
            assert status_of(answer) == 401
            assert headers_of(answer)["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "expected"),
    [
        ("GET", 200, [(b"content-length", b"2")], b"ab", b"ab"),
        ("GET", 200, [], b"ab", b"2\r\nab\r\n0\r\n\r\n"),
        ("GET", 204, [], b"", b""),
        ("HEAD", 200, [(b"content-length", b"2")], b"", b""),
    ],
)
async def test_responses_are_framed(
    method: str, status: int, headers: list[tuple[bytes, bytes]], body: bytes, expected: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async with served(app) as server:
        answer = await server.say(f"{method} / HTTP/1.0\r\n\r\n".encode())
        assert status_of(answer) == status
        assert answer.partition(b"\r\n\r\n")[2] == expected
        assert "date" in headers_of(answer)
        assert headers_of(answer)["connection"] == "close"


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(scope["path"])


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def bad_header(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nb: c")]})


async def no_body(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def too_long(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"ab"})


async def too_short(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ab"})


@pytest.mark.parametrize("app", [no_body, too_long, too_short])
async def test_an_answer_that_fails_before_its_body_is_a_500(
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
) -> None:
    async with served(app) as server:
        with capture_logs() as events:
            answer = await server.say(GET)
        assert status_of(answer) == 500
        assert [event["event"] for event in events] == ["request.failed"]


async def test_an_answer_that_fails_within_its_body_is_cut_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async with served(app) as server:
        with capture_logs() as events:
            answer = await server.say(GET)
        assert not answer or answer.endswith(b"\r\n\r\na")
        assert [event["event"] for event in events] == ["request.failed"]


@pytest.mark.parametrize("app", [broken, silent, bad_header])
@pytest.mark.parametrize("data", [GET, HANDSHAKE + b"\r\n"])
async def test_an_application_that_fails_is_a_500(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], data: bytes
) -> None:
    async with served(app) as server:
        with capture_logs() as events:
            answer = await server.say(data)
        assert status_of(answer) == 500
        assert [event["event"] for event in events] == ["request.failed"]
