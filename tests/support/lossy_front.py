"""Something between a client and the server that loses the answer to the first request of all."""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from support.waiting import PATIENCE


class LossyFront:
    """Hands POSTs on to a server of this machine; the client sees 503 instead of the first answer."""

    def __init__(self, port: int) -> None:
        self.answers: list[Any] = []
        """What the server really answered, in order."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                onward = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                onward.request("POST", self.path, body, dict(self.headers.items()))
                with onward.getresponse() as answer:
                    status, said = answer.status, answer.read()
                onward.close()
                front.answers.append(json.loads(said))
                if len(front.answers) == 1:
                    status, said = 503, b"{}"
                self.send_response(status)
                self.send_header("retry-after", "0")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Quiet: the test says what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "LossyFront":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
