"""One attempt at a delivery: what a receiver sees, what is recorded, and what is told to nobody."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.typing import EventDict

from ringback import __version__
from ringback.blobs import INLINE_LIMIT, BlobKey, FolderBlobStore, StoredDocument, store_document
from ringback.bootstrap.values import attempt_limits, server_schedule
from ringback.callbacks import delivery_handler
from ringback.callbacks.admission import Admission
from ringback.callbacks.delivery import DeliveryOrder, order_job, order_of, place_of_callback
from ringback.callbacks.delivery_handler import Deliverer, ReadAttempts
from ringback.callbacks.signing import Verifier
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.target import read_target
from ringback.errors import Refusal
from ringback.jobs.job import Attempt, Done, GivenUp, Interrupted, Job, JobId, Lease, Retry, Signal, State
from ringback.jobs.store import LedgerUnavailable
from ringback.sealing import UnsealFailed
from ringback.settings import CallbackSettings
from support.deliveries import SECRET, nothing_recorded, sign
from support.raw_receiver import Conversation, answering, receiving
from support.sealing import SEAL

SETTINGS = CallbackSettings(
    allow=("127.0.0.1",), ports=(), retries=2, retry_delay=5.0, connect_timeout=0.5, timeout=1.0
)
POLICY = Policy(SETTINGS.allow, SETTINGS.ports)
REQUEST = "6f1c0d0e-0000-4000-8000-000000000001"
DOCUMENT = '{"metadata":{"request_id":"' + REQUEST + '"},"results":{"said":"very private words"}}'


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path, SystemClock())


@pytest.fixture
def deliverer(egress: EgressClient, blobs: FolderBlobStore) -> Deliverer:
    return deliverer_with(egress, blobs, nothing_recorded)


def deliverer_with(
    egress: EgressClient,
    blobs: FolderBlobStore,
    read_attempts: ReadAttempts,
    settings: CallbackSettings = SETTINGS,
) -> Deliverer:
    return Deliverer(
        egress,
        POLICY,
        blobs,
        attempt_limits(settings),
        server_schedule(settings),
        seal=SEAL,
        sign=sign,
        clock=SystemClock(),
        read_attempts=read_attempts,
        public_url="https://speech.example",
        chance=lambda: 0.0,
    )


def lease(url: str, body: StoredDocument | None = None, method: str = "POST", tries: int = 0) -> Lease:
    """A claimed delivery to `url`."""
    kept = StoredDocument(inline=DOCUMENT) if body is None else body
    origin = read_target(url).origin
    sealed = SEAL.seal(url, place_of_callback(REQUEST))
    order = DeliveryOrder(REQUEST, sealed, method, 200, "key-1", kept, origin=origin)
    new = order_job(order, project="project-1", accessor="key-1")
    job = Job(
        **{name: getattr(new, name) for name in _SHARED},
        state=State.LEASED,
        tries=tries,
        losses=0,
        created_at=0.0,
        due_at=0.0,
        finished_at=None,
        code=None,
        result=None,
    )
    return Lease(job, token=1)


_SIGNED = ("webhook-timestamp", "webhook-signature")
_SHARED = ("id", "kind", "lane", "project", "payload", "parent", "accessor", "method", "tags")


def attempt_of(outcome: Done | Retry | GivenUp) -> Attempt:
    assert outcome.attempt is not None
    return outcome.attempt


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_a_receiver_gets(deliverer: Deliverer, method: str) -> None:
    async with receiving(answering(200, b"thanks")) as receiver:
        claimed = lease(receiver.url("/hook?a=1&b=%2F"), method=method, tries=1)
        outcome = await deliverer(claimed)
    [heard] = receiver.heard
    assert heard.line == f"{method} /hook?a=1&b=%2F HTTP/1.1"
    assert heard.body == DOCUMENT.encode()
    assert Verifier.of([SECRET], []).fault(heard.headers, heard.body, time.time()) is None
    unsigned = {name: heard.headers[name] for name in heard.headers if name not in _SIGNED}
    assert unsigned == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(DOCUMENT)),
        "user-agent": f"ringback/{__version__}",
        "dg-request-id": REQUEST,
        "dg-token": "key-1",
        "webhook-id": claimed.job.id,
        "ringback-attempt": "2",
        "ringback-status": "200",
    }
    assert isinstance(outcome, Done)
    assert (outcome.code, outcome.signal) == (200, Signal.GOOD)
    attempt = attempt_of(outcome)
    assert (attempt.outcome, attempt.code) == ("delivered", 200)
    assert attempt.ended_at >= attempt.started_at
    facts = json.loads(attempt.detail)
    assert (facts["address"], facts["answer"]) == ("127.0.0.1", "thanks")
    assert facts["phases"]["total"] > 0


async def test_credentials_arrive_decoded_and_not_in_the_request_line(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        await deliverer(lease(f"http://us%40er:p%3Ass%2Fw%C3%B6rd@127.0.0.1:{receiver.port}/hook"))
    [heard] = receiver.heard
    scheme, _, credentials = heard.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", "us@er:p:ss/wörd")
    assert heard.line == "POST /hook HTTP/1.1"
    assert heard.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_failure_is_tried_again_and_at_last_given_up(deliverer: Deliverer, status: int) -> None:
    async with receiving(answering(status, location="/elsewhere")) as receiver:
        outcomes = [await deliverer(lease(receiver.url(), tries=tries)) for tries in range(3)]
    first, second, last = outcomes
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert (first.delay, second.delay, first.code) == (5.0, 5.0, status)
    assert isinstance(last, GivenUp)
    assert last.code == status
    assert [heard.headers["ringback-attempt"] for heard in receiver.heard] == ["1", "2", "3"]


async def test_one_delivery_keeps_its_id_over_attempts(deliverer: Deliverer) -> None:
    async with receiving(answering(500)) as receiver:
        claimed = lease(receiver.url())
        for tries in range(2):
            await deliverer(replace(claimed, job=replace(claimed.job, tries=tries)))
    assert [heard.headers["webhook-id"] for heard in receiver.heard] == [claimed.job.id] * 2


async def test_a_large_result_comes_from_its_blob(deliverer: Deliverer, blobs: FolderBlobStore) -> None:
    document = json.dumps({"words": ["said"] * 400_000}).encode()
    kept = await store_document(blobs, BlobKey("results/1"), document)
    assert kept.key is not None
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), kept))
    assert isinstance(outcome, Done)
    [heard] = receiver.heard
    assert heard.body == document
    assert heard.headers["content-length"] == str(len(document))


async def test_large_results_for_receivers_that_hang_hold_up_no_others(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    kept = await store_document(blobs, BlobKey("results/1"), bytes(INLINE_LIMIT + 1))
    deliverer = deliverer_with(
        egress, blobs, nothing_recorded, msgspec.structs.replace(SETTINGS, timeout=60.0)
    )
    all_there = asyncio.Event()

    async def hang(talk: Conversation) -> None:
        await talk.request()
        if len(talk.receiver.heard) == 40:
            all_there.set()
        await asyncio.Event().wait()

    async with receiving(hang) as hanging, receiving(answering()) as healthy:
        attempts = [asyncio.create_task(deliverer(lease(hanging.url(), kept))) for _ in range(40)]
        async with asyncio.timeout(20):
            await all_there.wait()
            assert isinstance(await deliverer(lease(healthy.url(), kept)), Done)
        assert not any(attempt.done() for attempt in attempts)
    await asyncio.gather(*attempts)


async def test_large_results_in_flight_are_bounded_in_bytes(
    egress: EgressClient, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_handler, "LARGE_BYTES", 3 * INLINE_LIMIT)
    kept = await store_document(blobs, BlobKey("results/1"), bytes(INLINE_LIMIT + 1))
    enormous = await store_document(blobs, BlobKey("results/2"), bytes(4 * INLINE_LIMIT))
    deliverer = deliverer_with(
        egress, blobs, nothing_recorded, msgspec.structs.replace(SETTINGS, timeout=60.0)
    )
    open_now, most = 0, 0

    async def count(talk: Conversation) -> None:
        nonlocal open_now, most
        while True:
            await talk.request()
            open_now += 1
            most = max(most, open_now)
            await asyncio.sleep(0)
            open_now -= 1
            await talk.answer()

    async with receiving(count) as receiver, asyncio.timeout(30):
        bodies = [kept] * 6 + [enormous] + [kept] * 6
        outcomes = await asyncio.gather(*(deliverer(lease(receiver.url(), body)) for body in bodies))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert most <= 2


async def test_after_a_413_only_a_link_is_sent(egress: EgressClient, blobs: FolderBlobStore) -> None:
    read_attempts: list[Attempt] = []

    async def so_far(_: JobId, most: int) -> list[Attempt]:
        return read_attempts[-most:]

    deliverer = deliverer_with(egress, blobs, so_far)
    statuses = iter([500, 413, 500, 200, 500])

    async def picky(talk: Conversation) -> None:
        while True:
            await talk.request()
            await talk.answer(next(statuses))

    async with receiving(picky) as receiver:
        for tries in (0, 1, 2, 3):
            outcome = await deliverer(lease(receiver.url(), tries=tries))
            assert not isinstance(outcome, Interrupted)
            read_attempts.append(attempt_of(outcome))
        # Sent again by hand, its tries count from 0: the receiver may have raised its limit.
        await deliverer(lease(receiver.url(), tries=0))
    whole, thin = DOCUMENT.encode(), receiver.heard[2].body
    assert [heard.body for heard in receiver.heard] == [whole, whole, thin, thin, whole]
    assert json.loads(thin) == {
        "request_id": REQUEST,
        "status": 200,
        "result_url": f"https://speech.example/v1/projects/project-1/requests/{REQUEST}/result",
        "bytes": len(whole),
    }
    assert [attempt.outcome for attempt in read_attempts] == [
        "server_error",
        "client_error",
        "server_error",
        "delivered",
    ]
    assert [json.loads(attempt.detail).get("thin", False) for attempt in read_attempts] == [
        False,
        False,
        True,
        True,
    ]


async def test_a_413_from_before_a_redelivery_is_forgotten(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    async def refused_long_ago(_: JobId, most: int) -> list[Attempt]:
        return [Attempt(0.0, 0.0, "client_error", 413), Attempt(0.0, 0.0, "server_error", 500)][-most:]

    deliverer = deliverer_with(egress, blobs, refused_long_ago)
    async with receiving(answering()) as receiver:
        for tries in (1, 2):
            await deliverer(lease(receiver.url(), tries=tries))
    whole, thin = receiver.heard
    assert whole.body == DOCUMENT.encode()
    assert "result_url" in json.loads(thin.body)


async def test_what_a_live_stream_said_is_never_thin(egress: EgressClient, blobs: FolderBlobStore) -> None:
    async def refused_once(_: JobId, __: int) -> list[Attempt]:
        return [Attempt(0.0, 0.0, "client_error", 413)]

    deliverer = deliverer_with(egress, blobs, refused_once)
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url(), tries=1)
        order = msgspec.structs.replace(order_of(claimed.job), number=7)
        await deliverer(replace(claimed, job=replace(claimed.job, payload=msgspec.json.encode(order))))
    [heard] = receiver.heard
    assert heard.body == DOCUMENT.encode()


async def test_a_ledger_that_is_away_burns_no_try(egress: EgressClient, blobs: FolderBlobStore) -> None:
    async def away(_: JobId, __: int) -> list[Attempt]:
        raise LedgerUnavailable("locked")

    deliverer = deliverer_with(egress, blobs, away)
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), tries=1))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0


async def test_a_body_that_cannot_be_read_now_burns_no_try(deliverer: Deliverer, tmp_path: Path) -> None:
    blob = tmp_path / "result" / "1"
    blob.mkdir(parents=True)  # where a file should be: reading it fails
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), StoredDocument(key=BlobKey("result/1")), tries=1))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0


async def test_an_order_may_have_a_schedule_of_its_own(deliverer: Deliverer) -> None:
    async with receiving(answering(500)) as receiver:
        claimed = lease(receiver.url())
        order = msgspec.structs.replace(order_of(claimed.job), schedule="7s")
        claimed = replace(claimed, job=replace(claimed.job, payload=msgspec.json.encode(order)))
        first = await deliverer(claimed)
        second = await deliverer(replace(claimed, job=replace(claimed.job, tries=1)))
    assert isinstance(first, Retry)
    assert first.delay == 7.0
    assert isinstance(second, GivenUp)


async def test_a_presigned_url_gets_no_credentials(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        url = f"http://user:hush@127.0.0.1:{receiver.port}/bucket/key?X-Amz-Signature=abc"
        await deliverer(lease(url, method="PUT"))
    [heard] = receiver.heard
    assert heard.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(DOCUMENT)),
        "user-agent": f"ringback/{__version__}",
    }


async def test_a_lost_result_is_given_up_plainly(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        outcome = await deliverer(lease(receiver.url(), StoredDocument(key=BlobKey("results/gone"))))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "body_lost"
    assert json.loads(attempt_of(outcome).detail) == {"reason": "the result is no longer kept"}
    assert receiver.connections == 0


async def test_an_address_that_is_no_longer_allowed_parks_the_delivery(
    blobs: FolderBlobStore,
) -> None:
    policy = Policy()
    async with EgressClient(policy, SystemClock()) as egress, receiving(answering()) as receiver:
        deliverer = Deliverer(
            egress,
            policy,
            blobs,
            attempt_limits(SETTINGS),
            server_schedule(SETTINGS),
            seal=SEAL,
            sign=sign,
            clock=SystemClock(),
            read_attempts=nothing_recorded,
        )
        outcome = await deliverer(lease(receiver.url()))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"
    assert "RINGBACK_CALLBACK_ALLOW" in json.loads(attempt_of(outcome).detail)["reason"]
    assert receiver.connections == 0


def unable_to_sign(egress: EgressClient, blobs: FolderBlobStore, error: Exception) -> Deliverer:
    async def cannot_sign(_key_id: str | None, _webhook_id: str, _body: bytes) -> dict[str, str]:
        raise error

    return Deliverer(
        egress,
        POLICY,
        blobs,
        attempt_limits(SETTINGS),
        server_schedule(SETTINGS),
        seal=SEAL,
        sign=cannot_sign,
        clock=SystemClock(),
        read_attempts=nothing_recorded,
    )


async def test_nothing_goes_out_unsigned(
    egress: EgressClient, blobs: FolderBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringback.callbacks.delivery_handler.LOCAL_FAULT_PAUSE", 0.0)
    error = LedgerUnavailable("locked")
    deliverer = unable_to_sign(egress, blobs, error)
    async with receiving(answering()) as receiver:
        with structlog.testing.capture_logs() as events:
            outcome = await deliverer(lease(receiver.url()))
    assert isinstance(outcome, Interrupted)
    assert receiver.connections == 0
    [told] = events
    assert (told["event"], told["reason"]) == ("delivery.not_tried", f"it cannot be signed: {error}")


async def test_a_secret_that_cannot_be_opened_parks_the_delivery_in_time(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    deliverer = unable_to_sign(egress, blobs, UnsealFailed("lost"))
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url())
        outcomes: list[Done | Retry | GivenUp | Interrupted] = []
        while not outcomes or isinstance(outcomes[-1], Retry):
            job = replace(claimed.job, tries=len(outcomes))
            outcomes.append(await deliverer(replace(claimed, job=job)))
    assert receiver.connections == 0
    *retries, last = outcomes
    assert isinstance(last, GivenUp)
    assert [each.delay for each in retries if isinstance(each, Retry)] == [5.0] * SETTINGS.retries
    for outcome in outcomes:
        assert isinstance(outcome, Retry | GivenUp)
        tried = attempt_of(outcome)
        assert (tried.outcome, tried.code) == ("unsigned", None)
        assert json.loads(tried.detail)["reason"] == "it cannot be signed: lost"


async def test_a_url_that_cannot_be_opened_parks_the_delivery(deliverer: Deliverer) -> None:
    claimed = lease("http://127.0.0.1:8080/")
    sealed_elsewhere = SEAL.seal("http://127.0.0.1:8080/", place_of_callback("another request"))
    order = msgspec.structs.replace(order_of(claimed.job), url=sealed_elsewhere)
    job = replace(claimed.job, payload=msgspec.json.encode(order))
    outcome = await deliverer(replace(claimed, job=job))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"
    assert "cannot be opened" in json.loads(attempt_of(outcome).detail)["reason"]


async def test_a_url_of_an_older_ledger_lies_there_in_clear(deliverer: Deliverer) -> None:
    async with receiving(answering()) as receiver:
        claimed = lease(receiver.url())
        order = msgspec.structs.replace(order_of(claimed.job), url=receiver.url(), origin=None)
        job = replace(claimed.job, payload=msgspec.json.encode(order))
        assert isinstance(await deliverer(replace(claimed, job=job)), Done)


async def test_a_port_that_is_no_longer_allowed_parks_the_delivery(
    egress: EgressClient, blobs: FolderBlobStore
) -> None:
    policy = Policy(["127.0.0.1"], [443])
    deliverer = Deliverer(
        egress,
        policy,
        blobs,
        attempt_limits(SETTINGS),
        server_schedule(SETTINGS),
        seal=SEAL,
        sign=sign,
        clock=SystemClock(),
        read_attempts=nothing_recorded,
    )
    outcome = await deliverer(lease("http://127.0.0.1:8080/"))
    assert isinstance(outcome, GivenUp)
    assert attempt_of(outcome).outcome == "blocked"


async def hang_up(talk: Conversation) -> None:
    await talk.request()


async def test_one_event_per_attempt_without_secrets(deliverer: Deliverer) -> None:
    with structlog.testing.capture_logs() as events:
        async with receiving(answering(500, b"hush")) as failing, receiving(hang_up) as closing:
            for receiver in (failing, closing):
                await deliverer(lease(f"http://user:hush@127.0.0.1:{receiver.port}/hush?hush=1"))
    assert [event["event"] for event in events] == ["delivery.attempted"] * 2
    failed, closed = events
    assert _facts(failed) == ("server_error", 500, 1, "retry", 5.0, f"http://127.0.0.1:{failing.port}")
    assert _facts(closed) == ("reset", None, 1, "retry", 5.0, f"http://127.0.0.1:{closing.port}")
    assert closed["reason"] == "the connection was closed before an answer came"
    assert {"first_byte_s", "connect_s", "total_s", "address", "request_id", "job_id"} <= failed.keys()
    assert "hush" not in str(events)
    assert "private words" not in str(events)


def _facts(event: EventDict) -> tuple[object, ...]:
    return tuple(event.get(name) for name in ("outcome", "status", "attempt", "next", "delay", "destination"))


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("receiver.example/callback", "Bad Request", "Invalid query string."),
        (
            "ftp://receiver.example/",
            "INVALID_QUERY_PARAMETER",
            "Invalid callback url. (the scheme must be http or https)",
        ),
        (
            "http://receiver.example:9000/",
            "INVALID_QUERY_PARAMETER",
            "Invalid callback url. (port 9000 is not one of 80, 443, 8080, 8443; "
            "the operator can set RINGBACK_CALLBACK_PORTS)",
        ),
        ("http:///callback", "INVALID_QUERY_PARAMETER", "Invalid callback url. (it names no host)"),
        ("http://no_such.example/", "Bad Request", "Failed to resolve callback."),
        (
            "http://127.0.0.1/",
            "INVALID_QUERY_PARAMETER",
            "Invalid callback url. (127.0.0.1 is a loopback address, which this server does not call; "
            "its operator can allow it with RINGBACK_CALLBACK_ALLOW)",
        ),
        (
            "http://inner.example/",
            "INVALID_QUERY_PARAMETER",
            "Invalid callback url. (an address of inner.example is a private address, which this server does "
            "not call; its operator can allow it with RINGBACK_CALLBACK_ALLOW)",
        ),
    ],
)
async def test_admission_in_deepgrams_words(url: str, code: str, text: str) -> None:
    def look_up(host: str, _: int) -> list[str]:
        if host == "inner.example":
            return ["10.0.0.1"]
        raise OSError(-2, "Name or service not known")

    policy = Policy(ports=[80, 443, 8080, 8443])
    async with EgressClient(policy, SystemClock(), look_up) as egress:
        with pytest.raises(Refusal) as caught:
            await Admission(egress, policy).admit(url)
    failure = caught.value.failure
    assert (failure.status, failure.err_code, failure.err_msg) == (400, code, text)


async def test_an_admitted_url_is_stored_as_it_will_be_called() -> None:
    policy = Policy()
    async with EgressClient(policy, SystemClock(), lambda *_: ["93.184.216.34"]) as egress:
        admitted = await Admission(egress, policy).admit("HTTPS://us%65r:p%40ss@Receiver.Example/a?b=%2F#c")
    assert admitted.reveal_url() == "https://user:p%40ss@receiver.example/a?b=%2F"
