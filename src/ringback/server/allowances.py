"""The work that one key may have accepted at a time, and the refusal of more. Pure."""

import math
from collections.abc import Iterable

from ringback.errors import Refusal
from ringback.jobs.job import Allowance
from ringback.keys import KeyLimits


def allowance_of(own: KeyLimits, server: KeyLimits) -> Allowance:
    """The key's own limits, else the server's."""
    requests = server.requests if own.requests is None else own.requests
    queued_bytes = server.queued_bytes if own.queued_bytes is None else own.queued_bytes
    return Allowance(requests or None, queued_bytes or None)


def largest_upload(allowance: Allowance, upload_bytes: int) -> int:
    """Bytes; an upload larger than the whole allowance could never be accepted."""
    return min(upload_bytes, allowance.weight or upload_bytes)


def loosens(new: KeyLimits, bounds: Iterable[KeyLimits], server: KeyLimits) -> bool:
    """Whether a key with `new` might have more work accepted than all of the others."""
    figures, *others = (_figures(each, server) for each in (new, *bounds))
    return any(figure > max(most) for figure, *most in zip(figures, *others, strict=True))


def _figures(own: KeyLimits, server: KeyLimits) -> tuple[float, float, float]:
    """Jobs, weight, and the day's audio."""
    allowance = allowance_of(own, server)
    daily = server.daily_audio_seconds if own.daily_audio_seconds is None else own.daily_audio_seconds
    return _most(allowance.jobs), _most(allowance.weight), _most(daily or None)


def _most(limit: int | None) -> float:
    return math.inf if limit is None else limit


def too_many() -> Refusal:
    """In the words of https://developers.deepgram.com/docs/errors."""
    return Refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
