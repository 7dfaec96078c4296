"""One attempt at a delivery: what a receiver sees, what is recorded, and what stays secret."""

import base64
import json
import time

import msgspec
import pytest
from msgspec.structs import replace

from ringback import __version__
from ringback.callbacks.admission import Admission
from ringback.callbacks.delivery import order_of
from ringback.callbacks.delivery_handler import Deliverer
from ringback.callbacks.signing import Verifier
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.errors import Refusal
from ringback.jobs.job import Done, GivenUp, Retry, Signal
from support.attempts import DOCUMENT, REQUEST, attempt_of, lease
from support.deliveries import SECRET
from support.logs import EventFacts, capture_logs
from support.raw_receiver import Conversation, answering, receiving

_SIGNED = ("webhook-timestamp", "webhook-signature")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_a_receiver_gets(deliverer: Deliverer, method: str) -> None:
    async with receiving(answering(200, b"thanks")) as receiver:
        claimed = lease(receiver.url("/hook?a=1&b=%2F"), method=method, tries=1)
        outcome = await deliverer(claimed)
    [received] = receiver.received
    assert received.line == f"{method} /hook?a=1&b=%2F HTTP/1.1"
    assert received.body == DOCUMENT.encode()
    assert Verifier.of([SECRET], []).fault(received.headers, received.body, time.time()) is None
    unsigned = {name: received.headers[name] for name in received.headers if name not in _SIGNED}
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
    [received] = receiver.received
    scheme, _, credentials = received.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", "us@er:p:ss/wörd")
    assert received.line == "POST /hook HTTP/1.1"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


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
    assert [received.headers["ringback-attempt"] for received in receiver.received] == ["1", "2", "3"]


async def test_one_delivery_keeps_its_id_over_attempts(deliverer: Deliverer) -> None:
    async with receiving(answering(500)) as receiver:
        claimed = lease(receiver.url())
        for tries in range(2):
            await deliverer(replace(claimed, job=replace(claimed.job, tries=tries)))
    assert [received.headers["webhook-id"] for received in receiver.received] == [claimed.job.id] * 2


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
    [received] = receiver.received
    assert received.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(DOCUMENT)),
        "user-agent": f"ringback/{__version__}",
    }


async def hang_up(talk: Conversation) -> None:
    await talk.request()


async def test_one_event_per_attempt_without_secrets(deliverer: Deliverer) -> None:
    with capture_logs() as events:
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


def _facts(event: EventFacts) -> tuple[object, ...]:
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
