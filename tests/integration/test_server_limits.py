"""What one key may have in work at once, and what is refused before it is stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ringback.blobs import DiskFull, FolderBlobStore
from ringback.jobs.daily_audio import DAY
from ringback.keys import LARGEST_LIMIT, KeyLimits
from ringback.quota import used_up
from ringback.settings import LimitSettings
from ringback.transcription.request import order_of
from support.blobs import keys_of
from support.clock import ManualClock
from support.front import OWNER, Answered, Front, front
from support.waiting import PATIENCE

CALLBACK = f"callback={quote('http://127.0.0.1:9/hook', safe='')}"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def send(
    api: Front, audio: bytes = b"RIFF", key: str = OWNER, headers: dict[str, str] | None = None
) -> Answered:
    return await api.call("POST", f"/v1/listen?{CALLBACK}", key=key, data=audio, headers=headers)


async def limit(api: Front, **limits: Any) -> Answered:
    known = (await api.call("GET", "/v1/auth/token")).json()["api_key_id"]
    path = f"/v1/projects/{api.project}/keys/{known}"
    return await api.call("PATCH", path, json={"limits": limits})


def is_too_many(answer: Answered) -> bool:
    assert answer.json()["err_msg"] == "Too many requests. Please try again later"
    assert int(answer.headers["retry-after"]) > 0
    return (answer.status, answer.json()["err_code"]) == (429, "TOO_MANY_REQUESTS")


async def test_a_key_has_so_many_requests_at_once(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(requests_per_key=2)) as api:
        other = await api.add_key("member")
        assert [(await send(api)).status for _ in range(2)] == [200, 200]
        assert is_too_many(await send(api))
        assert len(await keys_of(api.blobs, "audio")) == 2
        assert (await send(api, key=other)).status == 200
        await api.finish(await api.claim())
        assert (await send(api)).status == 200


async def test_a_key_has_so_much_audio_in_the_queue(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(queued_bytes_per_key=1_000)) as api:
        assert (await send(api, b"x" * 600)).status == 200
        assert is_too_many(await send(api, b"x" * 600))
        assert (await send(api, b"x" * 400)).status == 200
        never = await send(api, b"x" * 1_001)
        assert (never.status, never.json()["err_code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_word_that_is_known_counts_nothing(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(requests_per_key=1)) as api:
        first = await send(api, headers={"Idempotency-Key": "monday"})
        again = await send(api, headers={"Idempotency-Key": "monday"})
        assert (again.status, again.json()) == (200, first.json())


async def test_a_keys_own_limits_count_before_the_servers(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(requests_per_key=1)) as api:
        changed = await limit(api, requests=2)
        assert changed.status == 200
        assert changed.json()["api_key"]["limits"]["requests"] == 2
        assert [(await send(api)).status for _ in range(3)] == [200, 200, 429]
        await limit(api, requests=0)
        assert (await send(api)).status == 200
        await limit(api, requests=None)
        assert is_too_many(await send(api))


@pytest.mark.parametrize("name", ["requests", "queued_bytes", "daily_audio_seconds"])
async def test_a_limit_that_no_ledger_can_hold_is_refused(api: Front, name: str) -> None:
    for number in (2**63, 10**30):
        refused = await limit(api, **{name: number})
        assert (refused.status, refused.json()["category"]) == (400, "PAYLOAD_ERROR")
    assert (await limit(api, **{name: LARGEST_LIMIT})).status == 200


async def test_a_token_shares_its_keys_limits(api: Front) -> None:
    await limit(api, requests=1)
    token = (await api.call("POST", "/v1/auth/grant")).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await send(api, headers=bearer)).status == 200
    assert is_too_many(await send(api, headers=bearer))
    assert is_too_many(await send(api))


async def test_uploads_that_are_still_coming_in_count_too(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(requests_per_key=1)) as api:
        let_go = asyncio.Event()
        begun = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"RIFF"
            begun.set()
            await let_go.wait()

        async with asyncio.timeout(PATIENCE):
            coming = asyncio.create_task(api.call("POST", f"/v1/listen?{CALLBACK}", data=slow()))
            await begun.wait()
            while (refused := await send(api)).status != 429:
                await api.finish(await api.claim())
                if coming.done():  # it was counted second, and so was itself one too many: once more
                    coming = asyncio.create_task(api.call("POST", f"/v1/listen?{CALLBACK}", data=slow()))
        assert is_too_many(refused)
        let_go.set()
        assert (await coming).status == 200


async def test_the_refusal_of_a_key_without_audio_for_today_says_when_tomorrow_begins(tmp_path: Path) -> None:
    clock = ManualClock(1_800_000_000.0 // DAY * DAY + DAY - 100)
    async with front(tmp_path, clock, LimitSettings(daily_audio_seconds_per_key=60)) as api:
        other = await api.add_key("member")
        known = (await api.call("GET", "/v1/auth/token")).json()["api_key_id"]
        assert (await send(api)).status == 200
        await api.ledger.count_audio({known: 60.0})
        refused = await send(api)
        assert (refused.status, refused.json()["err_code"]) == (429, "TOO_MANY_REQUESTS")
        assert "60 seconds of audio for today" in refused.json()["err_msg"]
        assert refused.headers["retry-after"] == "100"
        assert (await send(api, key=other)).status == 200
        displayed = await api.call("GET", f"/v1/projects/{api.project}/keys/{known}")
        assert displayed.json()["api_key"]["ringback"] == {"audio_seconds_today": 60.0}
        clock.advance(100)
        assert (await send(api)).status == 200


async def test_a_project_has_a_limit_of_audio_for_all_its_keys(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(daily_audio_seconds_per_project=60)) as api:
        other = await api.add_key("member")
        await api.ledger.count_audio({api.project: 60.0})
        for key in (OWNER, other):
            assert "this project" in (await send(api, key=key)).json()["err_msg"]


async def test_a_waiting_caller_whose_turn_comes_too_late_is_refused_until_tomorrow(tmp_path: Path) -> None:
    async with front(tmp_path, ManualClock(1_800_000_000.0 // DAY * DAY)) as api:
        requested = asyncio.create_task(api.call("POST", "/v1/listen", data=b"RIFF"))
        await api.refuse(await api.claim(), used_up("why", api.services.clock.now()).failure)
        answer = await requested
        assert (answer.status, answer.headers["retry-after"]) == (429, "86400")


async def test_limits_are_changed_one_by_one(api: Front) -> None:
    await limit(api, requests=3, schedule="5s,1m")
    limits = (await limit(api, queued_bytes=7)).json()["api_key"]["limits"]
    assert limits == {
        "requests": 3, "queued_bytes": 7, "schedule": "5s,1m", "daily_audio_seconds": None,
    }  # fmt: skip
    (key,) = await api.ledger.keys(api.project)
    assert key.limits == KeyLimits(3, 7, "5s,1m")


async def test_callbacks_follow_the_schedule_of_the_request_or_else_of_its_key(api: Front) -> None:
    await limit(api, schedule="7s")
    for query, schedule in (("", "7s"), ("&callback_schedule=9s", "9s")):
        await api.call("POST", f"/v1/listen?{CALLBACK}{query}", data=b"RIFF")
        assert order_of((await api.claim()).job.payload).options.callback_schedule == schedule


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"limits": {"requests": -1}},
        {"limits": {"requets": 1}},
        {"limits": {"schedule": "soon"}},
        {"comment": "new"},
    ],
)
async def test_limits_that_make_no_sense_are_refused(api: Front, body: Any) -> None:
    (key,) = await api.ledger.keys(api.project)
    answer = await api.call("PATCH", f"/v1/projects/{api.project}/keys/{key.id}", json=body)
    assert (answer.status, answer.json()["category"]) == (400, "PAYLOAD_ERROR")


async def test_a_member_does_not_set_limits(api: Front) -> None:
    (key,) = await api.ledger.keys(api.project)
    member = await api.add_key("member")
    path = f"/v1/projects/{api.project}/keys"
    assert (await api.call("PATCH", f"{path}/{key.id}", key=member, json={"limits": {}})).status == 403
    nobody = f"{path}/00000000-0000-4000-8000-000000000000"
    assert (await api.call("PATCH", nobody, json={"limits": {}})).status == 404


async def test_what_would_be_fetched_needs_room_too(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: FolderBlobStore) -> None:
        raise DiskFull(1_000)

    monkeypatch.setattr(FolderBlobStore, "check_space", full)
    answer = await api.call("POST", f"/v1/listen?{CALLBACK}", json={"url": "http://127.0.0.1/a.wav"})
    assert (answer.status, answer.json()["error_code"]) == (503, "Service Unavailable")
    assert "no room" in answer.json()["err_msg"]
    assert int(answer.headers["retry-after"]) > 0
    listed = await api.call("GET", f"/v1/projects/{api.project}/requests")
    assert listed.json()["requests"] == []
