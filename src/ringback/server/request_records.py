"""A request as Deepgram's history record, built from its jobs. Pure.

https://developers.deepgram.com/reference/manage/requests/get.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ringback.callbacks.order import destination_of_callback
from ringback.clock import rfc3339
from ringback.engines.base import ModelInfo
from ringback.jobs.job import Job, State
from ringback.server.error_responses import FLUX_PATH, LISTEN_PATH, READ_PATH
from ringback.server.operations import Timestamp, Uuid
from ringback.transcription.request import (
    READ,
    TranscriptionOrder,
    TranscriptionResult,
    order_of,
    result_of,
)
from ringback.usage import config_of, features_of


class RequestDetails(msgspec.Struct):
    """How a request was made, and how long its audio was."""

    usd: float
    duration: float
    """Seconds."""
    total_audio: float
    """Seconds, the sum of all channels."""
    channels: int
    streams: int
    models: list[Uuid]
    method: str
    tags: tuple[str, ...]
    features: list[str]
    config: dict[str, Any]
    """The parameters that differ from their defaults."""


class RequestResponse(msgspec.Struct):
    """The answer; without `code` and `completed` until there is one."""

    details: RequestDetails
    code: int | UnsetType | None = UNSET
    completed: Timestamp | UnsetType = UNSET


class CallbackSummary(msgspec.Struct):
    """The object that Deepgram's SDKs (Rust, .NET, Python 3 and 4, JavaScript 3 and 4) read."""

    attempts: int
    code: int | None
    """The receiver's last status."""
    completed: Timestamp | None


class RequestRecord(msgspec.Struct):
    """A request as the history shows it."""

    request_id: Uuid
    project_uuid: Uuid
    created: Timestamp
    path: str
    api_key_id: str | None
    method: str
    response: RequestResponse
    code: int | None
    """The status of the answer; null until there is one."""
    deployment: str
    callback: CallbackSummary | str | None
    """Null without a callback; a string for Python SDK 5 alone."""


def record_of(
    job: Job, deliveries: Sequence[Job], models: Sequence[ModelInfo], *, callback_as_text: bool = False
) -> RequestRecord:
    """The record of a request and of its deliveries so far; `models` are those that this server has.

    `callback_as_text`: see `reads_callback_as_text`.
    """
    order = order_of(job.payload)
    has_callback = job.method == "async" or bool(deliveries)
    callback = destination_of_callback(order) if callback_as_text else _callback(deliveries)
    return RequestRecord(
        request_id=job.id,
        project_uuid=job.project,
        created=rfc3339(job.created_at),
        path=order.path or _path(job, order),
        api_key_id=job.accessor,
        method=job.method,
        response=_response(job, order, models),
        code=job.code,
        deployment="self-hosted",
        callback=callback if has_callback else None,
    )


def _path(job: Job, order: TranscriptionOrder) -> str:
    """Where it was asked for."""
    if job.kind == READ:
        return READ_PATH
    return LISTEN_PATH if order.options.thresholds is None else FLUX_PATH


def reads_callback_as_text(headers: Mapping[str, str]) -> bool:
    """Whether the client refuses a record whose `callback` is an object, which most of Deepgram's SDKs
    expect.

    Deepgram's specification says string, and only Python SDK 5 checks it: one request with a callback would
    make it unable to read the whole list.
    """
    language, version = headers.get("x-fern-language", ""), headers.get("x-fern-sdk-version", "")
    return language.lower() == "python" and version.startswith("5.")


def model_id_of(
    order: TranscriptionOrder, ending: TranscriptionResult | None, models: Sequence[ModelInfo]
) -> str | None:
    """The uuid of the model that ran, or is to run; None if the server no longer has that model."""
    if ending is not None and ending.model is not None:
        return ending.model
    return next((model.uuid for model in models if model.name == order.model), None)


def _response(job: Job, order: TranscriptionOrder, models: Sequence[ModelInfo]) -> RequestResponse:
    """Deepgram writes null while a request runs; deepctl 0.4 cannot read that, so the object has what is
    known by then, without `code` and `completed`."""
    ending = None if job.result is None else result_of(job.result)
    details = _details(job, order, ending, models)
    if job.finished_at is None:
        return RequestResponse(details)
    return RequestResponse(details, job.code, rfc3339(job.finished_at))


def _details(
    job: Job, order: TranscriptionOrder, ending: TranscriptionResult | None, models: Sequence[ModelInfo]
) -> RequestDetails:
    model = model_id_of(order, ending, models)
    duration = 0.0 if ending is None else ending.duration
    return RequestDetails(
        usd=0.0,
        duration=duration,
        total_audio=duration * (1 if ending is None else max(1, ending.channels)),
        channels=0 if ending is None else ending.channels,
        streams=1,
        models=[] if model is None else [model],
        method=job.method,
        tags=job.tags,
        features=list(features_of(order.options)),
        config=config_of(order.options),
    )


def _callback(deliveries: Sequence[Job]) -> CallbackSummary:
    if not deliveries:
        return CallbackSummary(0, None, None)
    delivery = deliveries[-1]
    done = delivery.state is State.DONE and delivery.finished_at is not None
    completed = rfc3339(delivery.finished_at) if done and delivery.finished_at is not None else None
    return CallbackSummary(delivery.tries, delivery.code, completed)
