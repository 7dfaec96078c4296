"""A transcription in the ledger: the job's payload (`TranscriptionOrder`) and result
(`TranscriptionResult`). A text that is to be read has the same, under a kind of its own."""

import msgspec
from msgspec import structs

from ringback.blobs import BlobKey, StoredDocument
from ringback.callbacks.order import RequestOrder, with_callback
from ringback.egress.target import Target
from ringback.errors import Refusal
from ringback.jobs.job import IdempotencyKey, Job, JobId, NewJob
from ringback.jobs.lane import callers_lane
from ringback.jobs.usage import Used
from ringback.sealing import Seal
from ringback.usage import LISTEN, used_by

KIND = "transcribe"
READ = "read"
"""The kind of a text that is to be understood (`POST /v1/read`)."""

WITH_RESULT = frozenset({KIND, READ})
"""Kinds whose requests have one result, in a document of their own."""


class TranscriptionOrder(RequestOrder, frozen=True, kw_only=True):
    """The payload of a job of `WITH_RESULT`: all that its handler needs, on whichever node it runs."""

    audio: BlobKey | None = None
    """The upload, a recording or a text; None: fetch `url`."""
    sha256: str | None = None
    url: str | None = None
    """Where the recording or text is, as admitted; sealed by `order_job`, see `opened_url`."""
    path: str | None = None
    """Where it was asked for, which the history shows; None: at the usual path for its kind."""
    counts_audio: bool = False
    """Whether its key or project had a daily limit of audio when it was accepted: see `quota`."""


class TranscriptionResult(msgspec.Struct, frozen=True):
    """The result of such a job: its document, and the facts that the history shows."""

    document: StoredDocument
    """Deepgram's result document, or its error object when `Job.code` is 400 or above."""
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""
    input_tokens: int = 0
    output_tokens: int = 0
    """What a language model's server has counted."""


def order_job(
    order: TranscriptionOrder,
    request_id: JobId,
    seal: Seal,
    *,
    kind: str = KIND,
    callback: Target | None = None,
    project: str,
    accessor: str | None,
    weight: int = 0,
    idempotency: IdempotencyKey | None = None,
) -> NewJob:
    """The job for one accepted request; its id is Deepgram's `request_id`. Seals the URLs. `weight`: bytes
    that were uploaded."""
    order = with_callback(order, callback, request_id, seal)
    if order.url is not None:
        order = structs.replace(order, url=seal.seal(order.url, _audio_url_context(request_id)))
    return NewJob(
        id=request_id,
        kind=kind,
        lane=callers_lane(project, accessor),
        project=project,
        payload=msgspec.json.encode(order),
        accessor=accessor,
        method="sync" if order.callback is None else "async",
        tags=order.options.tag,
        weight=weight,
        idempotency=idempotency,
    )


def request_usage(
    job: Job, order: TranscriptionOrder, result: TranscriptionResult | None, status: int
) -> Used:
    """What a request adds to usage that was answered with this status; of a live stream, too. `result`: None
    where nothing is kept."""
    tokens = (0, 0) if result is None else (result.input_tokens, result.output_tokens)
    return used_by(job, order, result, status, endpoint=endpoint_of(job.kind), tokens=tokens)


def endpoint_of(kind: str) -> str:
    """Deepgram's word for what requests of this kind are for: `/v1/listen` or `/v1/read`."""
    return "read" if kind == READ else LISTEN


def audio_key(request_id: JobId) -> BlobKey:
    return BlobKey(f"audio/{request_id}")


def document_key(request_id: JobId) -> BlobKey:
    return BlobKey(f"result/{request_id}")


def order_of(payload: bytes) -> TranscriptionOrder:
    return _ORDER.decode(payload)


def opened_url(order: TranscriptionOrder, request_id: JobId, seal: Seal) -> str:
    """Where the audio of an order from the ledger is. Raises `UnsealFailed`."""
    assert order.url is not None
    return seal.open_if_sealed(order.url, _audio_url_context(request_id))


def still_kept(job: Job, keep_results: float, now: float) -> bool:
    """Whether an ended request's document must still be stored: retention has not deleted it yet."""
    return (
        job.result is not None
        and result_of(job.result).document != StoredDocument()
        and job.finished_at is not None
        and now < job.finished_at + keep_results
    )


def not_kept() -> Refusal:
    """A result that was there, and was deleted in time."""
    return Refusal(410, "RESULT_NOT_KEPT", "The result of this request is no longer kept.")


def result_of(result: bytes) -> TranscriptionResult:
    return _ENDING.decode(result)


def _audio_url_context(request_id: JobId) -> str:
    return f"audio url of {request_id}"


_ORDER = msgspec.json.Decoder(TranscriptionOrder)
_ENDING = msgspec.json.Decoder(TranscriptionResult)
