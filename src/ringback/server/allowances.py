"""What one key may have in work at a time, and what a request beyond it is told. Pure."""

from ringback.errors import Refusal
from ringback.jobs.job import Allowance
from ringback.keys import KeyLimits
from ringback.settings import LimitSettings


def allowance_of(own: KeyLimits, limits: LimitSettings) -> Allowance:
    """The key's own limits, where it has them, and else the server's."""
    requests = limits.requests_per_key if own.requests is None else own.requests
    queued_bytes = limits.queued_bytes_per_key if own.queued_bytes is None else own.queued_bytes
    return Allowance(requests or None, queued_bytes or None)


def largest_upload(allowance: Allowance, limits: LimitSettings) -> int:
    """Bytes; what is larger than the whole allowance would be refused for ever."""
    return min(limits.upload_bytes, allowance.weight or limits.upload_bytes)


def too_many() -> Refusal:
    """In the words of https://developers.deepgram.com/docs/errors."""
    return Refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later")
