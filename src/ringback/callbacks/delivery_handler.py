"""The handler of delivery jobs: each call makes one attempt, and returns what becomes of the job.

If the process dies in here, the job is not settled: its lease expires, and the attempt is made again with the
same `webhook-id`. Therefore a callback is delivered at least once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from ringback.blobs import BlobStore, StoredDocument, read_document
from ringback.callbacks.catcher import catchers_answer, caught_request, is_catcher
from ringback.callbacks.delivery import (
    AttemptDetail,
    DeliveryOrder,
    Verdict,
    callback_context,
    detail,
    headers,
    is_refused_for_size,
    judge,
    order_of,
    thin_body,
    webhook_id_of,
)
from ringback.callbacks.operational import OperatorReceiver
from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.names import Requester
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits, NoResponse, NoResponseReason, ReceiverResponse
from ringback.egress.target import Target, TargetError, parse_target
from ringback.jobs.job import Attempt, Done, GivenUp, Interrupted, Job, JobId, Lease, Outcome, Retry
from ringback.jobs.store import LedgerUnavailable
from ringback.jobs.work_span import add_outcome, work_span
from ringback.retry_schedule import RetrySchedule, schedule_or_default
from ringback.sealing import Seal, UnsealFailed
from ringback.telemetry import ATTEMPT_SECONDS, ATTEMPTS, CALLBACK_SECONDS, event, problem, tracing
from ringback.telemetry.tracing import SpanKind, TraceSpan

LARGE_BYTES = 256 << 20
"""Of large results that are in memory at a time: enough that receivers which do not answer do not delay the
others. Small results are in their rows, which the claim has read already."""

LARGE_READ_AT_ONCE = 8
"""Large results that are being read, or were read and wait for `LARGE_BYTES`."""

LOCAL_FAULT_DELAY = 10.0
"""Seconds until the next try of a delivery that this machine could not make: it had no free connection, or
could not read the signing secret."""
LOCAL_FAULT_PAUSE = 1.0
"""For so many seconds its slot then stays in use: the next job would fail in the same way."""


ReadAttempts: TypeAlias = Callable[[JobId, int], Awaitable[Sequence[Attempt]]]
"""The latest attempts at a job, up to a number: the ledger's `attempts`."""

Sign: TypeAlias = Callable[[str | None, str, bytes], Awaitable[Mapping[str, str]]]
"""The headers that sign a body for a key, with a `webhook-id`: `Signers.sign`."""


class Deliverer:
    """Makes the attempts; one object, called for every lease of kind `deliver`."""

    def __init__(
        self,
        egress: EgressClient,
        policy: Policy,
        blobs: BlobStore,
        limits: Limits,
        schedule: RetrySchedule,
        *,
        seal: Seal,
        sign: Sign,
        clock: Clock,
        read_attempts: ReadAttempts,
        public_url: str = "",
        operator: OperatorReceiver | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`limits`: of each attempt. `schedule`: of deliveries without their own. `operator`: None if no
        events are sent."""
        self._egress = egress
        self._policy = policy
        self._blobs = blobs
        self._limits = limits
        self._schedule = schedule
        self._seal = seal
        self._sign = sign
        self._read_attempts = read_attempts
        self._public_url = public_url
        self._operator = operator
        self._clock = clock
        self._chance = chance
        self._reading = asyncio.Semaphore(LARGE_READ_AT_ONCE)
        self._large = _ByteBudget(LARGE_BYTES)

    async def __call__(self, lease: Lease) -> Done | Retry | GivenUp | Interrupted:
        """Make one attempt, record it, and return what becomes of the job.

        `Interrupted`, with nothing recorded, if this machine could not make the attempt.
        """
        job = lease.job
        order = order_of(job)
        with work_span("deliver", SpanKind.CLIENT, job, order.trace, self._clock.now()) as span:
            if span.context is not order.trace:
                order = structs.replace(order, trace=span.context)  # the receiver's work follows from this
            if order.event is not None:
                outcome = await self._send_event(job, order)
            else:
                outcome = await self._send_callback(job, order)
            _add_facts(span, order, outcome)
        return outcome

    async def _send_callback(self, job: Job, order: DeliveryOrder) -> Done | Retry | GivenUp | Interrupted:
        try:
            url = self._seal.open_if_sealed(order.url, callback_context(order.request_id))
            target = parse_target(url, self._policy, ports=True)
        except UnsealFailed as error:
            return self._unsent(job, Verdict.BLOCKED, f"the callback url cannot be opened: {error}")
        except TargetError as error:
            # It was allowed at admission: the operator has forbidden its port since.
            return self._unsent(job, Verdict.BLOCKED, f"the callback url can no longer be used: {error}")
        async with AsyncExitStack() as stack:
            try:
                body = await self._body(order.body, stack)
            except OSError as error:
                return await _not_tried(job, f"its body cannot be read: {error}")
            if body is None:
                return self._unsent(job, Verdict.BODY_LOST, "the result is no longer kept")
            try:
                thin = await self._must_be_thin(job, order)
            except LedgerUnavailable as error:
                return await _not_tried(job, f"its attempts cannot be read: {error}")
            if thin:
                body = thin_body(order, job.project, len(body), self._public_url)
            return await self._attempt(job, order, target, body, thin=thin)

    async def _send_event(self, job: Job, order: DeliveryOrder) -> Done | Retry | GivenUp | Interrupted:
        """To the present URL of the settings, not to that of the time when the event was added."""
        if self._operator is None:
            return self._unsent(job, Verdict.BLOCKED, "webhooks.url is not set any more")
        if order.body.inline is None:
            return self._unsent(job, Verdict.BODY_LOST, "the event is no longer kept")
        body = order.body.inline.encode()
        target, egress = self._operator.target, self._operator.egress
        return await self._attempt(job, order, target, body, thin=False, egress=egress)

    async def _must_be_thin(self, job: Job, order: DeliveryOrder) -> bool:
        """Whether the receiver has refused the document for its size since the job was last queued.

        A redelivery counts its tries from 0 again: the receiver may have raised its limit. Responses of live
        streams are never thin, because they cannot be fetched.
        """
        if job.tries == 0 or order.number is not None:
            return False
        return is_refused_for_size(await self._read_attempts(job.id, job.tries))

    async def _body(self, document: StoredDocument, stack: AsyncExitStack) -> bytes | None:
        """The document; None if it is lost. Its bytes are reserved until `stack` is closed."""
        if document.inline is not None:
            return document.inline.encode()
        async with self._reading:
            try:
                body = await read_document(self._blobs, document)
            except KeyError:
                return None
            await stack.enter_async_context(self._large.reserve(len(body)))
        return body

    async def _attempt(
        self,
        job: Job,
        order: DeliveryOrder,
        target: Target,
        body: bytes,
        *,
        thin: bool,
        egress: EgressClient | None = None,
    ) -> Done | Retry | GivenUp | Interrupted:
        began = self._clock.now()
        if (presigned := target.presigned) is not None:
            target = target.without_credentials
        webhook_id = webhook_id_of(order, job)
        sent_headers = headers(order, webhook_id, job.tries + 1, presigned)
        if presigned is None:
            try:
                sent_headers |= await self._sign(order.key_id, webhook_id, body)
            except LedgerUnavailable as error:
                return await _not_tried(job, f"it cannot be signed: {error}")
            except UnsealFailed as error:  # another node may have the right key
                delay = schedule_or_default(order.schedule, self._schedule).delay_after(job.tries + 1)
                return self._unsent(job, Verdict.UNSIGNED, f"it cannot be signed: {error}", delay)
        requester = Requester(job.project, job.accessor or order.key_id or "")
        caught = caught_request(order.method, sent_headers, body) if is_catcher(target) else None
        if caught is not None:
            answer: ReceiverResponse | NoResponse = catchers_answer(target)
        else:
            send = (egress or self._egress).send_request
            answer = await send(target, order.method, sent_headers, body, self._limits, requester=requester)
        if isinstance(answer, NoResponse) and answer.reason is NoResponseReason.OURS:
            return await _not_tried(job, answer.detail)
        ended = self._clock.now()
        schedule = schedule_or_default(order.schedule, self._schedule)
        judgement = judge(answer, job.tries + 1, schedule, jitter=self._chance(), now=ended)
        facts = detail(answer, thin=thin, caught=caught)
        attempt = Attempt(began, max(began, ended), judgement.verdict.value, judgement.code, facts)
        outcome = structs.replace(judgement.outcome, attempt=attempt)
        _report_attempt(job, order, target, answer=answer, outcome=outcome)
        return outcome

    def _unsent(self, job: Job, verdict: Verdict, reason: str, delay: float | None = None) -> Retry | GivenUp:
        """Nothing was sent; it is retried after `delay` seconds, or given up."""
        now = self._clock.now()
        _attempts_of(verdict.value).inc()
        event(
            "delivery.attempted",
            **_identity(job),
            outcome=verdict.value,
            attempt=job.tries + 1,
            next="parked" if delay is None else "retry",
            delay=delay,
            reason=reason,
        )
        if delay is None:
            _report_parked(job, verdict.value, reason=reason)
        detail_json = msgspec.json.encode(AttemptDetail(reason=reason))
        attempt = Attempt(now, now, verdict.value, None, detail_json)
        return GivenUp(attempt=attempt) if delay is None else Retry(delay, attempt=attempt)


class _ByteBudget:
    """Bytes that can be reserved at a time, first come, first served. A reservation of more than all of them
    waits until there is no other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._reserved = 0
        self._turn = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def reserve(self, count: int) -> AsyncIterator[None]:
        async with self._turn:
            while self._reserved and self._reserved + count > self._most:
                self._released.clear()
                await self._released.wait()
            self._reserved += count
        try:
            yield
        finally:
            self._reserved -= count
            self._released.set()


async def _not_tried(job: Job, reason: str) -> Interrupted:
    problem("delivery.not_tried", **_identity(job), reason=reason)
    await asyncio.sleep(LOCAL_FAULT_PAUSE)
    return Interrupted(LOCAL_FAULT_DELAY)


def _report_attempt(
    job: Job,
    order: DeliveryOrder,
    target: Target,
    *,
    answer: ReceiverResponse | NoResponse,
    outcome: Done | Retry | GivenUp,
) -> None:
    """The canonical event of an attempt: all facts but path, query, credentials and content."""
    assert outcome.attempt is not None
    verdict = outcome.attempt.outcome
    phases = answer.phases
    _count_attempt(job, order, outcome.attempt, phases.total, delivered=isinstance(outcome, Done))
    event(
        "delivery.attempted",
        **_identity(job),
        outcome=verdict,
        status=answer.status if isinstance(answer, ReceiverResponse) else None,
        attempt=job.tries + 1,
        next=_next(outcome),
        delay=round(outcome.delay, 3) if isinstance(outcome, Retry) else None,
        destination=target.origin,
        address=answer.address,
        method=order.method,
        reason=answer.detail if isinstance(answer, NoResponse) else None,
        dns_s=phases.dns,
        connect_s=phases.connect,
        tls_s=phases.tls,
        first_byte_s=phases.first_byte,
        total_s=phases.total,
    )
    if isinstance(outcome, GivenUp):
        _report_parked(
            job,
            verdict,
            destination=target.origin,
            status=outcome.code,
            reason=answer.detail if isinstance(answer, NoResponse) else None,
        )


def _add_facts(span: TraceSpan, order: DeliveryOrder, outcome: Outcome) -> None:
    """To the span of an attempt: where it went, and what came of it."""
    add_outcome(span, outcome)
    if span.exemplar is None:
        return
    place = urlsplit(order.destination or "")
    code = None if isinstance(outcome, Interrupted) else outcome.code
    span.add(
        {
            "http.request.method": order.method,
            "http.response.status_code": code,
            "server.address": place.hostname,
            "server.port": place.port,
        }
    )
    if not isinstance(outcome, Done) and not isinstance(outcome, Interrupted) and outcome.attempt is not None:
        span.fail(outcome.attempt.outcome if code is None else str(code))


def _count_attempt(
    job: Job, order: DeliveryOrder, attempt: Attempt, seconds: float, *, delivered: bool
) -> None:
    """In the metrics. `seconds`: from the attempt's beginning to the end of the receiver's response."""
    _attempts_of(attempt.outcome).inc()
    exemplar = tracing.exemplar()
    ATTEMPT_SECONDS.observe(seconds, exemplar)
    if delivered:
        _seconds_of("deliver").observe(max(0.0, attempt.ended_at - job.created_at), exemplar)
        if order.accepted_at is not None:
            _seconds_of("total").observe(max(0.0, attempt.ended_at - order.accepted_at), exemplar)


_attempts_of, _seconds_of = cache(ATTEMPTS.labels), cache(CALLBACK_SECONDS.labels)
"""Looking up a metric by its label costs more than to count in it."""


def _report_parked(
    job: Job,
    outcome: str,
    *,
    destination: str | None = None,
    status: int | None = None,
    reason: str | None = None,
) -> None:
    """It is not retried: an operator has to check the receiver and send it again."""
    problem(
        "delivery.parked",
        **_identity(job),
        key=job.accessor,
        destination=destination,
        attempts=job.tries + 1,
        outcome=outcome,
        status=status,
        reason=reason,
    )


def _identity(job: Job) -> dict[str, str | None]:
    """The facts that identify a delivery in each event."""
    return {"job_id": job.id, "request_id": job.parent, "project": job.project}


def _next(outcome: Done | Retry | GivenUp) -> str:
    match outcome:
        case Done():
            return "done"
        case Retry():
            return "retry"
        case GivenUp():
            return "parked"
