"""A live stream as it stands in the ledger: so that the request history knows it, and its key's allowance.

The record is a job that its own server works on from the start. It carries nothing that could be done again:
a stream whose server died is ended, not repeated. Its JSON has the field names of a transcription's, whose
readers it shares.
"""

import msgspec
from msgspec import structs

from ringback.blobs import Kept
from ringback.errors import Failure
from ringback.jobs.job import Attempt, Done, JobId, Lane, Lease, NewJob
from ringback.listen import results
from ringback.listen.options import ListenOptions

KIND = "stream"
METHOD = "streaming"


class StreamOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for."""

    options: ListenOptions
    model: str
    """`ModelInfo.name`."""
    callback: str | None = None
    """Sealed, for `place_of_callback`."""
    callback_origin: str | None = None
    """`scheme://host:port`, which needs no secrecy."""


class StreamEnding(msgspec.Struct, frozen=True):
    """What became of it."""

    document: Kept
    """The stream's Metadata message, or an error object where it did not come to that."""
    duration: float = 0.0
    """Seconds of audio that were heard."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""


def record_job(order: StreamOrder, request_id: JobId, *, project: str, accessor: str | None) -> NewJob:
    """The record of a stream that begins; its id is Deepgram's `request_id`."""
    order = structs.replace(order, options=structs.replace(order.options, callback=None))
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
    ending: StreamEnding, status: int, started_at: float, ended_at: float, audio_seconds: float = 0.0
) -> Done:
    """The end of a stream, whichever it was: nothing about it will be tried again. `audio_seconds`: what is
    not counted yet for its key and project."""
    return Done(
        code=status,
        result=msgspec.json.encode(ending),
        attempt=Attempt(
            started_at, max(started_at, ended_at), "streamed" if status == 200 else "broken", status
        ),
        audio_seconds=audio_seconds,
    )


def error_document(failure: Failure, request_id: JobId) -> Kept:
    return Kept(inline=results.error_body(failure, request_id).decode())


async def end_abandoned(lease: Lease) -> Done:
    """The handler for records whose server died: there is no stream any more."""
    failure = Failure(500, "INTERNAL_SERVER_ERROR", "The server ended while the stream was open.")
    at = lease.job.created_at
    return ended(StreamEnding(error_document(failure, lease.job.id)), failure.status, at, at)
