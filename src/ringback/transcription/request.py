"""A transcription as it stands in the ledger: what was ordered, and what became of it."""

import msgspec
from msgspec import structs

from ringback.blobs import BlobKey, Kept
from ringback.jobs.job import JobId, Lane, NewJob
from ringback.listen.options import ListenOptions

KIND = "transcribe"


class Order(msgspec.Struct, frozen=True):
    """The payload of a transcription job: all that its handler needs, wherever it runs."""

    options: ListenOptions
    model: str
    """`ModelInfo.name`, resolved when the request was accepted."""
    audio: BlobKey | None = None
    """The upload; None: fetch `url`."""
    sha256: str | None = None
    url: str | None = None
    callback: str | None = None
    """The callback's URL as it was judged at submit, credentials and all."""


class Ending(msgspec.Struct, frozen=True):
    """The result of a transcription job: its document, and the facts that the history shows."""

    document: Kept
    """Deepgram's result document, or its error object when `Job.code` is 400 or above."""
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""


def order_job(order: Order, request_id: JobId, *, project: str, accessor: str | None) -> NewJob:
    """The job for one accepted request; its id is Deepgram's `request_id`."""
    # The callback stands in the order, as it was judged; its credentials need not lie there twice.
    order = structs.replace(order, options=structs.replace(order.options, callback=None))
    return NewJob(
        id=request_id,
        kind=KIND,
        lane=Lane(project),
        project=project,
        payload=msgspec.json.encode(order),
        accessor=accessor,
        method="sync" if order.callback is None else "async",
        tags=order.options.tag,
    )


def audio_key(request_id: JobId) -> BlobKey:
    return BlobKey(f"audio/{request_id}")


def document_key(request_id: JobId) -> BlobKey:
    return BlobKey(f"result/{request_id}")


def order_of(payload: bytes) -> Order:
    return _ORDER.decode(payload)


def ending_of(result: bytes) -> Ending:
    return _ENDING.decode(result)


_ORDER = msgspec.json.Decoder(Order)
_ENDING = msgspec.json.Decoder(Ending)
