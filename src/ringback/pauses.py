"""The pauses between the attempts at a callback, as people write them. Pure.

`deepgram` | `standard` | pauses with commas between them: `5s,5m,2h` (plain numbers are seconds).
One grammar for the setting, for a key and for a request.
"""

import re
from typing import Final

DEEPGRAM: Final = (30.0,) * 10
"""Up to ten retries, 30 s apart (https://developers.deepgram.com/docs/callback)."""
STANDARD: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""The schedule that the Standard Webhooks specification recommends."""

MOST_PAUSES: Final = 50
LONGEST_PAUSE: Final = 604_800.0
"""Seconds: seven days."""

SAYS: Final = (
    f"`standard`, `deepgram` or up to {MOST_PAUSES} pauses of at most 168h each, such as `10s,5m,2h`"
)
"""The grammar, for refusals and the documentation."""


def read_pauses(text: str) -> tuple[float, ...]:
    """Seconds before each retry, at least one; `ValueError`, which tells the fault, for anything else."""
    named = {"deepgram": DEEPGRAM, "standard": STANDARD}.get(text.strip())
    if named is not None:
        return named
    entries = text.split(",")
    if len(entries) > MOST_PAUSES:
        raise ValueError(f"it has more than {MOST_PAUSES} pauses")
    return tuple(_seconds(entry.strip()) for entry in entries)


def _seconds(entry: str) -> float:
    match = _PAUSE.fullmatch(entry)
    if match is None:
        raise ValueError(f"{entry[:20]!r} is not a pause")
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    if seconds > LONGEST_PAUSE:
        raise ValueError(f"{entry!r} is longer than seven days (168h)")
    return seconds


_PAUSE = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,6})?)(?P<unit>[smh]?)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}
