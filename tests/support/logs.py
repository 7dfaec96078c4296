"""The events that were logged meanwhile, in this process."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ringback.telemetry.events import use_log

EventFacts = Mapping[str, Any]
"""`event`, `log_level` and the facts that are not None."""


@contextmanager
def capture_logs() -> Iterator[list[EventFacts]]:
    """The events as they are logged; they are written nowhere."""
    captured = _Captured()
    before = use_log(captured)
    try:
        yield captured.events
    finally:
        use_log(before)


class _Captured:
    def __init__(self) -> None:
        self.events: list[EventFacts] = []

    def record(self, level: int, name: str, facts: Mapping[str, Any]) -> None:
        known = {key: value for key, value in facts.items() if value is not None}
        self.events.append({**known, "event": name, "log_level": logging.getLevelName(level).lower()})
