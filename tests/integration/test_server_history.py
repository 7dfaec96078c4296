"""The request history over a real ledger and real sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.callbacks.order import RequestOrder
from ringback.jobs.job import Attempt, Done, JobId, Retry
from ringback.listen.options import ListenOptions
from ringback.streaming.record import StreamResult, ended, record_job
from ringback.transcription.request import TranscriptionResult
from support.api_calls import CALLBACK, NOWHERE, SECRET_URL, get, keeps_secrets, submit
from support.front import DOCUMENT, Front, front


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def test_a_request_on_its_way_is_visible(api: Front) -> None:
    job = await submit(api, "model=nova-3&punctuate=true&tag=a&extra=secret:word")
    api.services.progress.reach(job.id, 3.0, 12.0)
    answer = await get(api, f"{{project}}/requests/{job.id}")
    record = answer.json()["request"]
    assert (record["request_id"], record["project_uuid"]) == (job.id, api.project)
    assert (record["path"], record["deployment"], record["code"]) == ("/v1/listen", "self-hosted", None)
    assert record["callback"] == {"attempts": 0, "code": None, "completed": None}
    assert record["response"]["details"]["config"] == {"model": "nova-3", "punctuate": True}
    assert record["response"]["details"]["features"] == ["punctuate"]
    assert record["response"]["details"]["tags"] == ["a"]
    assert "completed" not in record["response"]
    assert record["ringback"]["state"] == "leased"
    assert record["ringback"]["progress"] == {"seconds": 3.0, "duration": 12.0}
    assert record["ringback"]["callback_origin"] == "http://127.0.0.1:8443"
    keeps_secrets(answer.body)


async def test_the_state_of_a_callback_is_visible(api: Front) -> None:
    await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=b"RIFF")
    lease = await api.claim()
    order = DeliveryOrder(
        lease.job.id, SECRET_URL, "POST", 200, None, StoredDocument(inline=DOCUMENT.decode())
    )
    delivery = delivery_job(order, project=api.project, accessor=None)
    ending = msgspec.json.encode(
        TranscriptionResult(StoredDocument(inline=DOCUMENT.decode()), 7.5, 1, NOWHERE)
    )
    assert await api.ledger.settle(lease, Done(200, ending, (delivery,)))
    (first,) = await api.ledger.claim(DELIVER, 1, 60)
    now = api.services.clock.now()
    attempt = Attempt(now, now + 1, "server_error", 500, b'{"address":"192.0.2.7"}')
    assert await api.ledger.settle(first, Retry(30.0, 500, attempt))

    shown_answer = await get(api, f"{{project}}/requests/{lease.job.id}")
    record = shown_answer.json()["request"]
    assert record["callback"] == {"attempts": 1, "code": 500, "completed": None}
    assert record["response"]["code"] == 200
    assert record["response"]["details"]["duration"] == 7.5
    assert record["response"]["details"]["models"] == [NOWHERE]
    (displayed,) = record["ringback"]["deliveries"]
    assert (displayed["id"], displayed["state"]) == (delivery.id, "queued")
    assert datetime.fromisoformat(displayed["next_attempt_at"]).timestamp() > now + 20
    (tried,) = displayed["attempts"]
    assert (tried["outcome"], tried["code"], tried["detail"]) == (
        "server_error",
        500,
        {"address": "192.0.2.7"},
    )

    keeps_secrets(shown_answer.body)


async def test_a_record_stands_at_the_top_level_too(api: Front) -> None:
    job = await submit(api, "tag=a", finish=400)
    document = (await get(api, f"{{project}}/requests/{job.id}")).json()
    record = document.pop("request")
    assert document == record
    assert record["response"]["details"]["models"] == [api.services.catalogue.models()[0].uuid]
    (listed,) = await _listed(api, "")
    assert listed["response"]["details"]["models"] == record["response"]["details"]["models"]


@pytest.mark.parametrize(
    ("headers", "as_text"),
    [
        ({"X-Fern-Language": "Python", "X-Fern-SDK-Version": "5.0.0"}, True),
        ({"X-Fern-Language": "Python", "X-Fern-SDK-Version": "5.3.0"}, True),
        ({"X-Fern-Language": "Python", "X-Fern-SDK-Version": "6.0.2"}, False),
        ({"X-Fern-Language": "JavaScript", "X-Fern-SDK-Version": "5.13.0"}, False),
        ({"User-Agent": "@deepgram/sdk/4.11.3"}, False),
    ],
)
async def test_a_callback_is_shown_as_its_reader_reads_it(
    api: Front, headers: dict[str, str], as_text: bool
) -> None:
    job = await submit(api, finish=200)
    path = f"/v1/projects/{api.project}/requests"
    one = (await api.call("GET", f"{path}/{job.id}", headers=headers)).json()
    listed = (await api.call("GET", path, headers=headers)).json()["requests"][0]
    expected = "http://127.0.0.1:8443" if as_text else {"attempts": 0, "code": None, "completed": None}
    assert [one["callback"], one["request"]["callback"], listed["callback"]] == [expected] * 3


async def test_a_sync_request_has_no_callback(api: Front) -> None:
    waiting = asyncio.create_task(api.call("POST", "/v1/listen", data=b"RIFF"))
    lease = await api.claim()
    await api.finish(lease)
    await waiting
    record = (await get(api, f"{{project}}/requests/{lease.job.id}")).json()["request"]
    assert record["callback"] is None
    assert (record["code"], record["method"]) == (200, "sync")


async def test_the_history_is_paged_newest_first(api: Front) -> None:
    made = [(await submit(api, finish=200)).id for _ in range(5)]
    newest_first = list(reversed(made))
    pages = [
        [record["request_id"] for record in (await _listed(api, f"limit=2.0&page={page}"))]
        for page in range(4)
    ]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:], []]
    whole = (await get(api, "{project}/requests")).json()
    assert (whole["page"], whole["limit"]) == (0, 10)
    assert [record["request_id"] for record in whole["requests"]] == newest_first


async def test_the_history_is_filtered(api: Front) -> None:
    good = (await submit(api, "tag=x", finish=200)).id
    bad = (await submit(api, finish=400)).id
    running = (await submit(api)).id

    async def ids(query: str) -> list[Any]:
        return [record["request_id"] for record in await _listed(api, query)]

    assert await ids("status=succeeded") == [good]
    assert await ids("status=failed") == [bad]
    assert await ids(f"request_id={running.upper()}") == [running]
    assert await ids("tag=x") == [good]
    assert await ids("method=async&endpoint=listen&deployment=self-hosted") == [running, bad, good]
    assert await ids("method=sync") == []
    assert await ids("endpoint=speak") == []
    assert await ids("deployment=hosted") == []
    assert await ids("start=2001-01-01&end=2001-12-31T00:00:00Z") == []
    assert await ids("start=2001-01-01T10:00:00") == [running, bad, good]
    assert await ids(f"accessor={NOWHERE}") == []


async def test_recordings_and_streams_stand_in_one_history(api: Front) -> None:
    made = []
    for number in range(3):
        made.append((await submit(api, finish=200)).id)
        stream = JobId(f"00000000-0000-4000-8000-{number:012}")
        record = record_job(
            RequestOrder(ListenOptions(), "tiny.en"), stream, project=api.project, accessor="k"
        )
        lease = await api.ledger.begin(record, 60)
        ending = StreamResult(StoredDocument(inline="{}"), 2.5, 1)
        assert await api.ledger.settle(lease, ended(lease.job, ending, 200, started_at=1.0, ended_at=2.0))
        made.append(stream)

    async def ids(query: str) -> list[Any]:
        return [record["request_id"] for record in await _listed(api, query)]

    newest_first = made[::-1]
    assert await ids("") == newest_first
    assert [await ids(f"limit=4&page={page}") for page in range(3)] == [
        newest_first[:4],
        newest_first[4:],
        [],
    ]
    assert await ids("method=streaming") == newest_first[::2]
    assert await ids("method=async") == newest_first[1::2]
    displayed = (await get(api, f"{{project}}/requests/{made[1]}")).json()["request"]
    assert (displayed["method"], displayed["callback"], displayed["code"]) == ("streaming", None, 200)
    report = (await get(api, "{project}/usage")).json()["results"]
    assert sum(day["requests"] for day in report) == 6


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1_0",
        "limit=2.5",
        "page=-1",
        "page=99999&limit=1000",
        "status=odd",
        "method=odd",
        "start=yesterday",
        "end=2026-13-01",
        "start=9999999999",
        "start=0001-01-01",
        "end=9999-12-31",
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(api: Front, query: str) -> None:
    answer = await get(api, f"{{project}}/requests?{query}")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_QUERY_PARAMETER")


async def _listed(api: Front, query: str) -> list[dict[str, Any]]:
    answer = await get(api, f"{{project}}/requests?{query}")
    assert answer.status == 200
    records: list[dict[str, Any]] = answer.json()["requests"]
    return records
