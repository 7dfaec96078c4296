"""A refusal's event says why, to whom and where, in our own words: not one byte of the caller's."""

import urllib.parse
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ringback.keys import ApiKey, secret_hash
from ringback.listen.options import Mode
from ringback.listen.parameter import Support
from ringback.listen.parameters import by_name
from ringback.server.error_responses import REQUEST_PATHS
from support.front import Front, front
from support.logs import capture_logs

CANARY = "c4n4ry\x1b[31m\u202e"
URL = f"https://user-{CANARY}:pass@{CANARY}.example/{CANARY}?{CANARY}"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def refused(served: Front, path: str, method: str = "POST", **sent: Any) -> dict[str, Any]:
    """The one event of a refused request, after a look at all that was logged."""
    with capture_logs() as events:
        answered = await served.call(method, path, **sent)
    assert 400 <= answered.status < 500, (path, answered)
    assert "c4n4ry" not in repr(events), events
    (event,) = [event for event in events if event["event"] == "request.refused"]
    return dict(event)


ANY_TEXT = {
    "tag", "extra", "keyterm", "keywords", "replace", "search", "custom_topic", "custom_intent",
    "version",
}  # fmt: skip
"""Parameters of which any text is a good value."""

CHECKED = sorted(
    name
    for name, parameter in by_name(Mode.RECORDED).items()
    if parameter.support is not Support.IGNORED and name not in ANY_TEXT
)


async def test_a_bad_value_is_named_by_its_parameter(served: Front) -> None:
    for name in CHECKED:
        event = await refused(served, f"/v1/listen?{name}={urllib.parse.quote(CANARY)}", data=b"RIFF")
        assert event["parameter"] == name
        assert event["reason"]
        assert (event["route"], event["client"]) == ("/v1/listen", "127.0.0.1")
        assert event["project"] == served.project


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (URL, "its characters cannot be used"),
        ("https://c4n4ry.invalid/c4n4ry?c4n4ry", "Failed to resolve callback."),
        ("http://10.0.0.1/c4n4ry", "the address policy forbids its host"),
        ("ftp://c4n4ry.example/", "its scheme cannot be used"),
        ("c4n4ry", "Invalid query string."),
    ],
)
async def test_a_callback_url_is_not_quoted(served: Front, url: str, reason: str) -> None:
    event = await refused(served, f"/v1/listen?callback={urllib.parse.quote(url, safe='')}", data=b"RIFF")
    assert (event["parameter"], event["reason"]) == ("callback", reason)


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/v1/listen", {"json": {"url": f"https://{CANARY}/"}}),
        ("POST", "/v1/listen", {"json": {"c4n4ry": 1}}),
        ("POST", "/v1/listen", {"data": b"{c4n4ry", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/v1/listen", {"data": b"x", "headers": {"Idempotency-Key": "c4n4ry" * 99}}),
        ("POST", "/v1/projects", {"json": {"name": CANARY, "c4n4ry": CANARY}}),
        ("POST", "/v1/projects/{project}/keys", {"json": {"comment": 1, "scopes": ["c4n4ry"], "c4n4ry": 1}}),
        (
            "POST",
            "/v1/projects/{project}/keys",
            {"json": {"comment": "", "scopes": [], "schedule": "c4n4ry"}},
        ),
        ("GET", "/v1/projects/{project}/requests?status=c4n4ry", {}),
        ("GET", "/v1/projects/{project}/deliveries?destination=c4n4ry", {}),
        ("GET", "/v1/projects/c4n4ry/requests", {}),
        ("GET", "/v1/models/c4n4ry", {}),
        ("POST", "/v1/callbacks/test", {"json": {"url": URL, "method": "c4n4ry"}}),
    ],
)
async def test_nothing_else_is_quoted(served: Front, method: str, path: str, sent: dict[str, Any]) -> None:
    event = await refused(served, path.format(project=served.project), method, **sent)
    assert event["reason"]
    assert event["route"] == path.partition("?")[0].replace("{project}", "{project_id}").replace(
        "/projects/c4n4ry", "/projects/{project_id}"
    ).replace("/models/c4n4ry", "/models/{model}")


async def test_the_event_names_the_key_as_its_owner_did(served: Front) -> None:
    key = ApiKey(str(uuid.uuid4()), served.project, "the night shift", ("member",), (), 1.0, None)
    await served.ledger.add_key(key, secret_hash("night"))
    event = await refused(served, "/v1/listen?punctuate=perhaps", key="night", data=b"RIFF")
    assert (event["key"], event["key_name"]) == (key.id, "the night shift")
    with capture_logs() as events:
        await served.call("POST", "/v1/listen?callback=http://127.0.0.1:9/", key="night", data=b"RIFF")
    (accepted,) = events
    assert (accepted["event"], accepted["key_name"], accepted["client"]) == (
        "request.accepted",
        "the night shift",
        "127.0.0.1",
    )


@pytest.mark.parametrize("path", ["/v1/listen", "/v1/audio/transcriptions", "/v1/projects", "/v1/auth/token"])
async def test_bad_credentials_leave_an_event_that_is_a_warning(served: Front, path: str) -> None:
    with capture_logs() as events:
        await served.call("POST" if path in REQUEST_PATHS else "GET", path, key="c4n4ry")
    (event,) = events
    assert (event["event"], event["log_level"], event["reason"]) == ("auth.failed", "warning", "unknown")
    assert (event["route"], event["client"]) == (path, "127.0.0.1")
    assert "c4n4ry" not in repr(event)


@pytest.mark.parametrize("path", ["/v1/listen", "/v2/listen"])
async def test_so_do_those_of_a_handshake(served: Front, path: str) -> None:
    with capture_logs() as events, pytest.raises(aiohttp.WSServerHandshakeError):
        await served.session.ws_connect(served.url + path, headers={"Authorization": "Token c4n4ry"})
    (event,) = events
    assert (event["event"], event["reason"], event["route"]) == ("auth.failed", "unknown", path)
