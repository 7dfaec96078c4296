"""Sending a result again: what may be sent, and as which job. Pure.

A delivery that was given up is simply due again: same job, same attempts, same `webhook-id`. One that was
delivered or cancelled, or that is to go elsewhere, becomes a new job beside the old one; where the receiver
may know it already it bears the `webhook-id` of the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import (
    DeliveryOrder,
    callback_context,
    order_job,
    webhook_id_of,
)
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.egress.target import Target
from ringback.errors import Refusal
from ringback.jobs.job import LIVE, Job, JobId, NewJob, State
from ringback.sealing import Seal
from ringback.transcription.request import WITH_RESULT, not_kept, order_of, result_of


@dataclass(frozen=True, slots=True)
class RedeliveryRequest:
    """What a caller wants to have sent again."""

    delivery: JobId | None = None
    """One of the request's deliveries; None: those that were given up, or else the latest."""
    target: Target | None = None
    """Where it is to go instead, as admitted; None: where it went before."""
    method: str | None = None
    """`POST` or `PUT`, with `target`; None: as before."""


@dataclass(frozen=True, slots=True)
class RequeueJobs:
    """Make these parked jobs due again, in this order."""

    jobs: tuple[JobId, ...]


@dataclass(frozen=True, slots=True)
class AddJob:
    """Add this job."""

    job: NewJob


def redelivery(
    request: Job, followers: Sequence[Job], redelivery_request: RedeliveryRequest, seal: Seal
) -> RequeueJobs | AddJob:
    """What has to be done; `followers` are the request's, in the order of their making.

    Raises `Refusal`: 404 for a delivery that is not this request's, 409 while there is nothing to send (yet),
    410 when it is no longer kept.
    """
    deliveries = [job for job in followers if job.kind == DELIVER]
    if redelivery_request.delivery is not None:
        deliveries = [job for job in deliveries if job.id == redelivery_request.delivery]
        if not deliveries:
            raise Refusal(404, "DELIVERY_NOT_FOUND", "This request has no such delivery.")
    if redelivery_request.target is not None:
        return AddJob(_elsewhere(request, deliveries, redelivery_request, seal))
    if not deliveries:
        return _without_delivery(request)
    parked = tuple(job.id for job in deliveries if job.state is State.PARKED and is_kept(job))
    return RequeueJobs(parked) if parked else AddJob(sent_again(deliveries[-1]))


def sent_again(delivery: Job) -> NewJob:
    """A new job that sends what an ended one sent, to where that went. Raises `Refusal` (409, 410)."""
    if delivery.state in LIVE:
        raise Refusal(409, "DELIVERY_NOT_ENDED", "This delivery is still on its way.")
    if not is_kept(delivery):
        raise not_kept()
    order = delivery_of(delivery)
    return _job(structs.replace(order, webhook_id=webhook_id_of(order, delivery)), delivery)


def is_kept(delivery: Job) -> bool:
    """Whether it still has what it sent."""
    return delivery_of(delivery).body != StoredDocument()


def _elsewhere(
    request: Job, deliveries: Sequence[Job], redelivery_request: RedeliveryRequest, seal: Seal
) -> NewJob:
    """To a URL that was not ordered; the latest delivery says what is sent, or else the result itself."""
    assert redelivery_request.target is not None
    if deliveries:
        before = deliveries[-1]
        if not is_kept(before):
            raise not_kept()
        order = delivery_of(before)
        order = structs.replace(order, webhook_id=webhook_id_of(order, before))
    else:
        order = _first(request)
    sealed = seal.seal(redelivery_request.target.reveal_url(), callback_context(order.request_id))
    order = structs.replace(
        order,
        url=sealed,
        destination=redelivery_request.target.origin,
        method=redelivery_request.method or order.method,
    )
    return _job(order, deliveries[-1] if deliveries else request)


def _first(request: Job) -> DeliveryOrder:
    """Of a result that was never sent to anybody; its URL is still missing."""
    _must_have_ended(request)
    if request.kind not in WITH_RESULT or request.result is None or request.code is None:
        raise Refusal(409, "NO_RESULT", "This request has no result that could be sent.")
    document = result_of(request.result).document
    if document == StoredDocument():
        raise not_kept()
    order = order_of(request.payload)
    return DeliveryOrder(
        request_id=request.id,
        url="",
        method="POST",
        status=request.code,
        key_id=request.accessor,
        body=document,
        schedule=order.options.callback_schedule,
        trace=order.trace,
    )


def _without_delivery(request: Job) -> RequeueJobs:
    """A request that was given up itself is tried again; the delivery follows from it."""
    _must_have_ended(request)
    if request.kind in WITH_RESULT and request.state is State.PARKED:
        order = order_of(request.payload)
        if order.audio is None and order.url is None:
            raise not_kept()
        return RequeueJobs((request.id,))
    if request.state is State.CANCELLED:
        raise Refusal(409, "REQUEST_CANCELLED", "The request was cancelled: it has no result.")
    raise Refusal(409, "NO_CALLBACK", "This request had no callback: name a `url` to send its result to.")


def _must_have_ended(request: Job) -> None:
    if request.state in LIVE:
        raise Refusal(409, "REQUEST_NOT_ENDED", "The request has no result yet.")


def _job(order: DeliveryOrder, like: Job) -> NewJob:
    return order_job(order, project=like.project, accessor=like.accessor, tags=like.tags)
