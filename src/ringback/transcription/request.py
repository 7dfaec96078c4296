"""A transcription as it stands in the ledger: what was ordered, and what became of it."""

import msgspec
from msgspec import structs

from ringback.blobs import BlobKey, Kept
from ringback.callbacks.delivery import place_of_callback
from ringback.egress.target import read_target
from ringback.errors import Refusal
from ringback.jobs.job import Job, JobId, NewJob
from ringback.jobs.lane import callers_lane
from ringback.listen.options import ListenOptions
from ringback.sealing import Seal

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
    """Where the audio is, as it was judged at submit; in the ledger sealed, see `opened_url`."""
    callback: str | None = None
    """The callback's URL as it was judged at submit; in the ledger sealed, for `place_of_callback`."""
    callback_origin: str | None = None
    """`scheme://host:port` of the callback, which needs no secrecy."""
    counts_audio: bool = False
    """Whether its key or project had a daily limit of audio when it was accepted: see `quota`."""


class Ending(msgspec.Struct, frozen=True):
    """The result of a transcription job: its document, and the facts that the history shows."""

    document: Kept
    """Deepgram's result document, or its error object when `Job.code` is 400 or above."""
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""


def order_job(order: Order, request_id: JobId, seal: Seal, *, project: str, accessor: str | None) -> NewJob:
    """The job for one accepted request; its id is Deepgram's `request_id`. Seals the order's URLs."""
    order = _sealed(order, request_id, seal)
    return NewJob(
        id=request_id,
        kind=KIND,
        lane=callers_lane(project, accessor),
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


def opened_url(order: Order, request_id: JobId, seal: Seal) -> str:
    """Where the audio of an order from the ledger is. Raises `CannotOpen`."""
    assert order.url is not None
    return seal.open_if_sealed(order.url, _place_of_url(request_id))


def origin_of_callback(order: Order) -> str | None:
    """Where the callback of an order from the ledger goes, as far as it may be shown."""
    if order.callback is None or order.callback_origin is not None:
        return order.callback_origin
    return read_target(order.callback).origin  # accepted before URLs were sealed


def still_kept(job: Job, keep_results: float, now: float) -> bool:
    """Whether an ended request's document must still be there: nobody may have deleted it yet."""
    return (
        job.result is not None
        and ending_of(job.result).document != Kept()
        and job.finished_at is not None
        and now < job.finished_at + keep_results
    )


def not_kept() -> Refusal:
    """A result that was there, and was deleted in time."""
    return Refusal(410, "RESULT_NOT_KEPT", "The result of this request is no longer kept.")


def ending_of(result: bytes) -> Ending:
    return _ENDING.decode(result)


def _sealed(order: Order, request_id: JobId, seal: Seal) -> Order:
    # The callback stands in the order, as it was judged; its credentials need not lie there twice.
    order = structs.replace(order, options=structs.replace(order.options, callback=None))
    if order.url is not None:
        order = structs.replace(order, url=seal.seal(order.url, _place_of_url(request_id)))
    if order.callback is not None:
        origin = read_target(order.callback).origin
        sealed = seal.seal(order.callback, place_of_callback(request_id))
        order = structs.replace(order, callback=sealed, callback_origin=origin)
    return order


def _place_of_url(request_id: JobId) -> str:
    return f"audio url of {request_id}"


_ORDER = msgspec.json.Decoder(Order)
_ENDING = msgspec.json.Decoder(Ending)
