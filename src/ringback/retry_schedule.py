"""Retry schedules: the delays before each retry of a callback, a fetch or a job. Pure.

In writing, one grammar for the setting, for a key and for a request:
`deepgram` | `standard` | delays with commas between them: `5s,5m,2h` (plain numbers are seconds).
"""

import re
from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """One retry per entry, that many seconds after the attempt before it has ended.

    Who adds jitter draws it, and may only add.
    """

    delays: tuple[float, ...]

    @classmethod
    def constant(cls, retries: int, delay: float) -> Self:
        """`retries` retries, each after `delay` seconds."""
        return cls((delay,) * retries)

    def delay_after(self, tries: int) -> float | None:
        """Seconds to wait after `tries` attempts; None when the last one has been made."""
        return self.delays[tries - 1] if tries <= len(self.delays) else None


DEEPGRAM: Final = RetrySchedule.constant(10, 30.0)
"""Up to ten retries, 30 s apart (https://developers.deepgram.com/docs/callback)."""
STANDARD: Final = RetrySchedule(
    (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
)
"""The schedule that the Standard Webhooks specification recommends."""

MAX_RETRIES: Final = 50
"""That a schedule in writing may have."""
MAX_DELAY: Final = 604_800.0
"""Seconds: seven days."""

GRAMMAR: Final = (
    f"`standard`, `deepgram` or up to {MAX_RETRIES} pauses of at most 168h each, such as `10s,5m,2h`"
)
"""For refusals and the documentation."""


def parse_schedule(text: str) -> RetrySchedule:
    """At least one retry; `ValueError`, which names the fault, for what is not in the grammar."""
    named = {"deepgram": DEEPGRAM, "standard": STANDARD}.get(text.strip())
    if named is not None:
        return named
    entries = text.split(",")
    if len(entries) > MAX_RETRIES:
        raise ValueError(f"it has more than {MAX_RETRIES} pauses")
    return RetrySchedule(tuple(_seconds(entry.strip()) for entry in entries))


def schedule_of_request(by_request: str | None, by_key: str | None) -> str | None:
    """The schedule that is stored with a request: its own, else its key's; None: the server's, which is the
    one in force at each attempt."""
    return by_request or by_key


def schedule_or_default(text: str | None, default: RetrySchedule) -> RetrySchedule:
    """The schedule that was stored with a request, else the server's. `text` was checked when it came in."""
    return parse_schedule(text) if text else default


def _seconds(entry: str) -> float:
    match = _DELAY.fullmatch(entry)
    if match is None:
        raise ValueError(f"{entry[:20]!r} is not a pause")
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    if seconds > MAX_DELAY:
        raise ValueError(f"{entry!r} is longer than seven days (168h)")
    return seconds


_DELAY = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,6})?)(?P<unit>[smh]?)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}
