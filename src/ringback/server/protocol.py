"""The HTTP service: its listening socket, and its end. Connections are in `connection`."""

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from ringback import telemetry
from ringback.errors import Misconfigured
from ringback.server.capacity import Capacity, Network
from ringback.server.connection import Connection
from ringback.server.error_responses import exception_facts
from ringback.server.server_state import ServerState, Stoppable
from ringback.server.websocket import PING_SECONDS

KEEP_ALIVE_SECONDS = 65
"""Longer than the minute for which common clients keep an idle connection: they should close first."""

BACKLOG = 2_048
"""Connections that wait to be accepted."""

LAST_WRITES_SECONDS = 3.0
"""Seconds for answers to be read at the end of a stop: a little more than a WebSocket's close may take."""

MOST_CONNECTIONS = 10_000
"""At a time; fewer if the process may not open twice as many files (see `most_connections`)."""


class HttpServer:
    """The HTTP service: started last, stopped first.

    On a stop it accepts no new connection, lets running requests finish within `grace` seconds, then cancels
    them.
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
        connections_per_address: int = 0,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        self._app = app
        self._address = (host, port)
        self._header_seconds = header_seconds
        self._grace = grace
        self._connections = most_connections() if connections is None else connections
        self._per_address = connections_per_address or max(1, self._connections // 2)
        self._trusted_proxies = trusted_proxies
        self._socket: socket.socket | None = None

    def bind(self) -> int:
        """Bind the port now, so that a conflict is found before anything starts; returns the port (for 0: the
        one that was chosen). Raises `Misconfigured` with the fix. No connection is accepted before `run`."""
        if self._socket is None:
            self._socket = _listening_socket(*self._address)
        port: int = self._socket.getsockname()[1]
        return port

    async def run(self, stopping: asyncio.Event) -> None:
        self.bind()
        assert self._socket is not None
        _report_websockets_log()
        loop = asyncio.get_running_loop()
        state = ServerState(
            self._app,
            loop,
            Capacity(self._connections, self._per_address, self._trusted_proxies),
            self._header_seconds,
            KEEP_ALIVE_SECONDS,
            PING_SECONDS,
        )
        server = await loop.create_server(lambda: Connection(state), sock=self._socket, backlog=BACKLOG)
        try:
            await stopping.wait()
        finally:
            server.close()
            self._socket.close()
            await self._end(state)

    async def _end(self, state: ServerState) -> None:
        """Running requests have `grace` seconds to end; then they are cancelled, and their callers get
        503."""
        state.stopping = True
        for connection in list(state.connections):
            _guarded(connection, connection.stop)
        await _ended(state, self._grace)
        for task in list(state.tasks):
            task.cancel()
        # Requests that are cancelled after the grace period still clean up (they cancel their jobs).
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await _ended(state, LAST_WRITES_SECONDS)
        for connection in list(state.connections):
            connection.abort()


def _guarded(connection: Stoppable, act: Callable[[], None]) -> None:
    """An error of one connection must not keep the server from stopping."""
    try:
        act()
    except Exception as error:
        telemetry.problem("connection.failed", **exception_facts(error))
        connection.abort()


async def _ended(state: ServerState, seconds: float) -> None:
    """Returns when all connections and tasks have ended, or after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while state.connections or state.tasks:
                state.ended.clear()
                await state.ended.wait()


def most_connections() -> int:
    """At most half of the files that this process may open: the ledger, the uploads and the outgoing
    connections need files, too, and a server that cannot open a file cannot do anything."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


class _Telemetry(logging.Handler):
    """Turns log messages of `websockets` into events."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        facts = {} if error is None else exception_facts(error)
        telemetry.problem("http.server", message=record.getMessage(), **facts)


def _report_websockets_log() -> None:
    logger = logging.getLogger("websockets.server")
    logger.handlers = [_Telemetry(logging.WARNING)]
    logger.propagate = False


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # Python's own message is appended in parentheses, and has the address again.
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise Misconfigured(
            f"cannot listen on {host} port {port} ({reason}): another program has it, or "
            "this machine has no such address; set RINGBACK_HOST and RINGBACK_PORT"
        ) from None
    listening.setblocking(False)
    return listening
