"""A receiver of WebSocket callbacks: keeps the messages of each path."""

import json
import threading
from collections import defaultdict
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from support.waiting import PATIENCE


class SocketReceiver:
    """Listens on loopback, in threads."""

    def __init__(self) -> None:
        self._messages: dict[str, list[Any]] = defaultdict(list)
        self._closed: set[str] = set()
        self._news = threading.Condition()
        self._server: Server | None = None

    def __enter__(self) -> "SocketReceiver":
        self._server = serve(self._take, "127.0.0.1", 0)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def wait_until_closed(self, path: str, seconds: float = PATIENCE) -> list[Any]:
        """All that came on this path, once its socket is closed."""
        with self._news:
            if not self._news.wait_for(lambda: path in self._closed, seconds):
                raise AssertionError(f"no socket for {path} has closed after {seconds} s")
            return self._messages[path]

    def _take(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        try:
            for message in connection:
                with self._news:
                    self._messages[path].append(json.loads(message))
        except ConnectionClosed:
            pass  # the end of a callback, however it came
        with self._news:
            self._closed.add(path)
            self._news.notify_all()
