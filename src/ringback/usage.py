"""What a request adds to its project's usage: one value, made with its end and again when it is erased. Pure.

Reports are made like https://developers.deepgram.com/reference/manage/usage/breakdown; the figures are
those that the request history shows of each request.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ringback.jobs.job import Job
from ringback.jobs.usage import UsageAmount, UsageKey, Used, hour_of
from ringback.listen.options import ListenOptions

LISTEN = "listen"
"""The endpoint of recordings and live streams."""


class OrderedRequest(Protocol):
    """What was asked for."""

    @property
    def options(self) -> ListenOptions: ...
    @property
    def model(self) -> str: ...
    @property
    def callback(self) -> str | None: ...
    @property
    def callback_destination(self) -> str | None: ...


class AnsweredRequest(Protocol):
    """What came of it."""

    @property
    def duration(self) -> float: ...
    @property
    def channels(self) -> int: ...
    @property
    def model(self) -> str | None: ...


def used_by(
    job: Job,
    order: OrderedRequest,
    answered: AnsweredRequest | None,
    status: int,
    *,
    endpoint: str = LISTEN,
    tokens: tuple[int, int] = (0, 0),
) -> Used:
    """What a request adds that was answered with this status. `answered`: None where nothing is kept;
    `tokens`: of a language model, in and out."""
    key = UsageKey(
        project=job.project,
        hour=hour_of(job.created_at),
        accessor=job.accessor or "",
        endpoint=endpoint,
        method=job.method,
        model=order.model,
        model_id=(answered.model if answered is not None else None) or "",
        language=language_of(order.options),
        features=tuple(features_of(order.options)),
        parameters=_parameters_of(order),
        tags=tuple(sorted(set(job.tags))),
        succeeded=status < 400,
    )
    if answered is None:
        return Used(key, UsageAmount(1))
    channels = max(1, answered.channels)
    return Used(key, UsageAmount(1, answered.duration, answered.duration * channels, *tokens))


def features_of(options: ListenOptions) -> Sequence[str]:
    """The names of the boolean parameters that were true."""
    return [name for name in options.__struct_fields__ if getattr(options, name) is True]


def config_of(options: ListenOptions) -> dict[str, object]:
    """The parameters that differ from their defaults, without the callback's URL and the caller's labels."""
    given: dict[str, object] = msgspec.to_builtins(options)
    return {name: value for name, value in given.items() if name not in _HIDDEN}


def language_of(options: ListenOptions) -> str:
    """`multi` where it was to be found out."""
    return "multi" if options.detect_language else options.language


def _parameters_of(order: OrderedRequest) -> tuple[str, ...]:
    called_back = order.callback is not None or order.callback_destination is not None
    return (*config_of(order.options), *(("callback",) if called_back else ()))


_HIDDEN = frozenset({"callback", "unserved", "tag", "extra"})
