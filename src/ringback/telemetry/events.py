"""Structured log events. No decisions are made here.

One canonical event per unit of work (request, attempt, engine start …) with all its facts. Never in an
event or a label: audio, words, API keys, credentials, the path or query of a caller's URL.
"""

import atexit
import json
import logging
import os
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Protocol

import msgspec


def event(name: str, /, **facts: Any) -> None:
    """Log one event. Facts are plain values; `None` ones are left out."""
    _log.record(logging.INFO, name, facts)


def problem(name: str, /, **facts: Any) -> None:
    """Log what an operator should look at."""
    _log.record(logging.WARNING, name, facts)


class EventLog(Protocol):
    """Where events go."""

    def record(self, level: int, name: str, facts: Mapping[str, Any]) -> None:
        """One event, with a level of `logging`."""
        ...


def configure(level: str, form: str) -> None:
    """`form` is `json`, `text` or `auto` (text on a terminal); logs go to standard error."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    use_log(_LevelLog(getattr(logging, level.upper()), _write_text if as_text else _LogWriter().write_facts))
    root = logging.getLogger()
    if not any(isinstance(handler, _LibraryLogHandler) for handler in root.handlers):
        root.addHandler(_LibraryLogHandler(logging.WARNING))


def use_log(log: EventLog) -> EventLog:
    """Events go there from now on. Returns where they went before."""
    global _log
    before, _log = _log, log
    return before


class _LevelLog:
    """Writes events of one level and of those above it."""

    def __init__(self, least: int, write: Callable[[int, dict[str, Any]], None]) -> None:
        """`write` takes an event's level, and its facts in the order in which they are to be written."""
        self._least = least
        self._write = write

    def record(self, level: int, name: str, facts: Mapping[str, Any]) -> None:
        if level >= self._least:
            self._write(level, _in_order(level, name, facts))


def _write_text(_: int, facts: dict[str, Any]) -> None:
    print(_text_line(facts), file=sys.stderr, flush=True)


class _LibraryLogHandler(logging.Handler):
    """Turns what libraries log into one event each: their tracebacks of many lines are no JSON.

    Of an exception its type and the innermost frames; of a text the first line, for more may quote what a
    caller sent.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        lines = record.getMessage().splitlines() or [""]
        problem(
            "library.warning",
            logger=record.name,
            message=lines[0][:MOST_OF_A_MESSAGE],
            error=None if error is None else type(error).__name__,
            frames=None if error is None else traceback.format_tb(error.__traceback__)[-3:],
        )


class _LogWriter:
    """Lines of JSON on standard error, written by a thread of their own a few times a second.

    A write per event releases the interpreter's lock each time, and on a busy server the event loop then
    waits for it behind the ledger's writer: measured at 150 µs an event. And the reader of the log may stop
    reading, which must not stop the server. After a `kill -9` the last lines of the log are lost, never the
    ledger's record of the events.
    """

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=MOST_LINES_WAITING)
        self._urgent = threading.Event()
        self._ending = False
        self._all_written = threading.Event()
        # Not through Python's own buffer: its lock would hold up the end of the process, too.
        self._descriptor = sys.stderr.fileno()
        atexit.register(self._write_last)
        threading.Thread(target=self._write_regularly, name="log", daemon=True).start()

    def write_facts(self, level: int, facts: dict[str, Any]) -> None:
        """What went wrong is written next, with all that led to it."""
        self._waiting.append(msgspec.json.encode(facts, enc_hook=repr) + b"\n")
        if level >= logging.WARNING:
            self._urgent.set()

    def _write_regularly(self) -> None:
        while True:
            self._urgent.wait(EVENTS_WITHIN)
            self._urgent.clear()
            ending = self._ending
            self._write()
            if ending:
                self._all_written.set()
                return

    def _write(self) -> None:
        # A broken or closed stream: the log is not read any more; the server works on.
        with suppress(OSError):
            lines = memoryview(b"".join(self._waiting.popleft() for _ in range(len(self._waiting))))
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]

    def _write_last(self) -> None:
        """At the end of the process, for a bounded time: a reader may have stopped reading.

        By the thread that is there: from Python 3.12 on none can be started at exit.
        """
        self._ending = True
        self._urgent.set()
        self._all_written.wait(LAST_WRITE_SECONDS)


MOST_OF_A_MESSAGE = 200
"""Characters of a library's own words."""

EVENTS_WITHIN = 0.1
"""Seconds until an event is seen in the log; problems are seen at once."""

MOST_LINES_WAITING = 10_000
"""When the log is not read, the oldest lines are dropped."""

LAST_WRITE_SECONDS = 2.0


FIRST_FACTS = (
    "timestamp", "level", "event", "request_id", "job_id", "job", "kind", "project", "key", "key_name",
    "client", "route", "endpoint", "method", "model", "status", "code", "err_code", "outcome", "reason",
    "parameter", "error",
)  # fmt: skip
"""The order of facts in a line; others follow in that in which they were logged."""


def _in_order(level: int, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
    known = {**facts, "timestamp": now, "level": _level_name(level), "event": name}
    return {key: value for key in _order(tuple(known)) if (value := known[key]) is not None}


@lru_cache(maxsize=1024)
def _order(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The order in which facts of these names are written: the same for all events of one place."""
    first = [key for key in FIRST_FACTS if key in keys]
    return (*first, *(key for key in keys if key not in FIRST_FACTS))


@cache
def _level_name(level: int) -> str:
    return logging.getLevelName(level).lower()


def _text_line(facts: dict[str, Any]) -> str:
    """One line: time, level, event, then `fact=value`. What is not plain is written as JSON."""
    head = f"{facts.pop('timestamp')} {facts.pop('level'):<7} {facts.pop('event')}"
    return " ".join((head, *(f"{name}={_plain(value)}" for name, value in facts.items())))


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()
    if isinstance(value, str) and not _PLAIN.fullmatch(text):
        return json.dumps(text)
    # Within lists and objects control characters are escaped, but those beyond ASCII are not.
    return text if text.isascii() else json.dumps(value, default=repr)


_PLAIN = re.compile(r"[!#-~]+")
"""Printable ASCII without spaces and double quotes."""


_log: EventLog = _LevelLog(logging.INFO, _write_text)
