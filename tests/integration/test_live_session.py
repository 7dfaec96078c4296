"""The live handshake and socket over a real server and ledger: who gets in, what it costs, how it ends."""

import asyncio
import json
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from ringback import telemetry
from ringback.jobs.job import JobId, State
from ringback.jobs.usage import UsageDimension, UsageFilter
from ringback.quota import seconds_to_tomorrow
from ringback.server import protocol
from ringback.settings import LimitSettings
from ringback.streaming import stream_service
from ringback.streaming.record import KIND, end_abandoned
from support.clock import ManualClock
from support.front import OWNER, Front, front
from support.live_client import (
    BYTES_PER_SECOND,
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    RAW,
    refusal,
    stream,
)
from support.live_session import SECOND, ScriptedRecognisers, record, spoken, words_of
from support.logs import capture_logs
from support.waiting import eventually, real_pause


@pytest.fixture
def recognisers() -> ScriptedRecognisers:
    return ScriptedRecognisers()


@pytest.fixture
async def api(tmp_path: Path, recognisers: ScriptedRecognisers) -> AsyncIterator[Front]:
    async with front(tmp_path, limits=LimitSettings(streams=3), open_recogniser=recognisers) as opened:
        yield opened


async def test_a_stream_is_served_and_recorded(api: Front) -> None:
    with capture_logs() as logs:
        async with stream(api.port, f"{RAW}&punctuate=true&tag=a&tag=b", key=OWNER) as client:
            assert uuid.UUID(client.request_id)
            assert client.connection.protocol.extensions == []
            await spoken(client)
        job = await record(api, client.request_id)
    assert client.transcript == "Word0."
    assert [message["type"] for message in client.messages] == ["Results", "Metadata"]
    assert (job.kind, job.state, job.code, job.method, job.tags) == (
        KIND,
        State.DONE,
        200,
        "streaming",
        ("a", "b"),
    )
    (event,) = [entry for entry in logs if entry["event"] == "stream.ended"]
    assert event["request_id"] == client.request_id
    assert (event["code"], event["audio_seconds"], event["finals"], event["frames"]) == (1000, 1.0, 1, 1)

    listed = await api.call("GET", f"/v1/projects/{api.project}/requests?method=streaming")
    (request,) = listed.json()["requests"]
    assert (request["request_id"], request["method"], request["code"]) == (
        client.request_id,
        "streaming",
        200,
    )
    assert request["response"]["details"]["duration"] == 1.0


async def test_what_is_not_done_as_asked_is_reported_in_the_metadata(api: Front) -> None:
    query = f"{RAW}&diarize=undefined&punctate=true&language=&version=2024-12-20.0&model=nova-3"
    async with stream(api.port, query, key=OWNER) as client:
        await spoken(client)
    warnings = client.messages[-1]["warnings"]
    assert {warning["parameter"]: warning["type"] for warning in warnings} == dict.fromkeys(
        ("diarize", "language", "punctate", "version"), "ignored"
    )


async def test_active_streams_are_counted(api: Front) -> None:
    async def active() -> int:
        count: int = (await api.call("GET", "/v1/status")).json()["active_stream_requests"]
        return count

    assert await active() == 0
    async with stream(api.port, key=OWNER) as client:
        assert await active() == 1
        assert telemetry.STREAMS._value.get() == 1
        await spoken(client)
    await record(api, client.request_id)
    assert await active() == 0


async def test_one_key_has_no_more_than_its_own(tmp_path: Path, recognisers: ScriptedRecognisers) -> None:
    limits = LimitSettings(streams=10, requests_per_key=1)
    async with front(tmp_path, limits=limits, open_recogniser=recognisers) as api:
        other = await api.add_key("member")
        async with stream(api.port, key=OWNER) as client:
            assert "this key" in words_of(await refusal(api.port, key=OWNER), 429)[1]
            async with stream(api.port, key=other) as another:
                await spoken(another)
            await spoken(client)
        await record(api, client.request_id)
        async with stream(api.port, key=OWNER) as client:
            await spoken(client)


async def test_a_stream_ends_when_the_days_audio_of_its_key_is_used_up(
    tmp_path: Path, recognisers: ScriptedRecognisers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_service, "BEAT_SECONDS", 0.02)
    clock = ManualClock()
    limits = LimitSettings(daily_audio_seconds_per_key=3)
    async with front(tmp_path, clock, limits, open_recogniser=recognisers) as api:
        other = await api.add_key("member")
        async with stream(api.port, key=OWNER) as client:
            await client.send(SECOND * 2)
            await client.wait_for("Results")
            await client.send(SECOND)
            assert await client.closed() == 1008
        assert "audio for today" in (client.connection.close_reason or "")
        assert client.of("Metadata")[0]["duration"] == 3.0
        ended = await record(api, client.request_id)
        assert ended.code == 429
        refused = await refusal(api.port, key=OWNER)
        assert "this key has used its 3 seconds" in words_of(refused, 429)[1]
        assert int(refused.response.headers["retry-after"]) == seconds_to_tomorrow(clock.now())
        async with stream(api.port, key=other) as another:
            await spoken(another)


async def test_what_a_stream_heard_is_counted_once_with_its_end(
    tmp_path: Path, recognisers: ScriptedRecognisers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_service, "BEAT_SECONDS", 0.02)
    limits = LimitSettings(daily_audio_seconds_per_project=1_000)
    async with front(tmp_path, limits=limits, open_recogniser=recognisers) as api:
        async with stream(api.port, key=OWNER) as client:
            for seconds in (1, 2, 3):
                await client.send(SECOND * seconds)
                await eventually(partial(_has_used, api, seconds))
            await client.send(CLOSE_STREAM)
            await client.closed()
        await record(api, client.request_id)
        assert (await api.ledger.audio_used([api.project]))[api.project] == 6.0


async def test_control_messages_keep_their_place(api: Front) -> None:
    async with stream(api.port, key=OWNER) as client:
        await client.send(SECOND[: BYTES_PER_SECOND // 2])
        await client.send(FINALIZE)
        await client.send(SECOND)
        await client.send(KEEP_ALIVE)
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
    flags = [message["from_finalize"] for message in client.of("Results")]
    assert flags[0]
    assert client.of("Metadata")[0]["duration"] == 1.5


async def test_a_message_that_is_too_large_is_closed_with_its_code(
    api: Front, recognisers: ScriptedRecognisers
) -> None:
    async with stream(api.port, key=OWNER, max_size=None) as client:
        with suppress(ConnectionClosed):
            await client.send(bytes(5 << 20))
        assert await client.closed() == 1009
    assert (await record(api, client.request_id)).code == 413
    assert recognisers.all[0].fed == b""


async def test_text_that_is_none_is_closed_with_its_code(api: Front) -> None:
    async with stream(api.port, key=OWNER) as client:
        await client.connection.send(b"\xff\xfe", text=True)
        assert await client.closed() == 1007
    assert (await record(api, client.request_id)).code == 400


async def test_a_client_that_vanishes_leaves_nothing_open(
    api: Front, recognisers: ScriptedRecognisers
) -> None:
    async with stream(api.port, key=OWNER) as client:
        await client.send(SECOND)
        await client.wait_for("Results")
        client.connection.transport.abort()
        job = await record(api, client.request_id)
    assert job.code == 499
    assert recognisers.all[0].abandoned
    assert api.services.streams.active == 0


async def _has_used(api: Front, seconds: float) -> bool:
    return (await api.ledger.audio_used([api.project]))[api.project] >= seconds


async def test_a_client_without_a_pong_is_dead_only_if_it_is_silent(
    tmp_path: Path, recognisers: ScriptedRecognisers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PING_SECONDS", 1.0)
    async with front(tmp_path, open_recogniser=recognisers) as api:
        async with stream(api.port, key=OWNER, reading=False, ping_interval=None) as client:
            client.connection.transport.pause_reading()  # so that no ping of the server's is answered
            for _ in range(30):
                await client.send(SECOND[:3_200])
                await real_pause(0.1, "the frame lasts so long")
            assert api.services.streams.active == 1
            silent_since = api.services.clock.now()
            job = await record(api, client.request_id)  # long before ten seconds of silence
            client.connection.transport.abort()
        assert job.code == 499
        assert job.finished_at is not None
        assert job.finished_at - silent_since < 9


async def test_a_stop_tells_the_last_words(tmp_path: Path, recognisers: ScriptedRecognisers) -> None:
    async with front(tmp_path, open_recogniser=recognisers) as api, stream(api.port, key=OWNER) as client:
        await client.send(SECOND[: BYTES_PER_SECOND // 2])
        await eventually(lambda: bool(recognisers.all[0].fed))
        leaving = asyncio.create_task(api.services.streams.run(stopped()))
        assert await client.closed() == 1001
        await leaving
        assert client.reason == "The server is stopping."
        assert client.transcript == "word0"
        assert words_of(await refusal(api.port, key=OWNER), 503)[0] == "Service Unavailable"
        assert (await record(api, client.request_id)).code == 503


def stopped() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_streams_that_do_not_end_are_cut_off_at_a_stop(
    tmp_path: Path, recognisers: ScriptedRecognisers
) -> None:
    async with front(tmp_path, open_recogniser=recognisers) as api, stream(api.port, key=OWNER) as client:
        recognisers.all[0].room.clear()
        await client.send(SECOND)
        await api.services.streams.run(stopped())  # two seconds of grace
        assert await client.closed() == 1001
        assert (await record(api, client.request_id)).code == 503


async def test_a_stream_whose_record_was_cancelled_is_ended(api: Front) -> None:
    async with stream(api.port, key=OWNER) as client:
        assert await api.ledger.cancel(JobId(client.request_id))
        await api.services.streams._keep_leases()
        assert await client.closed() == 1008
    assert client.reason == "The request was cancelled."
    assert [message["type"] for message in client.messages] == ["Metadata"]


async def test_every_stream_counts_however_it_ends(api: Front) -> None:
    """Heard to its end, cancelled in the middle, erased in the middle."""
    for end in ("closed", "cancelled", "erased"):
        async with stream(api.port, f"{RAW}&tag={end}", key=OWNER) as client:
            await client.send(SECOND)
            await client.send(FINALIZE)
            await client.wait_for("Results")
            path = f"/v1/projects/{api.project}/requests/{client.request_id}"
            if end == "closed":
                await client.send(CLOSE_STREAM)
            elif end == "cancelled":
                assert (await api.call("POST", f"{path}/cancel", key=OWNER, json={})).status == 200
            else:
                assert (await api.call("DELETE", path, key=OWNER)).status == 200
            await client.closed()
    await api.services.streams.run(stopped())
    [project] = await api.ledger.projects()
    everything = UsageFilter(project.id, 0, 10_000_000)
    found = await api.ledger.daily_usage(everything, UsageDimension.TAGS, 10)
    counted = {each.group: each.amount for each in found}
    assert {group: amount.requests for group, amount in counted.items()} == {("closed",): 1, (): 2}
    assert counted[()].seconds == pytest.approx(2 * counted["closed",].seconds)
    assert counted["closed",].seconds > 0


@pytest.mark.parametrize("whole", [False, True], ids=["request", "project"])
async def test_a_stream_that_is_erased_ends_at_once(api: Front, whole: bool) -> None:
    made = (await api.call("POST", "/v1/projects", json={"name": "a tenant"})).json()
    project = f"/v1/projects/{made['project_id']}"
    key = (await api.call("POST", f"{project}/keys", json={"scopes": ["owner"]})).json()["key"]
    async with stream(api.port, key=key) as client:
        path = project if whole else f"{project}/requests/{client.request_id}"
        assert (await api.call("DELETE", path, key=OWNER if whole else key)).status == 200
        assert await client.closed() == 1008
    assert await api.ledger.get(JobId(client.request_id)) is None
    # On record until it has surely settled; a project's stream may have settled before its turn came.
    on_record = list(await api.ledger.erasing(0.0, 10))
    assert on_record == [client.request_id] or (whole and on_record == [])


async def test_the_log_names_no_secret(api: Front) -> None:
    with capture_logs() as logs:
        await refusal(api.port, subprotocols=[Subprotocol("token"), Subprotocol("f" * 40)])
        async with stream(api.port, key=OWNER) as client:
            await spoken(client)
        await record(api, client.request_id)
    text = json.dumps(logs, default=str)
    assert "f" * 40 not in text
    assert OWNER not in text
    assert not re.search("word0", text, re.IGNORECASE)


async def test_the_record_of_a_server_that_died_is_ended_as_a_fault(
    tmp_path: Path, recognisers: ScriptedRecognisers
) -> None:
    async with front(tmp_path, open_recogniser=recognisers) as api, stream(api.port, key=OWNER) as client:
        lost = copied(tmp_path / "ringback.db", tmp_path / "found")
        await spoken(client)
    async with front(lost) as after:
        (lease,) = await after.ledger.claim(KIND, 10, 60)
        assert lease.job.id == client.request_id
        assert await after.ledger.settle(lease, await end_abandoned(lease))
        project = (await after.ledger.projects())[0].id
        found = await after.call("GET", f"/v1/projects/{project}/requests/{client.request_id}")
        assert (found.json()["request"]["code"], found.json()["request"]["method"]) == (500, "streaming")


def copied(ledger: Path, folder: Path) -> Path:
    """The folder of a server that was killed at this moment."""
    folder.mkdir()
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(folder / ledger.name)) as copy:
        source.backup(copy)
    return folder
