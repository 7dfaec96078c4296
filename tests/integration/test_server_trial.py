"""`POST /v1/callbacks/test` over real sockets: who may, what is told, how many at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback.server.callback_test_route import TESTS_AT_ONCE
from support.front import OWNER, Answered, Front, front
from support.logs import capture_logs
from support.waiting import eventually

PATH = "/v1/callbacks/test"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def attempt(api: Front, body: Any, key: str = OWNER) -> Answered:
    return await api.call("POST", PATH, json=body, key=key)


class Silent:
    """A receiver that takes everything and says nothing, until it is told to."""

    def __init__(self) -> None:
        self.taken = 0
        self.speak = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> "Silent":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.taken += 1
        await self.speak.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


async def test_a_sample_arrives_and_every_phase_is_reported(api: Front) -> None:
    async with Silent() as receiver:
        receiver.speak.set()
        with capture_logs() as events:
            url = f"http://user:secret@127.0.0.1:{receiver.port}/private?token=1"
            answer = await attempt(api, {"url": url, "method": "put"}, await api.add_key("usage:write"))
    trial = answer.json()
    assert (answer.status, trial["delivered"], trial["status"], trial["method"]) == (200, True, 204, "PUT")
    assert [step["phase"] for step in trial["steps"]][-2:] == ["first_byte", "status"]
    (event,) = events
    assert (event["event"], event["delivered"]) == ("callback.tested", True)
    assert event["destination"] == f"http://127.0.0.1:{receiver.port}"
    for secret in ("private", "secret", "token"):
        assert secret not in answer.body.decode() + str(events)


async def test_the_policy_holds_here_too(api: Front) -> None:
    trial = (await attempt(api, {"url": "http://10.0.0.1/hook"})).json()
    assert (trial["delivered"], trial["failed"]) == (False, "policy")


@pytest.mark.parametrize(
    "body", [{}, {"url": 7}, {"url": "http://x/", "method": "GET"}, {"url": "x", "a": 1}]
)
async def test_a_question_that_makes_no_sense(api: Front, body: Any) -> None:
    answer = await attempt(api, body)
    assert (answer.status, answer.json()["category"]) == (400, "PAYLOAD_ERROR")


async def test_who_may_not_order_a_callback_may_not_try_one(api: Front) -> None:
    assert (await attempt(api, {"url": "http://127.0.0.1/"}, await api.add_key("keys:write"))).status == 403


async def test_so_many_at_a_time(api: Front) -> None:
    async with Silent() as receiver:
        body = {"url": f"http://127.0.0.1:{receiver.port}/"}
        running = [asyncio.create_task(attempt(api, body)) for _ in range(TESTS_AT_ONCE)]
        await eventually(lambda: receiver.taken >= TESTS_AT_ONCE)
        refused = await attempt(api, body)
        assert (refused.status, refused.json()["category"]) == (429, "TOO_MANY_REQUESTS")
        assert int(refused.headers["retry-after"]) > 0
        receiver.speak.set()
        assert {answer.status for answer in await asyncio.gather(*running)} == {200}
        assert (await attempt(api, body)).json()["delivered"]
