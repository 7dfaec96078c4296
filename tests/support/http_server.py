"""An HTTP server on loopback in threads: what receivers, collectors and the like of tests are made of."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps its connection open, and writes no log: the test says what matters."""

    protocol_version = "HTTP/1.1"

    def take_request(self) -> None:
        """Read it, and answer."""
        raise NotImplementedError

    def do_POST(self) -> None:
        self.take_request()

    do_PUT = do_GET = do_DELETE = do_POST  # noqa: N815 - the base class finds it by this name

    def received_body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"]))

    def received_headers(self) -> dict[str, str]:
        """Names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """With the length of the body, unless `headers` has another."""
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """None."""


class LoopbackServer:
    """Listens from entering to leaving."""

    def __init__(self, *, host: str = "127.0.0.1", waits_for_clients: bool = False) -> None:
        """`waits_for_clients`: leaving waits until their connections are closed."""
        self._host = host
        self._waits = waits_for_clients
        self._server: ThreadingHTTPServer | None = None

    def handler(self) -> type[QuietHandler]:
        """What answers: one class for each server, so that it knows it."""
        raise NotImplementedError

    def release(self) -> None:
        """End what a handler may be waiting for: the server is left."""

    def __enter__(self) -> Self:
        waits = self._waits

        class Server(ThreadingHTTPServer):
            daemon_threads = not waits
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that goes away or is killed in the middle is part of these tests."""

        self._server = Server((self._host, 0), self.handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.release()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])
