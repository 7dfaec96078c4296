"""`Idempotency-Key` over a real ledger and real sockets: one word, one job, whatever goes wrong between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ringback.blobs import FolderBlobStore
from ringback.jobs.job import Allowance, JobFilter, NewJob
from ringback.jobs.store import LedgerUnavailable
from ringback.settings import LimitSettings
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription.request import KIND
from support.blobs import keys_of
from support.front import DOCUMENT, Answered, Front, front
from support.logs import capture_logs
from support.waiting import PATIENCE, eventually

AUDIO = b"RIFF" + bytes(range(256)) * 40
CALLBACK = f"callback={quote('http://127.0.0.1:9/hook', safe='')}"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def send(api: Front, word: str | None, query: str = CALLBACK, **body: Any) -> Answered:
    headers = {} if word is None else {"Idempotency-Key": word}
    key = body.pop("key", None)
    chosen = {} if key is None else {"key": key}
    return await api.call(
        "POST", f"/v1/listen?{query}", headers=headers, **(body or {"data": AUDIO}), **chosen
    )


async def jobs(api: Front) -> list[str]:
    return [job.id for job in (await api.ledger.page(JobFilter(api.project, KIND), 100)).jobs]


async def recordings(api: Front) -> list[str]:
    return [key.partition("/")[2] for key in await keys_of(api.blobs, "audio")]


async def test_the_same_word_for_the_same_request_is_the_same_request(api: Front) -> None:
    first = await send(api, "monday", f"{CALLBACK}&tag=a&tag=b")
    again = await send(api, "monday", f"tag=b&{CALLBACK}&tag=a")
    assert (first.status, again.status) == (200, 200)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["dg-request-id"] == first.json()["request_id"]
    assert await jobs(api) == await recordings(api) == [first.json()["request_id"]]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"{CALLBACK}&punctuate=true", {"data": AUDIO}),
        (CALLBACK, {"data": AUDIO + b"!"}),
        (CALLBACK, {"json": {"url": "http://127.0.0.1/a.wav"}}),
    ],
)
async def test_the_same_word_for_another_wish_is_a_mistake(api: Front, query: str, body: Any) -> None:
    first = await send(api, "monday")
    other = await send(api, "monday", query, **body)
    assert (other.status, other.json()["err_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await jobs(api) == await recordings(api) == [first.json()["request_id"]]


async def test_a_url_is_a_wish_like_a_recording(api: Front) -> None:
    request = {"url": "http://127.0.0.1/a.wav?signature=1"}
    first = await send(api, "monday", json=request)
    assert (await send(api, "monday", json=request)).json() == first.json()
    other = await send(api, "monday", json={"url": "http://127.0.0.1/a.wav?signature=2"})
    assert other.status == 422


async def test_a_word_belongs_to_its_key(api: Front) -> None:
    other = await api.add_key("member")
    first = await send(api, "monday")
    second = await send(api, "monday", key=other)
    assert first.json() != second.json()


async def test_of_many_at_once_one_is_accepted(api: Front) -> None:
    answers = await asyncio.gather(*(send(api, "race") for _ in range(12)))
    assert {answer.status for answer in answers} == {200}
    (request_id,) = {answer.json()["request_id"] for answer in answers}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await jobs(api) == await recordings(api) == [request_id]


async def test_a_word_outlives_a_restart(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        first = await send(api, "monday")
    async with front(tmp_path) as api:
        assert (await send(api, "monday")).json() == first.json()


@pytest.mark.parametrize("word", ["", " ", "x" * 256, "caf\u00e9"])
async def test_a_key_that_cannot_be_stored_is_refused(api: Front, word: str) -> None:
    answer = await send(api, word)
    assert (answer.status, answer.json()["err_code"]) == (400, "INVALID_HEADER")
    assert await jobs(api) == []


async def test_waiting_callers_with_one_word_wait_for_one_job(api: Front) -> None:
    both = [asyncio.create_task(send(api, "monday", "")) for _ in range(2)]
    lease = await api.claim()
    await api.finish(lease)
    answers = await asyncio.gather(*both)
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 1
    assert [answer.body for answer in answers] == [DOCUMENT, DOCUMENT]
    assert {answer.headers["dg-request-id"] for answer in answers} == {lease.job.id}
    third = await send(api, "monday", "")
    assert (third.status, third.body) == (200, DOCUMENT)


async def test_a_caller_who_can_ask_again_may_leave(tmp_path: Path) -> None:
    async with front(tmp_path, limits=LimitSettings(processing_seconds=0.2)) as api:
        assert (await send(api, "monday", "")).status == 504
        await api.finish(await api.claim())
        again = await send(api, "monday", "")
        assert (again.status, again.body) == (200, DOCUMENT)


async def test_a_caller_who_can_ask_again_may_hang_up(api: Front) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = ["POST /v1/listen HTTP/1.1", "Host: x", f"Authorization: Token {'a' * 40}"]
    head += ["Idempotency-Key: monday", f"Content-Length: {len(AUDIO)}"]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + AUDIO)
    lease = await api.claim()
    with capture_logs() as events:
        writer.transport.abort()
        await eventually(lambda: bool(events))
    assert [(event["event"], event["status"]) for event in events] == [("request.answered", 499)]
    again = asyncio.create_task(send(api, "monday", ""))
    await api.finish(lease)
    assert (await again).body == DOCUMENT


async def test_a_request_that_was_cancelled_has_no_answer(api: Front) -> None:
    waiting = asyncio.create_task(send(api, "monday", ""))
    lease = await api.claim()
    await api.ledger.cancel(lease.job.id)
    answer = await waiting
    assert (answer.status, answer.json()["err_code"]) == (409, "REQUEST_CANCELLED")


async def test_no_5xx_leaves_once_a_request_is_stored(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can go wrong after the job is committed goes wrong; the answer stays a 200."""
    real = SqliteLedger.add

    async def add_and_go_away(
        ledger: SqliteLedger, new: list[NewJob], allowance: Allowance | None = None
    ) -> None:
        await real(ledger, new, allowance)
        await ledger.close()

    monkeypatch.setattr(SqliteLedger, "add", add_and_go_away)
    answer = await send(api, None)
    assert answer.status == 200
    assert await recordings(api) == [answer.json()["request_id"]]


async def test_a_loser_whose_recording_cannot_be_deleted_is_answered_all_the_same(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError("the disk is away")

    first = await send(api, "monday")
    monkeypatch.setattr(FolderBlobStore, "delete", broken)
    again = await send(api, "monday")
    assert (again.status, again.json()) == (200, first.json())


async def test_a_client_that_is_gone_when_it_is_answered_changes_nothing(api: Front) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = [f"POST /v1/listen?{CALLBACK} HTTP/1.1", "Host: x", f"Authorization: Token {'a' * 40}"]
    head += ["Idempotency-Key: monday", f"Content-Length: {len(AUDIO)}"]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + AUDIO)
    await writer.drain()
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        while not await jobs(api):
            answer = await send(api, "monday")
    (request_id,) = await jobs(api)
    answer = await send(api, "monday")
    assert (answer.status, answer.json()["request_id"]) == (200, request_id)


async def test_a_ledger_that_fails_before_it_is_stored_leaves_nothing(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise LedgerUnavailable("locked")

    with monkeypatch.context() as broken:
        broken.setattr(SqliteLedger, "add", away)
        assert (await send(api, "monday")).status == 503
    assert await recordings(api) == []
    assert (await send(api, "monday")).status == 200
