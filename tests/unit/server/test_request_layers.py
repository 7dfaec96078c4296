"""The layers around the handlers: CORS where a page asks, and errors of handlers answered once."""

from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from ringback.errors import Refusal
from ringback.server.layers import Application, CrossOriginMiddleware, Endpoint

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


async def well(_: Request) -> Response:
    return Response(b"well", 200, {"vary": "Accept"})


async def refused(_: Request) -> Response:
    raise Refusal(400, "Bad Request", "No.")


async def failing(_: Request) -> Response:
    raise ZeroDivisionError


async def answer_refusal(_request: Request, error: Exception) -> Response:
    return Response(str(error), 400)


APPLICATION = Application(
    routes=[
        Route("/well", Endpoint(well), methods=["GET"]),
        Route("/refused", Endpoint(refused), methods=["GET"]),
        Route("/failing", Endpoint(failing), methods=["GET"]),
    ],
    middleware=[Middleware(CrossOriginMiddleware, allow_origins=["*"], allow_methods=["GET"])],
    exception_handlers={Refusal: answer_refusal},
)


async def ask(path: str, method: str = "GET", **headers: str) -> Answer:
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await APPLICATION(scope, receive, send)
    start, *rest = sent
    return start["status"], start["headers"], b"".join(message.get("body", b"") for message in rest)


def values(answer: Answer, name: bytes) -> set[bytes]:
    return {part for header, value in answer[1] if header == name for part in value.split(b", ")}


@pytest.mark.parametrize("headers", [{}, {"origin": "https://app.example"}])
async def test_caches_tell_answers_to_pages_from_others(headers: dict[str, str]) -> None:
    answer = await ask("/well", **headers)
    assert (answer[0], answer[2]) == (200, b"well")
    assert values(answer, b"vary") == {b"Accept", b"Origin"}
    assert values(answer, b"access-control-allow-origin") == ({b"*"} if headers else set())


async def test_a_page_may_ask_before_it_sends() -> None:
    asks = {"origin": "https://app.example", "access_control_request_method": "GET"}
    answer = await ask("/well", "OPTIONS", **asks)
    assert answer[0] == 200
    assert values(answer, b"access-control-allow-origin") == {b"*"}


async def test_what_a_handler_refuses_is_answered_by_the_application() -> None:
    assert (await ask("/refused"))[0] == 400
    assert (await ask("/well", "POST"))[0] == 405


async def test_what_nobody_expected_goes_to_the_layer_outside() -> None:
    with pytest.raises(ZeroDivisionError):
        await ask("/failing")
