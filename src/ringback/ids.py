"""Ids of requests and of jobs: UUIDs that begin with the time at which they were made (version 7, RFC 9562).

Rows that are written together then lie together in every index of ids; with random ids (version 4) each of
them changes a page of its own.
"""

from ringback.clock import SystemClock
from ringback.system import RandomBlocks


def new_id() -> str:
    """In the canonical text form: 48 bits are Unix milliseconds, 74 are random."""
    random = _random.take().hex()
    text = f"{int(_clock.now() * 1000):012x}"
    variant = _VARIANT[random[3]]
    return f"{text[:8]}-{text[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


_clock = SystemClock()
_random = RandomBlocks(10)
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
