"""A callback receiver in a thread: keeps what comes, answers what the test wants."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


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


@dataclass
class Receiver:
    """Listens on loopback; `answer` maps each callback to the status it gets."""

    answer: Callable[[Received], int] = lambda _: 200
    host: str = "127.0.0.1"
    received: list[Received] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "Receiver":
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                arrival = Received(self.command, self.path, headers, body, time.monotonic())
                status = receiver._take(arrival)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            do_PUT = do_GET = do_DELETE = do_POST  # noqa: N815 - the base class finds it by this name

            def log_message(self, *_: object) -> None:
                """Quiet: the test says what matters."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A sender that is killed in the middle is what these tests are about."""

        self._server = Server((self.host, 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/callback"

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    def wait_for(self, condition: Callable[[list[Received]], bool], seconds: float = 60) -> list[Received]:
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
