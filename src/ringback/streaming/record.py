"""A live stream's record in the ledger, for the request history and its key's allowance.

The record is a job that is leased from the start by the server that has the stream. A stream whose server
died is ended, not run again. The payload is a `RequestOrder`."""

from typing import Protocol

import msgspec

from ringback.blobs import StoredDocument
from ringback.callbacks.order import RequestOrder
from ringback.errors import Failure
from ringback.jobs.job import Allowance, Attempt, Done, Job, JobId, Lane, Lease, NewJob
from ringback.jobs.store import JobReader, LeaseStore
from ringback.jobs.usage import UsageCounter
from ringback.listen import results
from ringback.usage import used_by

KIND = "stream"
METHOD = "streaming"


class StreamRecordStore(LeaseStore, JobReader, UsageCounter, Protocol):
    """The ledger's side of a live stream's record."""

    async def begin(self, job: NewJob, lease_seconds: float, allowance: Allowance | None = None) -> Lease:
        """Add a job that its adder works on itself: it is leased from the start, whatever its lane's cap.

        If the adder dies the lease is lost like any other, and the job is queued for a worker of its kind.
        Raises as `add` does, and `ValueError` for a job with a sequence or a delay: it waits for nothing.
        """
        ...


class StreamResult(msgspec.Struct, frozen=True):
    """The result of the record: the stream's document, and the facts that the history shows."""

    document: StoredDocument
    """The stream's Metadata message, or an error object if it ended without one."""
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""


def record_job(order: RequestOrder, request_id: JobId, *, project: str, accessor: str | None) -> NewJob:
    """The record of a stream that begins; its id is Deepgram's `request_id`. `order`: as `with_callback` made
    it."""
    return NewJob(
        id=request_id,
        kind=KIND,
        lane=Lane(project),
        project=project,
        payload=msgspec.json.encode(order),
        accessor=accessor,
        method=METHOD,
        tags=order.options.tag,
    )


def ended(
    record: Job,
    result: StreamResult,
    status: int,
    *,
    started_at: float,
    ended_at: float,
    audio_seconds: float = 0.0,
) -> Done:
    """The end of a stream, whichever it was: nothing about it will be tried again. `audio_seconds`: what is
    not counted yet for its key and project."""
    return Done(
        code=status,
        result=msgspec.json.encode(result),
        attempt=Attempt(
            started_at, max(started_at, ended_at), "streamed" if status == 200 else "broken", status
        ),
        audio_seconds=audio_seconds,
        used=used_by(record, _ORDER.decode(record.payload), result, status),
    )


def error_document(failure: Failure, request_id: JobId) -> StoredDocument:
    return StoredDocument(inline=results.error_body(failure, request_id).decode())


async def end_abandoned(lease: Lease) -> Done:
    """The handler for records whose server died: there is no stream any more."""
    failure = Failure(500, "INTERNAL_SERVER_ERROR", "The server ended while the stream was open.")
    at = lease.job.created_at
    return ended(
        lease.job,
        StreamResult(error_document(failure, lease.job.id)),
        failure.status,
        started_at=at,
        ended_at=at,
    )


_ORDER = msgspec.json.Decoder(RequestOrder)
