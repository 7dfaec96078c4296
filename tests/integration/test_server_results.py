"""Results after the fact over a real server: fetched as they were answered, or why they are not there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import INLINE_LIMIT
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.jobs.job import GivenUp
from ringback.transcription import retention
from ringback.transcription.request import document_key
from ringback.transcription.request import order_of as ordered
from support.clock import ManualClock
from support.front import DOCUMENT, Front, front, large_document
from support.logs import capture_logs
from support.redelivery import NOWHERE, get, post, redeliver, submit, the, transcribed


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_a_result_is_fetched_as_it_was_answered(api: Front) -> None:
    request, _ = await transcribed(api)
    answer = await get(api, f"requests/{request.id}/result")
    assert (answer.status, answer.body, answer.headers["ringback-status"]) == (200, DOCUMENT, "200")


async def test_a_result_that_is_not_there_says_why(api: Front) -> None:
    lease = await submit(api)
    path = f"requests/{lease.job.id}/result"
    assert (await get(api, path)).json()["category"] == "RESULT_NOT_READY"
    assert await api.ledger.cancel(lease.job.id)
    assert (await get(api, path)).json()["category"] == "NO_RESULT"
    assert (await get(api, "requests/lost/result")).json()["category"] == "NOT_FOUND"
    assert (await get(api, f"requests/{NOWHERE}/result")).json()["category"] == "REQUEST_NOT_FOUND"
    large, _ = await transcribed(api, document=b"x" * (INLINE_LIMIT + 1))
    await api.blobs.delete(document_key(large.id))
    with capture_logs() as events:
        lost = await get(api, f"requests/{large.id}/result")
    assert (lost.status, lost.json()["category"]) == (500, "INTERNAL_SERVER_ERROR"), "it is to be there yet"
    assert {"event": "result.lost", "request_id": large.id, "log_level": "warning"} in events


async def test_a_result_that_cannot_be_read_now_is_a_503(api: Front) -> None:
    large, _ = await transcribed(api, document=b"x" * (INLINE_LIMIT + 1))
    blob = api.folder / document_key(large.id)
    blob.unlink()
    blob.mkdir()  # where a file should be: reading it fails
    answer = await get(api, f"requests/{large.id}/result")
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


async def test_what_is_no_longer_kept_is_gone(tmp_path: Path, manual_clock: ManualClock) -> None:
    async with front(tmp_path, clock=manual_clock) as api:
        keeper = retention.RetentionService(
            api.blobs, api.ledger, keep_results=1_000.0, keep_history=5_000.0, keep_usage=5_000.0
        )
        large = large_document(INLINE_LIMIT)
        request, delivery = await transcribed(api, document=large)
        assert delivery is not None
        manual_clock.advance(900)
        (lease,) = await api.ledger.claim(DELIVER, 1, 60)
        assert await api.ledger.settle(lease, GivenUp(500))
        manual_clock.advance(200)
        stopping = asyncio.Event()

        # The transcription's time is over; the delivery's, which ended later, is not: it has the document.
        assert await keeper.round(stopping)
        assert (await get(api, f"requests/{request.id}/result")).body == large
        assert (await get(api, f"requests/{request.id}")).json()["request"]["ringback"][
            "result_kept"
        ] is False
        assert ordered((await the(api, request)).payload).callback is None

        manual_clock.advance(900)
        assert await keeper.round(stopping)
        assert list((api.folder / "result").iterdir()) == []
        removed = await get(api, f"requests/{request.id}/result")
        assert (removed.status, removed.json()["category"]) == (410, "RESULT_NOT_KEPT")
        again = await redeliver(api, request)
        assert (again.status, again.json()["category"]) == (410, "RESULT_NOT_KEPT")
        many = await post(api, "deliveries/redeliver", {})
        assert many.json() == {"redelivered": 0, "skipped": 1, "next": None}
        displayed = (await get(api, f"requests/{request.id}")).json()["request"]
        assert displayed["ringback"]["callback_origin"] == "http://127.0.0.1:8443"
        assert displayed["ringback"]["deliveries"][0]["destination"] == "http://127.0.0.1:8443"

        manual_clock.advance(5_000)
        assert await keeper.round(stopping)
        assert await keeper.round(stopping)
        assert (await get(api, f"requests/{request.id}")).status == 404
