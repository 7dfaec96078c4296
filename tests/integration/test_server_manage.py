"""Projects, keys, history, models and status over a real ledger and real sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from structlog.testing import capture_logs

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.callbacks.order import RequestOrder
from ringback.engines.base import Urgency
from ringback.jobs.job import Attempt, Done, Job, JobId, Retry, Signal
from ringback.listen.options import ListenOptions
from ringback.server import usage_routes
from ringback.settings import LimitSettings
from ringback.streaming.record import StreamResult, record_job
from ringback.transcription.request import TranscriptionResult
from support.clock import ManualClock
from support.front import DOCUMENT, OWNER, Answered, Front, front

SECRET_URL = "http://user:secret@127.0.0.1:8443/hook/private?token=1"
CALLBACK = quote(SECRET_URL, safe="")
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Front]:
    async with front(tmp_path) as opened:
        yield opened


async def get(api: Front, path: str, key: str = OWNER) -> Answered:
    return await api.call("GET", path.replace("{project}", f"/v1/projects/{api.project}"), key=key)


async def submit(api: Front, query: str = "", *, finish: int | None = None) -> Job:
    """A callback request; `finish` ends its transcription with this status, without a delivery."""
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}&{query}", data=b"RIFF")
    assert answer.status == 200
    lease = await api.claim()
    if finish is not None:
        await api.finish(lease, status=finish)
    return lease.job


async def test_a_key_sees_its_own_project(api: Front) -> None:
    listed = (await get(api, "/v1/projects")).json()["projects"]
    assert [project["project_id"] for project in listed] == [api.project]
    one = (await get(api, "{project}")).json()
    assert (one["project_id"], one["name"]) == (api.project, listed[0]["name"])
    assert (await get(api, "{project}/balances")).json() == {"balances": []}
    for name, field in (("members", "members"), ("invites", "invites"), ("purchases", "orders")):
        assert (await get(api, f"{{project}}/{name}")).json() == {field: []}


@pytest.mark.parametrize(
    ("path", "category", "message"),
    [
        (f"/v1/projects/{NOWHERE}", "PROJECT_NOT_FOUND", "Project not found."),
        (f"/v1/projects/{NOWHERE}/requests", "PROJECT_NOT_FOUND", "Project not found."),
        ("/v1/projects/lost/keys", "NOT_FOUND", "UUID parsing failed"),
        (f"{{project}}/requests/{NOWHERE}", "REQUEST_NOT_FOUND", "Request not found."),
        ("{project}/requests/lost", "NOT_FOUND", "UUID parsing failed"),
        (f"{{project}}/keys/{NOWHERE}", "KEY_NOT_FOUND", "API key not found."),
        (f"/v1/models/{NOWHERE}", "MODEL_NOT_FOUND", "Model not found."),
        ("/v1/parrot", "NOT_FOUND", "nothing at this path"),
        ("/v1/listen/", "NOT_FOUND", "nothing at this path"),
    ],
)
async def test_what_is_not_there_is_told_in_the_modern_form(
    api: Front, path: str, category: str, message: str
) -> None:
    answer = await get(api, path)
    document = answer.json()
    assert (answer.status, document["category"]) == (404, category)
    assert message in document["message"]
    assert set(document) == {"category", "message", "details", "request_id"}
    assert document["request_id"] == answer.headers["dg-request-id"]
    assert answer.headers["dg-error"] == document["message"]


async def test_a_wrong_method_says_which_are_right(api: Front) -> None:
    answer = await get(api, "/v1/listen")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["err_code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects",
        "{project}",
        "{project}/keys",
        "{project}/requests",
        "{project}/usage",
        "/v1/auth/token",
    ],
)
async def test_no_key_no_answer(api: Front, path: str) -> None:
    answer = await get(api, path, key="c" * 40)
    assert (answer.status, answer.json()["category"]) == (401, "INVALID_AUTH")


async def test_a_key_lives_from_creation_to_deletion(api: Front) -> None:
    made = await api.call(
        "POST",
        f"/v1/projects/{api.project}/keys",
        json={"comment": "for tests", "scopes": ["member"], "tags": ["t"], "time_to_live_in_seconds": 3600},
    )
    assert made.status == 200
    created = made.json()
    key_id, secret = created["api_key_id"], created["key"]
    assert (created["comment"], created["scopes"], created["tags"]) == ("for tests", ["member"], ["t"])
    lifetime = datetime.fromisoformat(created["expiration_date"]) - datetime.now(UTC)
    assert 3500 < lifetime.total_seconds() <= 3600

    known = (await get(api, "/v1/auth/token", key=secret)).json()
    assert (known["api_key_id"], known["scopes"]) == (key_id, ["member"])
    listed = (await get(api, "{project}/keys")).json()["api_keys"]
    assert key_id in [entry["api_key"]["api_key_id"] for entry in listed]
    assert secret.encode() not in (await get(api, "{project}/keys")).body
    one = (await get(api, f"{{project}}/keys/{key_id}")).json()
    assert one["item"]["member"]["api_key"] == one["api_key"]
    assert one["api_key"]["api_key_id"] == key_id

    deleted = await api.call("DELETE", f"/v1/projects/{api.project}/keys/{key_id}")
    assert (deleted.status, list(deleted.json())) == (200, ["message"])
    assert (await get(api, "/v1/projects", key=secret)).status == 401
    again = await api.call("DELETE", f"/v1/projects/{api.project}/keys/{key_id}")
    assert again.status == 404


async def test_a_key_ends_on_its_date(api: Front) -> None:
    now = api.services.clock.now()
    living, dead = (
        await api.add_key("member", expires_at=now + 60),
        await api.add_key("member", expires_at=now),
    )
    assert (await get(api, "/v1/projects", key=living)).status == 200
    assert (await get(api, "/v1/projects", key=dead)).status == 401
    assert len((await get(api, "{project}/keys?status=expired")).json()["api_keys"]) == 1
    assert len((await get(api, "{project}/keys?status=active")).json()["api_keys"]) == 2


@pytest.mark.parametrize(
    ("holder", "wanted", "status"),
    [
        (("owner",), ["owner"], 200),
        (("admin",), ["admin"], 200),
        (("admin",), ["owner"], 403),
        (("keys:write",), ["member"], 403),
        (("member",), ["member"], 403),
        ((), ["member"], 403),
    ],
)
async def test_nobody_gives_away_more_than_they_have(
    api: Front, holder: tuple[str, ...], wanted: list[str], status: int
) -> None:
    key = await api.add_key(*holder)
    path = f"/v1/projects/{api.project}/keys"
    answer = await api.call("POST", path, key=key, json={"comment": "", "scopes": wanted})
    assert answer.status == status
    if status == 403:
        assert answer.json()["category"] == "INSUFFICIENT_PERMISSIONS"
        assert answer.json()["message"] == "User does not have sufficient permissions."


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (None, "INVALID_JSON"),
        (b"", "INVALID_JSON"),
        (b" ", "INVALID_JSON"),
        (b"null", "PAYLOAD_ERROR"),
        (b"[]", "PAYLOAD_ERROR"),
        (b"{", "INVALID_JSON"),
        (b'{"scopes": []}', "PAYLOAD_ERROR"),
        (b'{"comment": 3}', "PAYLOAD_ERROR"),
        (b'{"time_to_live_in_seconds": -1}', "PAYLOAD_ERROR"),
        (b'{"expiration_date": "2001-01-01T00:00:00Z"}', "PAYLOAD_ERROR"),
        (b'{"expiration_date": "9999-12-31T23:59:59.999999Z"}', "PAYLOAD_ERROR"),
        (b'{"comment": "\\ud800"}', "INVALID_JSON"),
        (b'{"expiration_date": "2101-01-01T00:00:00Z", "time_to_live_in_seconds": 5}', "PAYLOAD_ERROR"),
    ],
)
async def test_a_key_that_cannot_be_made(api: Front, body: bytes | None, category: str) -> None:
    before = await api.ledger.keys(api.project)
    answer = await api.call("POST", f"/v1/projects/{api.project}/keys", data=body)
    assert (answer.status, answer.json()["category"]) == (400, category)
    assert await api.ledger.keys(api.project) == before


@pytest.mark.parametrize("ttl", [0, -1, 3601])
async def test_a_token_lives_an_hour_at_most(api: Front, ttl: int) -> None:
    assert (await api.call("POST", "/v1/auth/grant", json={"ttl_seconds": ttl})).status == 400


async def test_a_token_lives_half_a_minute_unless_asked(api: Front) -> None:
    assert (await api.call("POST", "/v1/auth/grant")).json()["expires_in"] == 30


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
    _keeps_secrets(answer.body)


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
    (shown,) = record["ringback"]["deliveries"]
    assert (shown["id"], shown["state"]) == (delivery.id, "queued")
    assert datetime.fromisoformat(shown["next_attempt_at"]).timestamp() > now + 20
    (tried,) = shown["attempts"]
    assert (tried["outcome"], tried["code"], tried["detail"]) == (
        "server_error",
        500,
        {"address": "192.0.2.7"},
    )

    _keeps_secrets(shown_answer.body)


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
        ending = msgspec.json.encode(StreamResult(StoredDocument(inline="{}"), 2.5, 1))
        assert await api.ledger.settle(lease, Done(200, ending))
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
    shown = (await get(api, f"{{project}}/requests/{made[1]}")).json()["request"]
    assert (shown["method"], shown["callback"], shown["code"]) == ("streaming", None, 200)
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


async def test_usage_adds_up_the_ledger(api: Front) -> None:
    for _ in range(2):
        await submit(api, finish=200)
    today = datetime.now(UTC).date().isoformat()
    report = (await get(api, f"{{project}}/usage?start={today}&end={today}")).json()
    assert (report["start"], report["end"]) == (today, today)
    assert report["resolution"] == {"units": "day", "amount": 1}
    (day,) = report["results"]
    assert (day["requests"], day["hours"]) == (2, pytest.approx(15.0 / 3600))
    assert (day["tokens"], day["tts"]) == ({"in": 0, "out": 0}, {"characters": 0, "requests": 0})
    assert report["ringback"]["complete"] is True


async def test_usage_is_broken_down_by_what_was_asked(api: Front) -> None:
    await submit(api, "tag=a&tag=b&punctuate=true", finish=200)
    await submit(api, "tag=a&model=nova-3", finish=200)
    await submit(api, "tag=a&punctuate=true&filler_words=true", finish=400)
    today = datetime.now(UTC).date().isoformat()

    async def groups(query: str) -> dict[str, int]:
        report = (await get(api, f"{{project}}/usage/breakdown?{query}")).json()
        grouping = query.partition("&")[0].removeprefix("grouping=")
        for item in report["results"]:
            assert set(item) == {
                *("hours", "total_hours", "agent_hours", "tokens_in", "tokens_out", "tts_characters"),
                *("requests", "grouping"),
            }
            assert (item["grouping"]["start"], item["grouping"]["end"]) == (today, today)
        return {item["grouping"].get(grouping): item["requests"] for item in report["results"]}

    key = (await api.ledger.keys(api.project))[0].id
    assert await groups("") == {None: 3}
    assert await groups("grouping=tags") == {"a": 2, "a,b": 1}
    assert await groups("grouping=feature_set") == {"": 1, "punctuate": 1, "punctuate,filler_words": 1}
    assert await groups("grouping=accessor") == {key: 3}
    assert await groups("grouping=models&tag=b") == {"tiny.en": 1}
    assert await groups("grouping=method&punctuate=true&filler_words=false") == {"async": 1}
    assert await groups("grouping=endpoint&model=nova") == {}
    assert await groups("grouping=deployment&callback=true&status=failed") == {"self-hosted": 1}
    assert await groups("grouping=deployment&callback=false") == {}
    answer = await get(api, "{project}/usage/breakdown?grouping=colour")
    assert (answer.status, answer.json()["category"]) == (400, "INVALID_QUERY_PARAMETER")
    assert (await get(api, "{project}/usage?punctuate=perhaps")).status == 400
    assert (await get(api, "{project}/usage?tag=b")).json()["results"][0]["requests"] == 1


async def test_the_fields_of_usage_are_those_that_were_asked_for(api: Front) -> None:
    await submit(api, "tag=b&tag=a&punctuate=true", finish=200)
    await submit(api, "tag=a&language=en-US", finish=400)
    model = api.services.catalogue.models()[0]
    told = {"name": model.name, "version": model.version, "model_id": model.uuid}
    fields = (await get(api, "{project}/usage/fields")).json()
    assert fields == {
        "tags": ["a", "b"],
        "models": [{**told, "language": "en"}, {**told, "language": "en-US"}],
        "processing_methods": ["async"],
        "features": ["punctuate"],
        "languages": ["en", "en-US"],
        "ringback": {"complete": True},
    }
    empty = (await get(api, "{project}/usage/fields?end=2001-01-01")).json()
    assert (empty["tags"], empty["models"], empty["languages"]) == ([], [], [])


async def test_usage_says_when_it_left_out_the_oldest(api: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_routes, "USAGE_PAGE", 2)
    for most, counted, complete in ((4, 4, False), (6, 5, True)):
        monkeypatch.setattr(usage_routes, "USAGE_MOST", most)
        for _ in range(0 if complete else 5):
            await submit(api, finish=200)
        report = (await get(api, "{project}/usage")).json()
        (day,) = report["results"]
        assert (day["requests"], day["hours"]) == (counted, pytest.approx(counted * 7.5 / 3600))
        assert report["ringback"]["complete"] is complete


@pytest.mark.parametrize("path", ["/v1/models", "{project}/models"])
async def test_models_tell_the_truth(api: Front, path: str) -> None:
    model = api.services.catalogue.models()[0]
    listed = (await get(api, path)).json()
    assert listed["tts"] == []
    assert (listed["stt"][0]["name"], listed["stt"][0]["uuid"]) == (model.name, model.uuid)
    assert listed["stt"][0]["batch"] is listed["stt"][0]["streaming"] is True
    assert (await get(api, f"{path}/{model.uuid}")).json() == listed["stt"][0]


async def test_models_need_no_key(api: Front) -> None:
    answer = await api.call("GET", "/v1/models?include_outdated=true", key=None)
    assert answer.status == 200


async def test_the_status_follows_the_engine(api: Front) -> None:
    for state, health, ready in (
        ("starting", "Initializing", 503),
        ("ready", "Healthy", 200),
        ("restarting", "Degraded", 503),
    ):
        api.engine.state = state
        assert (await api.call("GET", "/v1/status", key=None)).json()["system_health"] == health
        assert (await api.call("GET", "/v1/status/engine", key=None)).status == ready


async def test_a_ready_engine_says_so_in_the_words_that_helm_looks_for(api: Front) -> None:
    answer = await api.call("GET", "/v1/status/engine", key=None)
    assert answer.body.startswith(b'{"engine_connection_status":"Connected"')


async def test_work_that_is_over_is_no_longer_counted(api: Front) -> None:
    await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=b"RIFF")
    lease = await api.claim()
    running = await api.call("GET", "/metrics", key=None)
    assert b'ringback_jobs{kind="transcribe",state="leased"} 1.0' in running.body
    await api.finish(lease)
    over = await api.call("GET", "/metrics", key=None)
    assert b'ringback_jobs{kind="transcribe",state="leased"} 0.0' in over.body
    assert b'ringback_jobs{kind="deliver",state="queued"} 0.0' in over.body


async def test_running_work_is_counted(api: Front) -> None:
    await submit(api)
    assert (await api.call("GET", "/v1/status", key=None)).json()["active_batch_requests"] == 1
    metrics = await api.call("GET", "/metrics", key=None)
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b'ringback_jobs{kind="transcribe",state="leased"} 1.0' in metrics.body
    assert b'ringback_requests_total{endpoint="listen",method="async",status="200"}' in metrics.body


async def test_what_waits_for_the_engine_is_counted(api: Front) -> None:
    api.engine.load = {Urgency.LIVE_FINAL: 1, Urgency.LIVE_PARTIAL: 2, Urgency.RECORDING: 30}
    metrics = (await api.call("GET", "/metrics", key=None)).body.decode()
    for urgency, segments in (("live_final", 1), ("live_partial", 2), ("recording", 30)):
        assert f'ringback_engine_segments{{urgency="{urgency}"}} {segments}.0' in metrics


async def test_what_nobody_foresaw_is_a_500_whose_text_nobody_sees(
    api: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError(SECRET_URL)

    monkeypatch.setattr(api.services.catalogue, "models", fail)
    with capture_logs() as events:
        answer = await get(api, "/v1/models")
    assert answer.status == 500
    assert answer.json()["category"] == "INTERNAL_SERVER_ERROR"
    assert b"Traceback" not in answer.body
    (failed,) = events
    assert (failed["event"], failed["request_id"]) == ("request.failed", answer.headers["dg-request-id"])
    assert (failed["error"], "in fail" in str(failed["frames"])) == ("RuntimeError", True)
    _keeps_secrets(str(events).encode())


@pytest.mark.parametrize("path", ["/v1/projects", "{project}/keys", "{project}/requests", "{project}/usage"])
async def test_without_a_ledger_a_route_says_when_to_come_back(api: Front, path: str) -> None:
    await api.ledger.close()
    with capture_logs() as events:
        answer = await get(api, path)
    assert (answer.status, answer.json()["category"]) == (503, "Service Unavailable")
    assert int(answer.headers["retry-after"]) > 0
    (away,) = events
    assert (away["event"], away["request_id"]) == ("ledger.unavailable", answer.headers["dg-request-id"])


async def test_work_that_nobody_takes_up_makes_the_server_unready(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with front(tmp_path, manual_clock, LimitSettings(oldest_due_seconds=100)) as api:
        await api.call("POST", f"/v1/listen?callback={CALLBACK}", data=b"RIFF")
        for waited, status, health in ((0, 200, "Healthy"), (100, 200, "Healthy"), (1, 503, "Critical")):
            manual_clock.advance(waited)
            answer = await get(api, "/v1/status")
            assert (answer.status, answer.json()["system_health"]) == (status, health)
        metrics = await api.call("GET", "/metrics", key=None)
        assert b'ringback_oldest_ready_seconds{kind="transcribe"} 101.0' in metrics.body
        await api.claim()
        assert (await get(api, "/v1/status")).status == 200


async def test_what_waits_for_a_dead_receiver_does_not_make_the_server_unready(
    tmp_path: Path, manual_clock: ManualClock
) -> None:
    async with front(tmp_path, manual_clock, LimitSettings(oldest_due_seconds=1)) as api:
        job = await submit(api)
        for _ in range(40):
            order = DeliveryOrder(job.id, SECRET_URL, "POST", 200, None, StoredDocument(inline="{}"))
            await api.ledger.add([delivery_job(order, project=api.project, accessor=None)])
        for _ in range(5):
            for lease in await api.ledger.claim(DELIVER, 64, 60):
                await api.ledger.settle(lease, Retry(600.0, signal=Signal.BAD))
        manual_clock.advance(4)
        assert (await get(api, "/v1/status")).status == 200


async def test_without_a_ledger_the_server_is_not_ready(api: Front) -> None:
    await api.ledger.close()
    answer = await get(api, "/v1/status")
    critical = {"system_health": "Critical", "reason": "the ledger cannot be read"}
    assert (answer.status, answer.json()) == (503, critical)


async def _listed(api: Front, query: str) -> list[dict[str, Any]]:
    answer = await get(api, f"{{project}}/requests?{query}")
    assert answer.status == 200
    records: list[dict[str, Any]] = answer.json()["requests"]
    return records


def _keeps_secrets(body: bytes) -> None:
    for secret in (b"hook/private", b"token=1", b"user", b"secret"):
        assert secret not in body


H2C = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}


async def test_an_offer_of_http_2_leaves_the_body_of_every_route_alone(api: Front) -> None:
    """As `curl --http2` and Java's HttpClient send it on cleartext."""
    wanted = {"scopes": ["usage:read"], "time_to_live_in_seconds": 60}
    made = await api.call("POST", f"/v1/projects/{api.project}/keys", headers=H2C, json=wanted)
    assert (made.status, made.json()["scopes"]) == (200, ["usage:read"])
    assert made.json()["expiration_date"] is not None
    token = await api.call("POST", "/v1/auth/grant", headers=H2C, json={"ttl_seconds": 77})
    assert token.json()["expires_in"] == 77
    path = f"/v1/projects/{api.project}/deliveries/redeliver"
    assert (await api.call("POST", path, headers=H2C, json={"dry_run": True})).json()["dry_run"]
    assert (await api.call("POST", path, headers=H2C, json={"dry-run": True})).status == 400
