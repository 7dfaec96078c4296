"""The live handshake over a real server and ledger: which streams are admitted, how others are refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from ringback.jobs.store import LedgerUnavailable
from ringback.settings import LimitSettings
from support.front import OWNER, Front, front
from support.live_client import (
    RAW,
    refusal,
    stream,
)
from support.live_session import ScriptedRecognisers, record, spoken, words_of
from support.logs import capture_logs
from support.ports import free_port

REFUSED = {
    "encoding=linear16": "`encoding=linear16` needs `sample_rate`",
    f"{RAW}&interim_results=maybe": "expected",
    f"{RAW}&model=none-such": "No such model/language/tier combination found",
    f"{RAW}&callback={quote('gopher://example.com/')}": "the scheme must be",
    f"{RAW}&callback={quote('wss://10.0.0.1/')}": "a private address",
    f"{RAW}&callback={quote('ws://no-such-host.invalid/')}": "Failed to resolve callback.",
}


CREDENTIALS = [
    {},
    {"key": "0" * 40},
    {"subprotocols": ["token", "0" * 40]},
    {"subprotocols": ["token"]},
    {"subprotocols": ["bearer", "not-a-token"]},
    {"subprotocols": ["chat", OWNER]},
]

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(
        tmp_path, limits=LimitSettings(streams=3), open_recogniser=ScriptedRecognisers()
    ) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["token", "Token", "bearer"])
async def test_a_browser_names_its_key_as_a_protocol(api: Front, scheme: str) -> None:
    async with stream(api.port, subprotocols=[Subprotocol(scheme), Subprotocol(OWNER)]) as client:
        assert client.connection.subprotocol == scheme
        await spoken(client)


async def test_a_browser_may_hold_a_short_lived_token(api: Front) -> None:
    granted = (await api.call("POST", "/v1/auth/grant", json={})).json()["access_token"]
    async with stream(api.port, subprotocols=[Subprotocol("bearer"), Subprotocol(granted)]) as client:
        assert client.connection.subprotocol == "bearer"
        await spoken(client)


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_without_a_good_credential_nobody_gets_in(api: Front, credentials: dict[str, object]) -> None:
    refused = await refusal(api.port, **credentials)  # type: ignore[arg-type] # one of the above
    assert words_of(refused, 401) == ("INVALID_AUTH", "Invalid credentials.")


async def test_a_key_without_the_right_does_not_get_in(api: Front) -> None:
    key = await api.add_key("keys:write")
    assert words_of(await refusal(api.port, key=key), 403)[0] == "INSUFFICIENT_PERMISSIONS"


@pytest.mark.parametrize("query", REFUSED)
async def test_what_cannot_be_served_is_refused_with_the_reason(api: Front, query: str) -> None:
    assert REFUSED[query] in words_of(await refusal(api.port, query, key=OWNER), 400)[1]


async def test_a_websocket_callback_that_is_not_there_refuses_the_handshake(api: Front) -> None:
    query = f"{RAW}&callback={quote(f'ws://127.0.0.1:{free_port()}/')}"
    refused = await refusal(api.port, query, key=OWNER)
    message = "Failed to connect to callback. (connect: no connection: connection refused)"
    assert words_of(refused, 400) == ("Bad Request", message)
    job = await record(api, refused.response.headers["dg-request-id"])
    assert job.code == 400
    assert api.services.streams.active == 0


async def test_more_streams_than_there_are_places_are_refused_at_once(api: Front) -> None:
    async with (
        stream(api.port, key=OWNER),
        stream(api.port, key=OWNER),
        stream(api.port, key=OWNER) as last,
    ):
        refused = await refusal(api.port, key=OWNER)
        code, message = words_of(refused, 429)
        assert code == "TOO_MANY_REQUESTS"
        assert "all 3 live streams" in message
        await spoken(last)
    await record(api, last.request_id)
    async with stream(api.port, key=OWNER) as again:
        await spoken(again)


async def test_a_ledger_that_is_away_refuses_the_handshake(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(type(api.ledger), "begin", away)
    refused = await refusal(api.port, key=OWNER)
    assert words_of(refused, 503) == ("Service Unavailable", "Please try again later")
    assert refused.response.headers["retry-after"]
    assert api.services.streams.active == 0


async def test_a_plain_request_does_not_open_a_stream(api: Front) -> None:
    assert (await api.call("GET", "/v1/listen")).status == 405


async def test_deflate_is_declined(api: Front) -> None:
    url = f"ws://127.0.0.1:{api.port}/v1/listen?{RAW}"
    async with connect(url, additional_headers={"Authorization": f"Token {OWNER}"}) as connection:
        assert connection.protocol.extensions == []


@pytest.mark.parametrize("path", ["/v3/listen", "/v1/listen/", "/v1/projects"])
async def test_an_unknown_path_is_the_404_of_http(tmp_path: Path, path: str) -> None:
    async with front(tmp_path) as api:
        answer = await api.call("GET", path, headers=UPGRADE)
        assert (answer.status, answer.json()["category"]) == (404, "NOT_FOUND")
        assert answer.headers["dg-error"] == "There is nothing at this path."
        assert answer.headers["dg-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("key", "query", "status", "event"),
    [("wrong", "", 401, "auth.failed"), (OWNER, "?interim_results=x", 400, "request.refused")],
)
async def test_a_refused_handshake_leaves_one_event(
    tmp_path: Path, key: str, query: str, status: int, event: str
) -> None:
    async with front(tmp_path) as api:
        with capture_logs() as events:
            answer = await api.call("GET", f"/v1/listen{query}", key=key, headers=UPGRADE)
        assert answer.status == status
        assert [each["event"] for each in events] == [event]
