"""What is delivered, in which form, and what a receiver's answer means for the delivery. Pure.

The rules are Deepgram's (https://developers.deepgram.com/docs/callback): a 2xx ends a delivery, any other
answer is retried, up to ten times, 30 s apart. In addition: 410 ends it, after a 413 only a link to the
result is sent, `Retry-After` is respected, and a delivery that was given up is parked and not dropped.
"""

from base64 import b64encode
from codecs import utf_8_decode
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, assert_never

import msgspec

from ringback import __version__
from ringback.blobs import StoredDocument
from ringback.callbacks.catcher import CaughtRequest
from ringback.egress.responses import BODY_LIMIT, NoResponse, NoResponseReason, Phases, ReceiverResponse
from ringback.egress.retry_after import parse_retry_after
from ringback.egress.target import Presigned, read_target
from ringback.ids import new_id
from ringback.jobs.job import Attempt, Done, GivenUp, Job, JobId, Lane, NewJob, Retry, Signal
from ringback.retry_schedule import RetrySchedule
from ringback.telemetry.trace_context import TraceContext

KIND: Final = "deliver"
MAX_JITTER = 3.0
"""Seconds that may be added to a delay, so that receivers that failed together are not all called at once."""
SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER = 30.0, 900.0
TOO_LARGE: Final = 413


class OperationalEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event for the operator (`callbacks.operational`)."""

    type: str
    subject: str | None = None
    """What the event is about, if the next event about the same subject depends on this one."""
    level: int = 0


class DeliveryOrder(msgspec.Struct, frozen=True):
    """A delivery job's payload."""

    request_id: str
    url: str
    """Sealed with `callback_context`; in clear only in jobs that are older than sealing."""
    method: str
    """`POST` or `PUT`."""
    status: int
    """The status of the request's synchronous answer."""
    key_id: str | None
    """The identifier, never the secret, of the request's API key."""
    body: StoredDocument
    schedule: str | None = None
    """The schedule of the request or its key (`ringback.retry_schedule`); None: the server's."""
    destination: str | None = msgspec.field(default=None, name="origin")
    """`scheme://host:port` of the URL, for the lane and the history; None in old jobs. (`origin` in stored
    jobs.)"""
    webhook_id: str | None = None
    """The `webhook-id` if another job has sent it before; None: the job's own id."""
    accepted_at: float | None = None
    """Unix seconds: when the request of this result was accepted; None in old jobs and for a stream's
    responses."""
    event: OperationalEvent | None = None
    """None: a callback. An event belongs to no request, and is sent to the URL in the settings."""
    number: int | None = None
    """Of a live stream's response, from 1: those of one stream go out one by one, in this order."""
    trace: TraceContext | None = None
    """Of the request; None: there is none."""


class Thin(msgspec.Struct, frozen=True):
    """The body of an attempt after a 413."""

    request_id: str
    status: int
    """The status of the request's synchronous answer."""
    result_url: str
    """Where the document can be fetched with the caller's key; only a path if `public_url` is not set."""
    bytes: int
    """Size of the document."""


class Verdict(StrEnum):
    """How an attempt ended; the `outcome` of its record, its event and its metric."""

    DELIVERED = "delivered"
    GONE = "gone"
    """410: the receiver wants no further attempts."""
    REDIRECTED = "redirected"
    """3xx: callbacks follow no redirects."""
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    ODD_STATUS = "odd_status"
    """1xx, or beyond 599."""
    UNRESOLVED = "unresolved"
    BLOCKED = "blocked"
    """The address policy forbids it, or the URL can no longer be used."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    BODY_LOST = "body_lost"
    """Nothing was sent: the result is no longer kept."""
    UNSIGNED = "unsigned"
    """Nothing was sent: the signing secret cannot be opened."""


class JudgedAttempt(msgspec.Struct, frozen=True):
    """The meaning of an answer, or of the lack of one."""

    verdict: Verdict
    code: int | None
    outcome: Done | Retry | GivenUp


def callback_context(request_id: str) -> str:
    """The associated data with which a request's callback URL is sealed, in its order and in its
    deliveries."""
    return f"callback of {request_id}"


def lane_of(destination: str, project: str) -> Lane:
    """The lane of a destination (`scheme://host:port`) in a project."""
    return Lane(f"{destination} {project}")


def split_lane(lane: Lane) -> tuple[str, str]:
    """The destination and the project of its lane."""
    destination, _, project = lane.rpartition(" ")
    return destination, project


def order_job(
    order: DeliveryOrder, *, project: str, accessor: str | None, tags: Sequence[str] = ()
) -> NewJob:
    """The delivery as a job with an id of its own, in its destination's lane."""
    destination = order.destination or read_target(order.url).origin
    return NewJob(
        id=JobId(new_id()),
        kind=KIND,
        lane=lane_of(destination, project),
        project=project,
        payload=msgspec.json.encode(order),
        parent=JobId(order.request_id),
        accessor=accessor,
        method="async",
        tags=tuple(tags),
        sequence=None if order.number is None else order.request_id,
    )


def order_of(job: Job) -> DeliveryOrder:
    """The payload of a delivery job."""
    return _decoder.decode(job.payload)


def webhook_id_of(order: DeliveryOrder, job: Job) -> str:
    """The `webhook-id` of all attempts of this delivery."""
    return order.webhook_id or job.id


def headers(
    order: DeliveryOrder, webhook_id: str, attempt: int, presigned: Presigned | None = None
) -> dict[str, str]:
    """The headers of an attempt, without its length and the URL's credentials; `attempt` counts from 1.

    `dg-token` is the key's identifier, for receivers that still check it; it proves nothing
    (https://developers.deepgram.com/changelog/2026/10/27). A presigned URL is an object store: it gets only
    the headers that are signed or usual there, and none of ours.
    """
    named = {"User-Agent": f"ringback/{__version__}"}
    if presigned is not Presigned.WITH_TYPE:
        # The oldest kind of signature covers the type: naming one would break it.
        named["Content-Type"] = "application/json"
    if presigned is not None:
        return named
    if order.event is not None:
        return named | {"webhook-id": webhook_id, "ringback-attempt": str(attempt)}
    named |= {
        "dg-request-id": order.request_id,
        "webhook-id": webhook_id,
        "ringback-attempt": str(attempt),
        "ringback-status": str(order.status),
    }
    if order.key_id is not None:
        named["dg-token"] = order.key_id
    if order.number is not None:
        named["ringback-sequence"] = str(order.number)
    return named if order.trace is None else named | order.trace.headers


def thin_body(order: DeliveryOrder, project: str, size: int, public_url: str) -> bytes:
    """The body that replaces a document of `size` bytes after a 413."""
    place = f"{public_url.rstrip('/')}/v1/projects/{project}/requests/{order.request_id}/result"
    return msgspec.json.encode(Thin(order.request_id, order.status, place, size))


def is_refused_for_size(attempts: Sequence[Attempt]) -> bool:
    """Whether one of these attempts was answered with a 413."""
    return any(attempt.code == TOO_LARGE for attempt in attempts)


def judge(
    answer: ReceiverResponse | NoResponse,
    tries: int,
    schedule: RetrySchedule,
    *,
    jitter: float,
    now: float,
) -> JudgedAttempt:
    """What becomes of a delivery after its attempt number `tries`; not for `NoResponseReason.OURS`, which is
    no attempt.

    `jitter` (0 to 1) is the share of the allowed jitter to add; `now` (Unix seconds) is for dates in
    `Retry-After`.
    """
    verdict = _verdict(answer)
    code = answer.status if isinstance(answer, ReceiverResponse) else None
    signal = _signal(verdict)
    match verdict:
        case Verdict.DELIVERED:
            return JudgedAttempt(verdict, code, Done(200 if code is None else code, signal=signal))
        case Verdict.GONE | Verdict.BLOCKED:
            return JudgedAttempt(verdict, code, GivenUp(code, signal=signal))
        case _:
            delay = _delay(answer, tries, schedule, jitter, now)
            outcome = GivenUp(code, signal=signal) if delay is None else Retry(delay, code, signal=signal)
            return JudgedAttempt(verdict, code, outcome)


def _verdict(answer: ReceiverResponse | NoResponse) -> Verdict:
    if isinstance(answer, NoResponse):
        return _SILENCES[answer.reason]
    if answer.status == 410:
        return Verdict.GONE
    return _CLASSES.get(answer.status // 100, Verdict.ODD_STATUS)


def _signal(verdict: Verdict) -> Signal:
    """An attempt's effect on the health of its lane: a receiver that answers 4xx works."""
    match verdict:
        case Verdict.DELIVERED:
            return Signal.GOOD
        case (
            Verdict.SERVER_ERROR
            | Verdict.UNRESOLVED
            | Verdict.UNREACHABLE
            | Verdict.TLS
            | Verdict.TIMEOUT
            | Verdict.RESET
            | Verdict.PROTOCOL
        ):
            return Signal.BAD
        case (
            Verdict.GONE
            | Verdict.REDIRECTED
            | Verdict.CLIENT_ERROR
            | Verdict.ODD_STATUS
            | Verdict.BLOCKED
            | Verdict.BODY_LOST
            | Verdict.UNSIGNED
        ):
            return Signal.NEUTRAL
        case _:
            assert_never(verdict)


def _delay(
    answer: ReceiverResponse | NoResponse,
    tries: int,
    schedule: RetrySchedule,
    jitter: float,
    now: float,
) -> float | None:
    """Seconds until the next attempt: as in the schedule, or longer if the receiver asks for that."""
    delay = schedule.delay_after(tries)
    if delay is None:
        return None
    retry_after = parse_retry_after(answer.retry_after, now) if isinstance(answer, ReceiverResponse) else None
    if retry_after is not None and retry_after > 0:
        delay = max(delay, min(max(retry_after, SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER))
    return delay + jitter * min(MAX_JITTER, delay / 10)


class AttemptDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """The facts of one attempt beyond its status; what `Attempt.detail` holds."""

    address: str | None = None
    reason: str | None = None
    """Why there was no answer."""
    answer: str | None = None
    """The receiver's answer, up to `BODY_LIMIT` bytes of it, when it is text in UTF-8."""
    answer_base64: str | None = None
    """The same if it is no such text."""
    thin: bool = False
    """Whether only a link to the result was sent, as after a 413."""
    phases: Phases | None = None
    caught: CaughtRequest | None = None
    """What the receiver inside this server got (`callbacks.catcher`)."""


def detail(
    answer: ReceiverResponse | NoResponse, *, thin: bool = False, caught: CaughtRequest | None = None
) -> bytes:
    """One attempt's facts as JSON."""
    if isinstance(answer, NoResponse):
        facts = AttemptDetail(answer.address, answer.detail, thin=thin, phases=answer.phases)
    else:
        text = text_of(answer.body)
        facts = AttemptDetail(
            answer.address,
            answer=text or None,
            answer_base64=b64encode(answer.body).decode() if text is None else None,
            thin=thin,
            phases=answer.phases,
            caught=caught,
        )
    return msgspec.json.encode(facts)


def text_of(body: bytes) -> str | None:
    """An answer's body as text that every database can store (without NUL); None if it is no such text."""
    try:
        # A character that was cut by the limit is left out.
        text, _ = utf_8_decode(body, "strict", len(body) < BODY_LIMIT)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


_decoder = msgspec.json.Decoder(DeliveryOrder)

_CLASSES = {
    2: Verdict.DELIVERED,
    3: Verdict.REDIRECTED,
    4: Verdict.CLIENT_ERROR,
    5: Verdict.SERVER_ERROR,
}

# Without `NoResponseReason.OURS`, which means nothing about the receiver.
_SILENCES = {
    NoResponseReason.DNS: Verdict.UNRESOLVED,
    NoResponseReason.BLOCKED: Verdict.BLOCKED,
    NoResponseReason.CONNECT: Verdict.UNREACHABLE,
    NoResponseReason.TLS: Verdict.TLS,
    NoResponseReason.TIMEOUT: Verdict.TIMEOUT,
    NoResponseReason.RESET: Verdict.RESET,
    NoResponseReason.PROTOCOL: Verdict.PROTOCOL,
}
