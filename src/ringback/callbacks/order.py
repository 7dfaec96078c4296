"""The order of a request, as a job's payload; for recordings, texts and live streams. Pure."""

from typing import TypeVar

import msgspec
from msgspec import structs

from ringback.callbacks.delivery import callback_context
from ringback.egress.target import Target, read_target
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.sealing import Seal
from ringback.telemetry.trace_context import TraceContext


class RequestOrder(msgspec.Struct, frozen=True):
    """The part that all orders have; that of a live stream has no other."""

    options: ListenOptions
    """Without their `callback`."""
    model: str
    """`ModelInfo.name`, resolved when the request was accepted."""
    callback: str | None = None
    """The callback's URL, sealed for `callback_context`."""
    callback_destination: str | None = msgspec.field(default=None, name="callback_origin")
    """`scheme://host:port` of the callback, which is no secret."""
    trace: TraceContext | None = None
    """Where the work on it goes on in its caller's trace; None: there is none."""


AnyOrder = TypeVar("AnyOrder", bound=RequestOrder)


def with_callback(order: AnyOrder, callback: Target | None, request_id: JobId, seal: Seal) -> AnyOrder:
    """The order as it is stored, with its callback sealed. The URL is nowhere else in it."""
    order = structs.replace(order, options=structs.replace(order.options, callback=None))
    if callback is None:
        return order
    sealed = seal.seal(callback.reveal_url(), callback_context(request_id))
    return structs.replace(order, callback=sealed, callback_destination=callback.origin)


def destination_of_callback(order: RequestOrder) -> str | None:
    """`scheme://host:port` of the callback of a stored order."""
    if order.callback is None or order.callback_destination is not None:
        return order.callback_destination
    return read_target(order.callback).origin  # accepted before URLs were sealed
