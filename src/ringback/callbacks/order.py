"""What a caller has ordered, as a job's payload: shared by recordings and live streams. Pure."""

from typing import TypeVar

import msgspec
from msgspec import structs

from ringback.callbacks.delivery import place_of_callback
from ringback.egress.target import Target, read_target
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.sealing import Seal
from ringback.telemetry.trace_context import TraceContext


class RequestOrder(msgspec.Struct, frozen=True):
    """The part that every order has; that of a live stream has no more."""

    options: ListenOptions
    """Without their `callback`."""
    model: str
    """`ModelInfo.name`, resolved when the request was accepted."""
    callback: str | None = None
    """The callback's URL, sealed for `place_of_callback`."""
    callback_origin: str | None = None
    """`scheme://host:port` of the callback, which is no secret."""
    trace: TraceContext | None = None
    """Where the work on it goes on in its caller's trace; None: there is none."""


AnyOrder = TypeVar("AnyOrder", bound=RequestOrder)


def with_callback(order: AnyOrder, callback: Target | None, request_id: JobId, seal: Seal) -> AnyOrder:
    """The order as the ledger keeps it, with its callback sealed. The URL stands nowhere else in it."""
    order = structs.replace(order, options=structs.replace(order.options, callback=None))
    if callback is None:
        return order
    sealed = seal.seal(callback.reveal_url(), place_of_callback(request_id))
    return structs.replace(order, callback=sealed, callback_origin=callback.origin)


def origin_of_callback(order: RequestOrder) -> str | None:
    """Where the callback of an order from the ledger goes: `scheme://host:port`."""
    if order.callback is None or order.callback_origin is not None:
        return order.callback_origin
    return read_target(order.callback).origin  # accepted before URLs were sealed
