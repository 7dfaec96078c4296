"""What the handlers of recordings and of texts have in common: the response is stored, and ends the job.

If the process dies anywhere in here, the job's lease is lost and another claim starts it from the top:
nothing is written but the document, under a key of the request's own, so that a second run overwrites what
the first one left.
"""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ringback import telemetry
from ringback.blobs import BlobStore, StoredDocument, StoreUnreachable, store_document
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.clock import Clock
from ringback.errors import Failure
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Attempt,
    Done,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
)
from ringback.jobs.work_span import add_outcome, work_span
from ringback.listen import results
from ringback.telemetry import tracing
from ringback.telemetry.tracing import SpanKind
from ringback.transcription.faults import FAULT, report_fault, schedule_for
from ringback.transcription.request import (
    TranscriptionOrder,
    TranscriptionResult,
    document_key,
    order_of,
    request_usage,
)

BLOB_STORE_DELAYS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds between tries to store a finished document, before the whole job is tried again later."""


@dataclass(frozen=True, slots=True)
class CallerResponse:
    """What the caller gets, whether it waits or is called back."""

    status: int
    document: bytes
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""
    counted_seconds: float = 0.0
    """Seconds of audio that count against daily limits: those that were worked on, of every channel."""
    input_tokens: int = 0
    output_tokens: int = 0
    """What a language model's server has counted."""


class RequestHandler(ABC):
    """Carries out one request per call: makes the response, stores its document, ends the job with its
    delivery. Many run at once."""

    done: str
    """What the attempt's outcome is called when the response is good."""
    stage: str
    """The label of this work's share of the time until a callback (`telemetry.CALLBACK_SECONDS`)."""

    def __init__(self, blobs: BlobStore, clock: Clock) -> None:
        self._blobs = blobs
        self._clock = clock

    async def __call__(self, lease: Lease) -> Outcome:
        job = lease.job
        order = order_of(job.payload)
        started_at = self._clock.now()
        with work_span(self.stage, SpanKind.CONSUMER, job, order.trace, started_at) as span:
            outcome = await self._outcome(job, order, started_at)
            add_outcome(span, outcome)
        return outcome

    async def _outcome(self, job: Job, order: TranscriptionOrder, started_at: float) -> Outcome:
        try:
            response = await self._response_or_fault(job, order)
            if isinstance(response, Interrupted):
                return response
            if isinstance(response, Retry):
                return _with_attempt(response, Attempt(started_at, self._clock.now(), "not_fetched"))
            stored = await self._store_document(job.id, response.document)
        except Exception as error:
            delay = schedule_for(error).delay_after(job.tries + 1)
            report_fault(job, error, delay)
            if delay is not None:
                return Retry(delay, attempt=Attempt(started_at, self._clock.now(), "failed"))
            response = error_response(FAULT, job)
            # Small enough for the job's row: this works without a blob store.
            stored = await store_document(self._blobs, document_key(job.id), response.document)
        return self._done(job, order, response, stored, started_at)

    @abstractmethod
    async def _response(self, job: Job, order: TranscriptionOrder) -> CallerResponse | Retry | Interrupted:
        """The response, good or bad. Or `Retry`: what is at the URL is to be fetched again; or `Interrupted`:
        it is not this job's turn. Raises for faults of ours that may pass."""

    @abstractmethod
    def _report_end(
        self,
        job: Job,
        order: TranscriptionOrder,
        response: CallerResponse,
        since_accepted: float,
        seconds: float,
    ) -> None:
        """The canonical event of one request; `seconds` of work."""

    async def _response_or_fault(
        self, job: Job, order: TranscriptionOrder
    ) -> CallerResponse | Retry | Interrupted:
        if job.losses >= LOSSES_BEFORE_PARKING - 1:
            # One crash more, and the job is parked with no response at all: give one now.
            telemetry.problem("transcription.poisonous", request_id=job.id, losses=job.losses)
            return error_response(FAULT, job)
        return await self._response(job, order)

    async def _store_document(self, job_id: JobId, document: bytes) -> StoredDocument:
        """Waits while the blob store cannot be reached: a new try of the job may be hours of work."""
        for delay in BLOB_STORE_DELAYS:
            try:
                return await store_document(self._blobs, document_key(job_id), document)
            except StoreUnreachable as error:
                telemetry.problem(
                    "transcription.not_kept", request_id=job_id, error=str(error), again_in=delay
                )
            await asyncio.sleep(delay)
        return await store_document(self._blobs, document_key(job_id), document)

    def _done(
        self,
        job: Job,
        order: TranscriptionOrder,
        response: CallerResponse,
        stored: StoredDocument,
        started_at: float,
    ) -> Done:
        """The end of the job, with the delivery that follows from it in the same transaction."""
        ended_at = self._clock.now()
        since_accepted, seconds = ended_at - job.created_at, ended_at - started_at
        if order.callback is not None:
            exemplar = tracing.exemplar()
            telemetry.CALLBACK_SECONDS.labels("wait").observe(max(0.0, since_accepted - seconds), exemplar)
            telemetry.CALLBACK_SECONDS.labels(self.stage).observe(seconds, exemplar)
        self._report_end(job, order, response, since_accepted, seconds)
        outcome = self.done if response.status == 200 else "refused"
        result = TranscriptionResult(
            stored,
            response.duration,
            response.channels,
            response.model,
            response.input_tokens,
            response.output_tokens,
        )
        return Done(
            code=response.status,
            result=msgspec.json.encode(result),
            follow_ups=_deliveries(job, order, response.status, stored),
            attempt=Attempt(started_at, ended_at, outcome, response.status),
            audio_seconds=response.counted_seconds if order.counts_audio else 0.0,
            used=request_usage(job, order, result, response.status),
        )


def error_response(failure: Failure, job: Job) -> CallerResponse:
    """A failure in Deepgram's words, as the caller gets it."""
    return CallerResponse(failure.status, results.error_body(failure, job.id))


def _with_attempt(retry: Retry, attempt: Attempt) -> Retry:
    return retry if retry.attempt is not None else replace(retry, attempt=attempt)


def _deliveries(
    job: Job, order: TranscriptionOrder, status: int, document: StoredDocument
) -> tuple[NewJob, ...]:
    """None or one: the callback."""
    if order.callback is None:
        return ()
    delivery = DeliveryOrder(
        request_id=job.id,
        url=order.callback,
        method=order.options.callback_method,
        status=status,
        key_id=job.accessor,
        body=document,
        schedule=order.options.callback_schedule,
        destination=order.callback_destination,
        accepted_at=job.created_at,
        trace=order.trace,
    )
    return (delivery_job(delivery, project=job.project, accessor=job.accessor, tags=job.tags),)
