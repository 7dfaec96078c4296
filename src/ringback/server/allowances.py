"""What one key may have in work at a time, and what a request beyond it is told. Pure."""

import math
from collections.abc import Iterable

from ringback.errors import Refusal
from ringback.jobs.job import Allowance
from ringback.keys import KeyLimits
from ringback.quota import DailyLimits
from ringback.settings import LimitSettings


def allowance_of(own: KeyLimits, limits: LimitSettings) -> Allowance:
    """The key's own limits, where it has them, and else the server's."""
    requests = limits.requests_per_key if own.requests is None else own.requests
    queued_bytes = limits.queued_bytes_per_key if own.queued_bytes is None else own.queued_bytes
    return Allowance(requests or None, queued_bytes or None)


def largest_upload(allowance: Allowance, limits: LimitSettings) -> int:
    """Bytes; what is larger than the whole allowance would be refused for ever."""
    return min(limits.upload_bytes, allowance.weight or limits.upload_bytes)


def loosens(new: KeyLimits, bounds: Iterable[KeyLimits], limits: LimitSettings) -> bool:
    """Whether a key with `new` might have more in work than all of the others."""
    figures, *others = (_figures(each, limits) for each in (new, *bounds))
    return any(figure > max(most) for figure, *most in zip(figures, *others, strict=True))


def _figures(own: KeyLimits, limits: LimitSettings) -> tuple[float, float, float]:
    """Jobs, weight, and the day's audio."""
    allowance = allowance_of(own, limits)
    return _most(allowance.jobs), _most(allowance.weight), _most(DailyLimits.of(own, limits).key or None)


def _most(limit: int | None) -> float:
    return math.inf if limit is None else limit


def too_many() -> Refusal:
    """In the words of https://developers.deepgram.com/docs/errors."""
    return Refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
