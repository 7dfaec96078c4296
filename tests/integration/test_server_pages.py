"""The pages, the session they sign in with, and the recording they play."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.bootstrap.first_key import ensure_api_key
from ringback.jobs.job import JobId
from ringback.keys import new_secret
from ringback.server.auth import SESSION_SECONDS
from ringback.settings import Settings
from ringback.transcription.request import audio_key
from support.clock import ManualClock
from support.front import OWNER, Front, front


@pytest.fixture
async def api(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[Front]:
    async with front(tmp_path, clock=manual_clock) as opened:
        yield opened


async def session_of(api: Front, key: str = OWNER) -> str:
    opened = await api.call("POST", "/v1/auth/session", key=key)
    assert opened.headers["cache-control"] == "no-store"
    return str(opened.json()["access_token"])


async def status_with(api: Front, token: str, path: str = "/v1/auth/token", method: str = "GET") -> int:
    return (await api.call(method, path, headers={"Authorization": f"Bearer {token}"}, json={})).status


@pytest.mark.parametrize("path", ["/", "/docs", "/assets/app.js", "/assets/app.css", "/assets/icon.svg"])
async def test_pages_have_a_strict_policy_and_are_asked_for_again_only_when_changed(
    api: Front, path: str
) -> None:
    page = await api.call("GET", path, key=None)
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    again = await api.call("GET", path, key=None, headers={"If-None-Match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "docs.html", "nothing.js", "..%2fpage_routes.py"])
async def test_only_assets_are_assets(api: Front, name: str) -> None:
    assert (await api.call("GET", f"/assets/{name}", key=None)).status == 404


async def test_pages_say_nothing_inline() -> None:
    for page in (Path(__file__).parents[2] / "src/ringback/server/web").glob("*.html"):
        text = page.read_text()
        assert "style=" not in text
        assert "<style" not in text
        assert "<script>" not in text


async def test_a_session_reaches_as_far_as_its_key(api: Front) -> None:
    session = await session_of(api)
    assert await status_with(api, session) == 200
    assert await status_with(api, session, f"/v1/projects/{api.project}/keys") == 200
    member = await session_of(api, await api.add_key("member"))
    assert await status_with(api, member, "/v1/auth/token") == 200
    assert await status_with(api, member, f"/v1/projects/{api.project}/keys", "POST") == 403


async def test_only_a_key_opens_a_session(api: Front) -> None:
    assert await status_with(api, await session_of(api), "/v1/auth/session", "POST") == 403
    granted = (await api.call("POST", "/v1/auth/grant")).json()["access_token"]
    assert await status_with(api, granted, "/v1/auth/session", "POST") == 403


async def test_a_session_ends_when_the_operators_key_gets_another_value(
    api: Front, manual_clock: ManualClock
) -> None:
    """By a restart with another `RINGBACK_API_KEY`: the key's id stays the same."""
    before, after = Settings(api_key="b" * 40), Settings(api_key="c" * 40)
    await ensure_api_key(before, api.ledger, manual_clock, new_secret())
    session = await session_of(api, "b" * 40)
    manual_clock.advance(1)
    await ensure_api_key(before, api.ledger, manual_clock, new_secret())
    assert await status_with(api, session) == 200
    manual_clock.advance(1)
    await ensure_api_key(after, api.ledger, manual_clock, new_secret())
    assert await status_with(api, session) == 401
    assert await status_with(api, await session_of(api, "c" * 40)) == 200


async def test_a_session_ends_after_an_hour(api: Front, manual_clock: ManualClock) -> None:
    session = await session_of(api)
    manual_clock.advance(SESSION_SECONDS - 1)
    assert await status_with(api, session) == 200
    manual_clock.advance(1)
    assert await status_with(api, session) == 401


async def test_a_session_ends_with_its_key(api: Front, manual_clock: ManualClock) -> None:
    secret = await api.add_key("member", expires_at=manual_clock.now() + 60)
    brief = await session_of(api, secret)
    other = await api.add_key("member")
    removed = await session_of(api, other)
    key = (await api.call("GET", "/v1/auth/token", key=other)).json()["api_key_id"]
    assert (await api.call("DELETE", f"/v1/projects/{api.project}/keys/{key}")).status == 200
    assert await status_with(api, removed) == 401
    manual_clock.advance(60)
    assert await status_with(api, brief) == 401


async def test_the_recording_is_given_back_while_it_is_kept(api: Front) -> None:
    recording = bytes(range(256)) * 4_000
    callback = "callback=http%3A%2F%2F127.0.0.1:9%2F"
    requested = (await api.call("POST", f"/v1/listen?{callback}", data=recording)).json()["request_id"]
    path = f"/v1/projects/{api.project}/requests/{requested}/audio"
    given = await api.call("GET", path)
    assert (given.status, given.body) == (200, recording)
    assert given.headers["content-disposition"] == "attachment"
    assert (await api.call("GET", path, key=await api.add_key("requests:own"))).status == 404
    await api.blobs.delete(audio_key(JobId(requested)))
    lost = await api.call("GET", path)
    assert (lost.status, lost.json()["category"]) == (410, "AUDIO_NOT_KEPT")


async def test_the_recording_of_a_redacted_request_is_not_given(api: Front) -> None:
    query = "callback=http%3A%2F%2F127.0.0.1:9%2F&redact=pci"
    requested = (await api.call("POST", f"/v1/listen?{query}", data=b"1234")).json()["request_id"]
    refused = await api.call("GET", f"/v1/projects/{api.project}/requests/{requested}/audio")
    assert (refused.status, refused.json()["category"]) == (403, "AUDIO_NOT_REDACTED")
    assert b"1234" not in refused.body
