"""What was asked of a stand-in, for tests to assert on."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ringback.errors import RingbackError

MOST_REQUESTS = 1_000
"""The newest that are kept."""


class NeverCame(RingbackError):
    """What was waited for did not come in time."""


@dataclass(slots=True)
class CallbackTry:
    """One attempt at a callback."""

    status: int | None
    """None: there was no answer."""
    reason: str = ""
    """Why there was none."""


@dataclass(slots=True)
class RecordedRequest:
    """One request, and what became of it so far."""

    number: int
    """From 1, in the order of arrival."""
    request_id: str
    kind: str
    """`recording`, `live` or `other`."""
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    api_key: str
    """Of `Authorization`, or of a browser's sub-protocols."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    """Of a form."""
    body: bytes = b""
    """Of a live stream: all of its audio; of a form: its file."""
    sha256: str = ""
    """Of `body`."""
    messages: list[str] = field(default_factory=list)
    """Text messages of a live client."""
    rule: int | None = None
    """Which rule of the script answered, from 0; None: none fitted, or it was refused before."""
    status: int | None = None
    """Of the answer, or of the handshake; None: none was sent."""
    close_code: int | None = None
    """Of a live stream: with which it was closed, by whichever side was first."""
    callbacks: list[CallbackTry] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """All but the body, for JSON."""
        found = {name: getattr(self, name) for name in self.__slots__ if name != "body"}
        return {**found, "bytes": len(self.body)}


class Recorder:
    """The requests of one stand-in. Written by its event loop, read by any thread."""

    def __init__(self) -> None:
        self._requests: deque[RecordedRequest] = deque(maxlen=MOST_REQUESTS)
        self._number = 0
        self._changed = threading.Condition()

    def add(self, request: RecordedRequest) -> None:
        with self._changed:
            self._number += 1
            request.number = self._number
            self._requests.append(request)
            self._changed.notify_all()

    def changed(self) -> None:
        """Something of a request was written."""
        with self._changed:
            self._changed.notify_all()

    def all(self) -> list[RecordedRequest]:
        with self._changed:
            return list(self._requests)

    def forget(self) -> None:
        with self._changed:
            self._requests.clear()
            self._number = 0

    def wait(
        self, condition: Callable[[Sequence[RecordedRequest]], bool], seconds: float
    ) -> list[RecordedRequest]:
        """All requests, once `condition` holds of them. Raises `NeverCame`."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(list(self._requests)), seconds):
                raise NeverCame(f"it did not come within {seconds:g} s; there are {list(self._requests)}")
            return list(self._requests)
