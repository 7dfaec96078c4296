"""A callback receiver in a thread: keeps what comes, answers what the test wants."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.http_server import LoopbackServer, QuietHandler
from support.waiting import PATIENCE


@dataclass(frozen=True)
class Received:
    """One callback as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


class Receiver(LoopbackServer):
    """Listens on loopback; `answer` maps each callback to the status it gets."""

    def __init__(self, answer: Callable[[Received], int] = lambda _: 200, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.answer = answer
        self.received: list[Received] = []
        self._news = threading.Condition()

    def handler(self) -> type[QuietHandler]:
        receiver = self

        class Handler(QuietHandler):
            def take_request(self) -> None:
                body = self.received_body()
                headers = self.received_headers()
                arrival = Received(self.command, self.path, headers, body, time.monotonic())
                self.answer(receiver._take(arrival))

        return Handler

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/callback"

    def wait_for(
        self, condition: Callable[[list[Received]], bool], seconds: float = PATIENCE
    ) -> list[Received]:
        """What has arrived, once `condition` holds of it."""
        with self._news:
            if not self._news.wait_for(lambda: condition(self.received), seconds):
                raise AssertionError(f"not what was awaited after {seconds} s: {len(self.received)} arrived")
            return list(self.received)

    def _take(self, arrival: Received) -> int:
        with self._news:
            self.received.append(arrival)
            self._news.notify_all()
        # Not under the lock: an answer may take its time, and the test waits for what has arrived.
        return self.answer(arrival)
