"""Callbacks of live streams, over a real server, ledger and receivers: what arrives, in which order, and
what happens when it does not."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from standardwebhooks import Webhook
from websockets.asyncio.server import ServerConnection

from ringback.bootstrap.values import attempt_limits, server_schedule
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery_handler import Deliverer
from ringback.callbacks.signers import Signers
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.jobs.job import Job, JobId, State
from ringback.jobs.store import LedgerUnavailable
from ringback.jobs.worker import Worker
from ringback.settings import CallbackSettings
from ringback.streaming import http_relay
from support.front import OWNER, Front, front
from support.live_client import (
    BYTES_PER_SECOND,
    CLOSE_STREAM,
    RAW,
    LiveClient,
    open_scripted_recogniser,
    stream,
)
from support.receiver import Received, Receiver
from support.sealing import SEAL
from support.sockets import Called, SocketReceiver
from support.waiting import PATIENCE, eventually

SECOND = bytes(BYTES_PER_SECOND)
QUICK = CallbackSettings(retries=20, retry_delay=0.05, timeout=60.0)


@asynccontextmanager
async def running_api(
    folder: Path, settings: CallbackSettings = QUICK, *, deliver: bool = True
) -> AsyncIterator[Front]:
    """The server, with the worker that delivers."""
    clock, policy = SystemClock(), Policy(("127.0.0.1",))
    async with (
        front(folder, callback=settings, open_recogniser=open_scripted_recogniser) as api,
        EgressClient(policy, clock) as egress,
    ):
        deliverer = Deliverer(
            egress,
            policy,
            api.blobs,
            attempt_limits(settings),
            server_schedule(settings),
            seal=SEAL,
            sign=Signers(api.ledger, SEAL, clock).sign,
            clock=clock,
            read_attempts=api.ledger.attempts,
        )
        worker = Worker(DELIVER, api.ledger, deliverer, concurrency=8, lease_seconds=30, clock=clock)
        stopping = asyncio.Event()
        working = asyncio.create_task(worker.run(stopping)) if deliver else None
        try:
            yield api
        finally:
            stopping.set()
            if working is not None:
                await working


def query(url: str, more: str = "") -> str:
    return f"{RAW}&callback={quote(url, safe='')}{more}"


async def speak_and_close(client: LiveClient, seconds: int = 3) -> None:
    for _ in range(seconds):
        await client.send(SECOND)
    await client.send(CLOSE_STREAM)
    assert await client.closed() == 1000


def said(messages: list[dict[str, Any]]) -> list[str]:
    """What a receiver got, in short: the words of Results, the names of all else."""
    return [
        message["channel"]["alternatives"][0]["transcript"]
        if message["type"] == "Results"
        else message["type"]
        for message in messages
    ]


THREE_SECONDS = ["word0", "word1", "word2", "Metadata"]


# A WebSocket


async def test_a_socket_gets_every_response_and_the_client_none(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api, SocketReceiver() as receiver:
        url = receiver.url.replace("ws://", "ws://user:secret@")
        async with stream(api.port, query(url, "&extra=meeting:7"), key=OWNER) as client:
            await client.send('{"type":"Nonsense"}')
            await speak_and_close(client)
        (call,) = await receiver.wait_for(lambda calls: calls[0].code is not None)
        keys = await api.services.keys.keys(api.project)
    messages = [json.loads(message) for message in call.messages]
    assert said(messages) == THREE_SECONDS
    assert messages[0]["metadata"]["extra"] == {"meeting": "7"}
    assert (call.code, [message["type"] for message in client.messages]) == (1000, ["Error"])
    assert call.headers["authorization"] == "Basic " + base64.b64encode(b"user:secret").decode()
    assert call.headers["dg-request-id"] == call.headers["webhook-id"] == client.request_id
    assert call.headers["ringback-sequence"] == "1"
    assert call.headers["dg-token"] == keys[0].id


async def test_the_handshake_to_a_socket_is_signed(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api, SocketReceiver() as receiver:
        async with stream(api.port, query(receiver.url), key=OWNER) as client:
            await speak_and_close(client, 1)
        keys = await api.services.keys.keys(api.project)
        secrets = await api.services.signers.open_secrets(keys[0].id)
        signed = {
            name: receiver.calls[0].headers[name] for name in receiver.calls[0].headers if "webhook" in name
        }
    signed["webhook-signature"] = next(
        each for each in signed["webhook-signature"].split() if each.startswith("v1,")
    )
    with pytest.raises(json.JSONDecodeError):  # verified; there is nothing to read in an empty body
        Webhook(secrets[0].text).verify("", signed)


async def test_the_latest_words_are_shown_while_the_stream_is_open(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api:
        async with stream(api.port, key=OWNER) as client:
            path = f"/v1/projects/{api.project}/requests/{client.request_id}/live"
            assert (await api.call("GET", path)).json()["lines"] == []
            await client.send(SECOND)
            await client.wait_for("Results")
            assert (await api.call("GET", path)).json() == {
                "request_id": client.request_id,
                "lines": [{"channel": 0, "start": 0.0, "speaker": None, "text": "word0", "final": True}],
            }
            assert (await api.call("GET", path, key=await api.add_key("keys:write"))).status == 403
            assert (await api.call("GET", path, key=await api.add_key("requests:own"))).status == 404
            await speak_and_close(client, 1)
        await api.ledger.wait_for_end(JobId(client.request_id))
        assert (await api.call("GET", path)).json()["category"] == "STREAM_NOT_OPEN"


async def test_the_catcher_gets_each_response_as_a_receiver_would(tmp_path: Path) -> None:
    catcher = "https://catcher.ringback.invalid/"
    async with running_api(tmp_path) as api:
        async with stream(api.port, query(catcher), key=OWNER) as client:
            await speak_and_close(client, 2)
        path = f"/v1/projects/{api.project}/requests/{client.request_id}"

        async def caught() -> list[dict[str, Any]]:
            deliveries = (await api.call("GET", path)).json()["ringback"]["deliveries"]
            return [attempt["detail"]["caught"] for each in deliveries for attempt in each["attempts"]]

        async def all_caught() -> bool:
            return len(await caught()) == 3

        await eventually(all_caught)
        requests = await caught()
        secrets = await api.services.signers.open_secrets((await api.services.keys.keys(api.project))[0].id)
    assert [each["headers"]["ringback-sequence"] for each in requests] == ["1", "2", "3"]
    assert {each["method"] for each in requests} == {"POST"}
    assert all(each["headers"]["webhook-signature"].startswith("v1,") for each in requests)
    assert all(each["bytes"] > 100 for each in requests)
    assert secrets[0].text not in str(requests)


TRACE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "vendor=1"}


async def test_the_clients_trace_goes_on_to_sockets_and_over_http(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api, SocketReceiver() as receiver:
        async with stream(api.port, query(receiver.url), key=OWNER, headers=TRACE) as client:
            await speak_and_close(client, 1)
        assert receiver.calls[0].headers.items() >= TRACE.items()
        with Receiver() as http:
            async with stream(api.port, query(http.url), key=OWNER, headers=TRACE) as client:
                await speak_and_close(client, 1)
            arrived = await asyncio.to_thread(http.wait_for, lambda received: len(received) == 2)
            hostile = {"traceparent": TRACE["traceparent"] + "\tx", "tracestate": "vendor=1"}
            async with stream(api.port, query(http.url), key=OWNER, headers=hostile) as client:
                await speak_and_close(client, 1)
            *_, without = await asyncio.to_thread(http.wait_for, lambda received: len(received) == 4)
    assert all(each.headers.items() >= TRACE.items() for each in arrived)
    assert not TRACE.keys() & without.headers.keys()


async def test_both_get_the_responses_where_it_is_asked_for(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api, SocketReceiver() as receiver:
        async with stream(api.port, query(receiver.url, "&inspect_response=true"), key=OWNER) as client:
            await speak_and_close(client)
        await receiver.wait_for(lambda calls: calls[0].code is not None)
    assert [json.loads(message) for message in receiver.calls[0].messages] == client.messages
    assert said(client.messages) == THREE_SECONDS


async def hang_up_after_one(called: Called, connection: ServerConnection) -> None:
    called.messages.append(str(await connection.recv()))


async def break_off_after_one(called: Called, connection: ServerConnection) -> None:
    called.messages.append(str(await connection.recv()))
    called.drop()


@pytest.mark.parametrize("temper", [hang_up_after_one, break_off_after_one])
async def test_a_lost_socket_kills_the_stream_at_once(tmp_path: Path, temper: Any) -> None:
    async with running_api(tmp_path) as api, SocketReceiver(temper) as receiver:
        async with stream(api.port, query(receiver.url), key=OWNER) as client:
            await client.send(SECOND)
            await receiver.wait_for(lambda calls: bool(calls[0].messages))
            lost = time.monotonic()
            assert await client.closed(PATIENCE) == 1011
            took = time.monotonic() - lost
        job = await api.ledger.wait_for_end(JobId(client.request_id))
    print(f"a lost callback ended its stream after {took * 1000:.0f} ms")
    assert client.reason == "The callback's connection was lost, and with it this stream's results."
    assert job.code == 502


async def test_a_client_that_hangs_up_is_heard_to_its_end(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api, SocketReceiver() as receiver:
        async with stream(api.port, query(receiver.url), key=OWNER) as client:
            await client.send(SECOND + SECOND[: BYTES_PER_SECOND // 2])
        (call,) = await receiver.wait_for(lambda calls: calls[0].code is not None)
        job = await api.ledger.wait_for_end(JobId(client.request_id))
    assert said([json.loads(message) for message in call.messages]) == ["word0", "word1", "Metadata"]
    assert (call.code, job.code) == (1000, 200)


async def test_a_lost_socket_may_be_opened_again_with_nothing_missing(tmp_path: Path) -> None:
    """Every message arrives, in order; what may have been read before is sent again under its old number."""

    async def take_two(called: Called, connection: ServerConnection) -> None:
        first = len(receiver.calls) == 1
        async for message in connection:
            called.messages.append(str(message))
            await receiver.tell()
            if first and len(called.messages) == 2:
                called.drop()

    settings = CallbackSettings(reconnect_seconds=20.0)
    async with running_api(tmp_path, settings) as api, SocketReceiver(take_two) as receiver:
        async with stream(api.port, query(receiver.url), key=OWNER) as client:
            for _ in range(20):
                await client.send(SECOND)
            await receiver.wait_for(lambda calls: len(calls) == 2)
            for _ in range(10):
                await client.send(SECOND)
            await client.send(CLOSE_STREAM)
            assert await client.closed() == 1000
        await receiver.wait_for(lambda calls: calls[1].code == 1000)
    numbered: dict[int, str] = {}
    for call in receiver.calls:
        for number, message in enumerate(call.messages, int(call.headers["ringback-sequence"])):
            assert numbered.setdefault(number, message) == message, "the same number, the same message"
    assert sorted(numbered) == list(range(1, 32))
    recognised = said([json.loads(numbered[number]) for number in sorted(numbered)])
    assert recognised == [*(f"word{n}" for n in range(30)), "Metadata"]


async def test_a_socket_that_does_not_come_back_in_time_ends_the_stream(tmp_path: Path) -> None:
    settings = CallbackSettings(reconnect_seconds=0.5)
    async with (
        running_api(tmp_path, settings) as api,
        SocketReceiver(hang_up_after_one) as receiver,
        stream(api.port, query(receiver.url), key=OWNER) as client,
    ):
        await client.send(SECOND)
        await receiver.wait_for(lambda calls: bool(calls[0].messages))
        await receiver.stop()
        assert await client.closed(PATIENCE) == 1011


# HTTP


async def bodies(receiver: Receiver, count: int) -> list[Received]:
    return await asyncio.to_thread(receiver.wait_for, lambda arrived: len(arrived) >= count, 30)


async def test_a_receiver_gets_one_request_per_response_in_order(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api:
        with Receiver() as receiver:
            async with stream(api.port, query(receiver.url, "&callback_method=put"), key=OWNER) as client:
                await speak_and_close(client, 12)
            arrived = await bodies(receiver, 13)
        children = await api.ledger.children(JobId(client.request_id), 100)
        for child in children:
            await api.ledger.wait_for_end(child.id)
    assert said([json.loads(each.body) for each in arrived]) == [*(f"word{n}" for n in range(12)), "Metadata"]
    assert [each.headers["ringback-sequence"] for each in arrived] == [str(n) for n in range(1, 14)]
    assert {each.headers["dg-request-id"] for each in arrived} == {client.request_id}
    assert len({each.headers["webhook-id"] for each in arrived}) == 13
    assert client.messages == []


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "delete"])
async def test_the_method_is_the_callers_choice(tmp_path: Path, method: str) -> None:
    async with running_api(tmp_path) as api:
        with Receiver() as receiver:
            where = query(receiver.url, f"&callback_method={method}")
            async with stream(api.port, where, key=OWNER) as client:
                await speak_and_close(client, 1)
            arrived = await bodies(receiver, 2)
    assert [each.method for each in arrived] == [method.upper()] * 2
    assert said([each.json() for each in arrived]) == ["word0", "Metadata"]


async def test_those_behind_a_parked_response_are_parked_with_it_and_the_next_is_tried_afresh(
    tmp_path: Path,
) -> None:
    """docs/live.md, Callbacks of live streams."""
    refusing = True

    def moody(_: Received) -> int:
        return 500 if refusing else 200

    async with running_api(tmp_path, CallbackSettings(retries=1, retry_delay=1.0, timeout=60.0)) as api:
        with Receiver(moody) as receiver:
            async with stream(api.port, query(receiver.url), key=OWNER) as client:
                for _ in range(3):
                    await client.send(SECOND)
                parked = await parked_of(api, client.request_id, 3)
                refused, refusing = len(receiver.received), False
                await client.send(CLOSE_STREAM)
                assert await client.closed() == 1000
            arrived = await bodies(receiver, refused + 1)
    assert [each.headers["ringback-sequence"] for each in arrived] == ["1", "1", "4"]
    assert [child.tries for child in parked] == [2, 0, 0]


async def parked_of(api: Front, request_id: str, count: int) -> list[Job]:
    """The responses of a stream that were given up, once there are so many."""
    parked: list[Job] = []

    async def all_are_parked() -> bool:
        children = await api.ledger.children(JobId(request_id), 100)
        parked[:] = [child for child in children if child.state is State.PARKED]
        return len(parked) == count

    await eventually(all_are_parked)
    return parked


async def test_failures_are_tried_again_and_nothing_overtakes(tmp_path: Path) -> None:
    turns = iter([500, 200, 503, 404, 200, 200])

    def moody(_: Received) -> int:
        return next(turns, 200)

    async with running_api(tmp_path) as api:
        with Receiver(moody) as receiver:
            async with stream(api.port, query(receiver.url), key=OWNER) as client:
                await speak_and_close(client)
            arrived = await bodies(receiver, 7)
    assert [each.headers["ringback-sequence"] for each in arrived] == ["1", "1", "2", "2", "2", "3", "4"]


async def test_a_dead_receiver_does_not_hold_the_stream_up(tmp_path: Path) -> None:
    async with running_api(tmp_path, deliver=False) as api:
        url = query("http://127.0.0.1:9/", "&inspect_response=true")
        async with stream(api.port, url, key=OWNER) as client:
            await speak_and_close(client, 30)
        children = await api.ledger.children(JobId(client.request_id), 100)
        job = await api.ledger.wait_for_end(JobId(client.request_id))
    assert len(client.messages) == len(children) == 31
    assert [child.state for child in children] == [State.QUEUED, *[State.HELD] * 30]
    assert job.code == 200


async def test_what_the_client_sees_is_in_the_ledger(tmp_path: Path) -> None:
    async with running_api(tmp_path, deliver=False) as api:
        url = query("http://127.0.0.1:9/", "&inspect_response=true")
        async with stream(api.port, url, key=OWNER) as client:
            for number in range(1, 6):
                await client.send(SECOND)
                await client.wait_for("Results", number)
                assert len(await api.ledger.children(JobId(client.request_id), 100)) >= number
            await client.send(CLOSE_STREAM)
            await client.closed()


async def test_a_stream_that_runs_too_far_ahead_of_its_receiver_is_ended(tmp_path: Path) -> None:
    async with running_api(tmp_path, CallbackSettings(live_backlog=5), deliver=False) as api:
        async with stream(api.port, query("http://127.0.0.1:9/"), key=OWNER) as client:
            for _ in range(8):
                await client.send(SECOND)
            assert await client.closed() == 1011
        job = await api.ledger.wait_for_end(JobId(client.request_id))
        children = await api.ledger.children(JobId(client.request_id), 100)
    assert client.reason == "The callback has fallen too far behind this stream."
    assert job.code == 503
    assert len(children) <= 5


async def test_a_ledger_that_is_away_for_a_moment_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_relay, "RETRY_SECONDS", 0.01)
    async with running_api(tmp_path, deliver=False) as api:
        async with stream(api.port, query("http://127.0.0.1:9/"), key=OWNER) as client:
            add, refusals = api.ledger.add, iter(range(3))

            async def sometimes(*given: Any) -> None:
                if next(refusals, None) is not None:
                    raise LedgerUnavailable("locked")
                await add(*given)

            monkeypatch.setattr(api.ledger, "add", sometimes)
            await speak_and_close(client)
        assert len(await api.ledger.children(JobId(client.request_id), 100)) == 4
