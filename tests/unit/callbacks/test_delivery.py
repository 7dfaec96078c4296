"""What a receiver's answer means for a delivery."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.blobs import BlobKey, StoredDocument
from ringback.bootstrap.values import server_schedule
from ringback.callbacks.delivery import (
    DeliveryOrder,
    OperationalEvent,
    Verdict,
    detail,
    headers,
    is_refused_for_size,
    judge,
    order_job,
    order_of,
    split_lane,
    thin_body,
    webhook_id_of,
)
from ringback.egress.responses import BODY_LIMIT, NoResponse, NoResponseReason, Phases, ReceiverResponse
from ringback.egress.target import read_target
from ringback.jobs.job import Attempt, Done, GivenUp, Job, JobId, Lane, Retry, Signal, State
from ringback.retry_schedule import RetrySchedule, schedule_of_request, schedule_or_default
from ringback.settings import CallbackSettings

PHASES = Phases(dns=None, connect=0.1, tls=None, first_byte=0.2, total=0.3)
DEEPGRAM = RetrySchedule.constant(retries=10, delay=30.0)
NOW = 1_800_000_000.0

ORDER = DeliveryOrder(
    request_id="6f1c0d0e-0000-4000-8000-000000000001",
    url="https://user:hush@receiver.example:8443/hook?token=hush",
    method="POST",
    status=200,
    key_id="key-1",
    body=StoredDocument(inline='{"results":{}}'),
)


def answered(status: int, retry_after: str | None = None, body: bytes = b"") -> ReceiverResponse:
    return ReceiverResponse(status, retry_after, body, PHASES, "93.184.216.34")


def silent(reason: NoResponseReason) -> NoResponse:
    return NoResponse(reason, "in words", PHASES, None)


@pytest.mark.parametrize(
    ("answer", "verdict", "outcome", "signal"),
    [
        (answered(200), Verdict.DELIVERED, Done, Signal.GOOD),
        (answered(204), Verdict.DELIVERED, Done, Signal.GOOD),
        (answered(299), Verdict.DELIVERED, Done, Signal.GOOD),
        (answered(101), Verdict.ODD_STATUS, Retry, Signal.NEUTRAL),
        (answered(302), Verdict.REDIRECTED, Retry, Signal.NEUTRAL),
        (answered(400), Verdict.CLIENT_ERROR, Retry, Signal.NEUTRAL),
        (answered(410), Verdict.GONE, GivenUp, Signal.NEUTRAL),
        (answered(413), Verdict.CLIENT_ERROR, Retry, Signal.NEUTRAL),
        (answered(429), Verdict.CLIENT_ERROR, Retry, Signal.NEUTRAL),
        (answered(500), Verdict.SERVER_ERROR, Retry, Signal.BAD),
        (answered(503), Verdict.SERVER_ERROR, Retry, Signal.BAD),
        (answered(999), Verdict.ODD_STATUS, Retry, Signal.NEUTRAL),
        (silent(NoResponseReason.DNS), Verdict.UNRESOLVED, Retry, Signal.BAD),
        (silent(NoResponseReason.BLOCKED), Verdict.BLOCKED, GivenUp, Signal.NEUTRAL),
        (silent(NoResponseReason.CONNECT), Verdict.UNREACHABLE, Retry, Signal.BAD),
        (silent(NoResponseReason.TLS), Verdict.TLS, Retry, Signal.BAD),
        (silent(NoResponseReason.TIMEOUT), Verdict.TIMEOUT, Retry, Signal.BAD),
        (silent(NoResponseReason.RESET), Verdict.RESET, Retry, Signal.BAD),
        (silent(NoResponseReason.PROTOCOL), Verdict.PROTOCOL, Retry, Signal.BAD),
    ],
)
def test_what_an_answer_means(
    answer: ReceiverResponse | NoResponse,
    verdict: Verdict,
    outcome: type[Done | Retry | GivenUp],
    signal: Signal,
) -> None:
    judgement = judge(answer, 1, DEEPGRAM, jitter=0.0, now=NOW)
    assert judgement.verdict is verdict
    assert isinstance(judgement.outcome, outcome)
    assert judgement.outcome.signal is signal
    assert judgement.code == (answer.status if isinstance(answer, ReceiverResponse) else None)
    assert judgement.outcome.code == judgement.code


def test_every_silence_has_its_verdict() -> None:
    theirs = set(NoResponseReason) - {NoResponseReason.OURS}
    assert {judge(silent(reason), 1, DEEPGRAM, jitter=0, now=NOW).verdict for reason in theirs} == {
        Verdict.UNRESOLVED,
        Verdict.BLOCKED,
        Verdict.UNREACHABLE,
        Verdict.TLS,
        Verdict.TIMEOUT,
        Verdict.RESET,
        Verdict.PROTOCOL,
    }


def test_first_and_ten_retries_thirty_seconds_apart() -> None:
    outcomes = [judge(answered(500), tries, DEEPGRAM, jitter=0.0, now=NOW).outcome for tries in range(1, 12)]
    assert [outcome.delay for outcome in outcomes if isinstance(outcome, Retry)] == [30.0] * 10
    assert isinstance(outcomes[-1], GivenUp)


def test_no_retries_means_one_attempt() -> None:
    outcome = judge(
        answered(500), 1, RetrySchedule.constant(retries=0, delay=30.0), jitter=0.0, now=NOW
    ).outcome
    assert isinstance(outcome, GivenUp)


@given(jitter=st.floats(0, 1), delay=st.floats(0, 3_600), status=st.sampled_from([302, 404, 500]))
def test_jitter_is_added_and_never_taken_off(jitter: float, delay: float, status: int) -> None:
    outcome = judge(answered(status), 1, RetrySchedule.constant(10, delay), jitter=jitter, now=NOW).outcome
    assert isinstance(outcome, Retry)
    assert delay <= outcome.delay <= delay + min(3.0, delay / 10) + 1e-9


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        ("120", 120.0),
        ("900", 900.0),
        ("86400", 900.0),
        ("31", 31.0),
        ("9" * 50, 900.0),
        ("5", 30.0),
        ("0", 30.0),
        ("-5", 30.0),
        ("soon", 30.0),
        ("", 30.0),
        ("1.5", 30.0),
        ("²", 30.0),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 30.0),
        ("Fri, 15 Jan 2037 07:00:00 GMT", 900.0),
    ],
)
def test_retry_after_is_heard_within_bounds(retry_after: str, delay: float) -> None:
    outcome = judge(answered(503, retry_after), 1, DEEPGRAM, jitter=0.0, now=NOW).outcome
    assert isinstance(outcome, Retry)
    assert outcome.delay == delay


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [("5", 30.0), ("29", 30.0), ("31", 31.0), ("0", 1.0), ("-5", 1.0), ("soon", 1.0)],
)
def test_retry_after_is_at_least_thirty_seconds_where_pauses_are_short(
    retry_after: str, delay: float
) -> None:
    outcome = judge(answered(503, retry_after), 1, RetrySchedule((1.0,)), jitter=0.0, now=NOW).outcome
    assert isinstance(outcome, Retry)
    assert outcome.delay == delay


def test_retry_after_never_shortens_a_long_delay() -> None:
    outcome = judge(answered(503, "60"), 1, RetrySchedule.constant(1, 7_200.0), jitter=0.0, now=NOW).outcome
    assert isinstance(outcome, Retry)
    assert outcome.delay == 7_200.0


def test_a_delivery_is_a_job_in_its_destinations_lane() -> None:
    job = order_job(ORDER, project="project-1", accessor="key-1", tags=("a", "b"))
    assert (job.kind, job.lane) == ("deliver", "https://receiver.example:8443 project-1")
    assert (job.parent, job.method, job.accessor, job.tags) == (
        ORDER.request_id,
        "async",
        "key-1",
        ("a", "b"),
    )
    assert (job.project, job.sequence) == ("project-1", None)
    assert split_lane(job.lane) == ("https://receiver.example:8443", "project-1")
    assert split_lane(Lane("events to https://a.example:443 p")) == (
        "events to https://a.example:443",
        "p",
    )
    assert job.id != ORDER.request_id
    assert order_job(ORDER, project="project-1", accessor=None).id != job.id
    assert order_of(_stored(job.payload)) == ORDER


def test_the_responses_of_a_stream_go_one_by_one() -> None:
    third = msgspec.structs.replace(ORDER, number=3)
    assert order_job(third, project="p", accessor=None).sequence == ORDER.request_id
    assert headers(third, "delivery-1", 1)["ringback-sequence"] == "3"


def test_an_event_has_no_headers_of_a_request() -> None:
    event = msgspec.structs.replace(ORDER, event=OperationalEvent("node.lost"))
    sent = headers(event, "delivery-1", 2)
    assert sent.pop("User-Agent").startswith("ringback/")
    assert sent == {
        "Content-Type": "application/json",
        "webhook-id": "delivery-1",
        "ringback-attempt": "2",
    }


def test_a_receiver_has_refused_a_document_for_its_size() -> None:
    attempts = [Attempt(0.0, 1.0, "client_error", code) for code in (None, 500, 414)]
    assert not is_refused_for_size(attempts)
    assert is_refused_for_size([*attempts, Attempt(0.0, 1.0, "client_error", 413)])


def test_a_large_body_is_named_and_not_carried() -> None:
    order = msgspec.structs.replace(ORDER, body=StoredDocument(key=BlobKey("results/1")))
    job = order_job(order, project="p", accessor=None)
    assert order_of(_stored(job.payload)).body == StoredDocument(key=BlobKey("results/1"))


def test_headers() -> None:
    sent = headers(ORDER, "delivery-1", 3)
    assert sent.pop("User-Agent").startswith("ringback/")
    assert sent == {
        "Content-Type": "application/json",
        "dg-request-id": ORDER.request_id,
        "dg-token": "key-1",
        "webhook-id": "delivery-1",
        "ringback-attempt": "3",
        "ringback-status": "200",
    }
    assert "dg-token" not in headers(msgspec.structs.replace(ORDER, key_id=None), "delivery-1", 1)


@pytest.mark.parametrize(
    ("tries", "text", "delay"),
    [
        (1, "5s,5m", 5.0),
        (2, "5s,5m", 300.0),
        (3, "5s,5m", None),
        (9, "standard", 86_400.0),
        (10, "standard", None),
    ],
)
def test_a_schedule_of_its_own(tries: int, text: str, delay: float | None) -> None:
    schedule = schedule_or_default(text, RetrySchedule.constant(1, 1.0))
    outcome = judge(answered(500), tries, schedule, jitter=0.0, now=NOW).outcome
    assert (outcome.delay if isinstance(outcome, Retry) else None) == delay


def test_the_request_counts_before_its_key_and_that_before_the_server() -> None:
    assert schedule_of_request("5s", "5m") == "5s"
    assert schedule_of_request(None, "5m") == "5m"
    assert schedule_of_request(None, None) is None
    settings = CallbackSettings(retries=3, retry_delay=7.0)
    assert server_schedule(settings) == RetrySchedule.constant(3, 7.0)
    server = server_schedule(msgspec.structs.replace(settings, schedule="1m"))
    assert server == RetrySchedule((60.0,))
    assert schedule_or_default(None, server) == server
    assert schedule_or_default("2h", server) == RetrySchedule((7_200.0,))
    assert schedule_or_default("deepgram", server) == RetrySchedule((30.0,) * 10)


def test_what_is_sent_after_a_413() -> None:
    body = thin_body(ORDER, "project-1", 123_456, "https://speech.example/")
    assert json.loads(body) == {
        "request_id": ORDER.request_id,
        "status": 200,
        "result_url": f"https://speech.example/v1/projects/project-1/requests/{ORDER.request_id}/result",
        "bytes": 123_456,
    }
    path = f"/v1/projects/project-1/requests/{ORDER.request_id}/result"
    assert json.loads(thin_body(ORDER, "project-1", 1, ""))["result_url"] == path


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("X-Amz-Signature=a&X-Amz-SignedHeaders=host", {"User-Agent", "Content-Type"}),
        ("sv=2024&sig=a", {"User-Agent", "Content-Type"}),
        ("X-Goog-Signature=a", {"User-Agent", "Content-Type"}),
        ("AWSAccessKeyId=a&Expires=1&Signature=a", {"User-Agent"}),
    ],
)
def test_a_presigned_url_gets_nothing_of_ours(query: str, sent: set[str]) -> None:
    target = read_target(f"https://bucket.example/key?{query}")
    assert headers(ORDER, "delivery-1", 1, target.presigned).keys() == sent


@pytest.mark.parametrize("query", ["", "a=b", "signature=a", "design=1", "x=sig", "asig=1&Signatures=2"])
def test_other_urls_are_receivers(query: str) -> None:
    assert read_target(f"https://receiver.example/hook?{query}").presigned is None


def test_a_redelivery_keeps_the_id_that_the_receiver_knows() -> None:
    order = msgspec.structs.replace(ORDER, webhook_id="the-first")
    assert webhook_id_of(order, _stored(b"")) == "the-first"
    assert webhook_id_of(ORDER, _stored(b"")) == _stored(b"").id


def test_the_record_of_an_answer_holds_what_came() -> None:
    facts = json.loads(detail(answered(500, body="größer".encode())))
    assert (facts["answer"], "answer_base64" in facts, "thin" in facts) == ("größer", False, False)
    assert facts["address"] == "93.184.216.34"
    assert facts["phases"] == {
        "dns": None,
        "connect": 0.1,
        "tls": None,
        "first_byte": 0.2,
        "total": 0.3,
        "sent": None,
    }
    assert json.loads(detail(answered(500), thin=True))["thin"] is True


def test_a_character_cut_in_two_by_the_limit_is_left_out() -> None:
    cut = ("x" * (BODY_LIMIT - 1) + "ß").encode()[:BODY_LIMIT]
    assert json.loads(detail(answered(500, body=cut)))["answer"] == "x" * (BODY_LIMIT - 1)


@pytest.mark.parametrize("body", [b"\xff\x00", b"text\x00text", "ß".encode()[:1], b"\x1f\x8b gzip"])
def test_what_is_no_text_is_kept_exactly(body: bytes) -> None:
    facts = json.loads(detail(answered(500, body=body)))
    assert base64.b64decode(facts["answer_base64"]) == body
    assert "answer" not in facts


def test_the_record_of_a_silence_says_why() -> None:
    facts = json.loads(detail(silent(NoResponseReason.TIMEOUT)))
    assert facts == {"reason": "in words", "phases": msgspec.to_builtins(PHASES)}
    reset = NoResponse(NoResponseReason.RESET, "cut off", PHASES, "93.184.216.34")
    facts = json.loads(detail(reset, thin=True))
    assert (facts["address"], facts["thin"]) == ("93.184.216.34", True)


def _stored(payload: bytes, tries: int = 0) -> Job:
    return Job(
        id=JobId("0d9f0c8e-0000-4000-8000-000000000002"),
        kind="deliver",
        lane=Lane("https://receiver.example:8443 project-1"),
        project="project-1",
        payload=payload,
        parent=JobId(ORDER.request_id),
        accessor="key-1",
        method="async",
        tags=(),
        state=State.LEASED,
        tries=tries,
        losses=0,
        created_at=NOW,
        due_at=NOW,
        finished_at=None,
        code=None,
        result=None,
    )


@pytest.mark.parametrize(
    ("delay", "jitter", "later"),
    [(30.0, 1.0, 33.0), (30.0, 0.5, 31.5), (5.0, 1.0, 5.5), (7_200.0, 1.0, 7_203.0), (30.0, 0.0, 30.0)],
)
def test_jitter_is_a_tenth_of_the_delay_and_at_most_three_seconds(
    delay: float, jitter: float, later: float
) -> None:
    outcome = judge(answered(500), 1, RetrySchedule.constant(10, delay), jitter=jitter, now=NOW).outcome
    assert isinstance(outcome, Retry)
    assert outcome.delay == pytest.approx(later)
