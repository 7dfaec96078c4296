"""HTTP on the socket: uvicorn as a service of ours.

uvicorn wants the process's signals to itself; here stopping is somebody else's decision. Each connection
has the limits of `connection`, and as a WebSocket those of `websocket`.
"""

import asyncio
import contextlib
import logging
import math
import resource
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config

from ringback import telemetry
from ringback.errors import Misconfigured
from ringback.server.connection import Crowd, LimitedHttpProtocol
from ringback.server.problems import safe_facts
from ringback.server.websocket import MESSAGE_BYTES, PING_SECONDS, LimitedWebSocketProtocol

KEEP_ALIVE_SECONDS = 65
"""Longer than the minute for which common clients keep an idle connection: they should close first."""

MOST_CONNECTIONS = 10_000
"""At a time; fewer where the process may not have twice as many files open (see `most_connections`)."""


class HttpServer:
    """The HTTP service: opened last, closed first.

    On stop it takes no new connection, lets running requests finish within `grace` seconds, then
    cancels them.
    """

    name = "http"

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        header_seconds: float = 5.0,
        grace: float = 10.0,
        connections: int | None = None,
    ) -> None:
        self._app = app
        self._address = (host, port)
        self._header_seconds = header_seconds
        self._grace = grace
        self._connections = most_connections() if connections is None else connections
        self._socket: socket.socket | None = None

    def bind(self) -> int:
        """Take the port now, so that a clash is known before anything starts; the port (for 0: which one).

        Raises `Misconfigured`, which names the mend. No connection is accepted before `run`.
        """
        if self._socket is None:
            self._socket = _listening_socket(*self._address)
        port: int = self._socket.getsockname()[1]
        return port

    async def run(self, stopping: asyncio.Event) -> None:
        self.bind()
        assert self._socket is not None
        _report_servers_own_words()
        server = _Server(self._config())
        serving = asyncio.create_task(server.serve([self._socket]))
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            server.stop()
            await serving
            self._socket.close()

    def _config(self) -> Config:
        return Config(
            self._app,
            http=_limited(self._header_seconds, self._connections),
            ws=LimitedWebSocketProtocol,
            ws_max_size=MESSAGE_BYTES,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(self._grace),
        )


def most_connections() -> int:
    """Half of the files that this process may have open at most: the ledger, the uploads and the outgoing
    connections need theirs, and a server that cannot open a file can do nothing at all."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handling; it waits to be stopped and does not poll for it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second; the Date header needs it once."""
        while not self._stopping.is_set() and not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # Requests cancelled at the end of grace still put things in order (they cancel their jobs).
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


class _Telemetry(logging.Handler):
    """Turns what uvicorn logs into events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        facts = {} if error is None else safe_facts(error)
        telemetry.problem("http.server", message=record.getMessage(), **facts)


def _report_servers_own_words() -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Telemetry(logging.WARNING)]
    logger.propagate = False


def _limited(header_seconds: float, connections: int) -> type[LimitedHttpProtocol]:
    """uvicorn makes one protocol object per connection from a class; the limits ride on it."""
    limits = {"header_seconds": header_seconds, "crowd": Crowd(connections)}
    return type("LimitedHttpProtocol", (LimitedHttpProtocol,), limits)


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # Python's own words go on in parentheses, with the address once more.
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise Misconfigured(
            f"cannot listen on {host} port {port} ({reason}): another program has it, or "
            "this machine has no such address; set RINGBACK_HOST and RINGBACK_PORT"
        ) from None
    listening.setblocking(False)
    return listening
