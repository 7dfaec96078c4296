"""HTTP on the socket: uvicorn as a service of ours, with the limits that it lacks.

uvicorn itself lets a client take any time for its headers, and any size; it also wants the process's
signals to itself. Here headers have a time and a size limit, and stopping is somebody else's decision.
"""

import asyncio
import contextlib
import logging
import math
import socket
import uuid
from collections.abc import Callable, Generator
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from ringback import telemetry
from ringback.errors import Failure, Misconfigured
from ringback.server.problems import LISTEN_PATH, error_document, error_headers

HEADER_BYTES = 32_768
"""Request line and headers together; also each piece of a body's framing (chunk headers, trailers)."""

KEEP_ALIVE_SECONDS = 65
"""Longer than the minute for which common clients keep an idle connection: they should close first."""


LINGER_SECONDS = 10.0
LINGER_BYTES = 256 << 20
"""How long, and how much of, a refused upload is read away, so that its sender gets to read the refusal."""


class HttpServer:
    """The HTTP service: opened last, closed first.

    On stop it takes no new connection, lets running requests finish within `grace` seconds, then
    cancels them.
    """

    name = "http"

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, header_seconds: float = 5.0, grace: float = 10.0
    ) -> None:
        self._app = app
        self._address = (host, port)
        self._header_seconds = header_seconds
        self._grace = grace
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
            http=_limited(self._header_seconds),
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(self._grace),
        )


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit and a size limit for whatever is not a body's own bytes."""

    header_seconds: ClassVar[float] = 5.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_headers = True
        self._header_bytes = 0
        self._bytes_without_event = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._too_large = False
        self._handed_over = False
        self._lingering = False
        self._bytes_left_to_linger = LINGER_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._read_away(len(data))
            return
        self._bytes_without_event += len(data)
        super().data_received(data)
        if self._handed_over or self.transport.is_closing():
            return
        if self._bytes_without_event > HEADER_BYTES:
            self._refuse_as_too_large()
        elif self._in_headers and self._header_timer is None:
            self._start_timer()

    def handle_websocket_upgrade(self) -> None:
        self._handed_over = True
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._bytes_without_event = 0
        self._in_headers = False
        self._stop_timer()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = _ResponseTransport(self.transport, self._close_kindly)

    def on_body(self, body: bytes) -> None:
        self._bytes_without_event = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._bytes_without_event = 0
        self._in_headers = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self._lingering:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for whatever its parser refuses, our own limit among it."""
        if self.transport.is_closing():
            return
        if self._too_large:
            self._refuse(
                Failure(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The request's headers are too large.")
            )
        else:
            self._refuse(Failure(400, "Bad Request", msg))

    def _close_kindly(self) -> None:
        """Close after a response; while the client still sends, only our own half.

        Closing a socket with bytes unread makes the kernel reset the connection, and a client that is
        still sending then sees the reset in place of the answer.
        """
        if self.transport.is_closing():
            return
        if not self.cycle.more_body or not self.transport.can_write_eof():
            self.transport.close()
            return
        self._lingering = True
        self.transport.write_eof()
        self.flow.resume_reading()
        self._header_timer = self.loop.call_later(LINGER_SECONDS, self._out_of_time)

    def _read_away(self, length: int) -> None:
        self._bytes_left_to_linger -= length
        if self._bytes_left_to_linger < 0:
            self.transport.close()

    def _count(self, more: int) -> None:
        """Raising inside the parser ends in `send_400_response`."""
        self._header_bytes += more
        if self._header_bytes > HEADER_BYTES:
            self._too_large = True
            raise ValueError("headers too large")

    def _refuse_as_too_large(self) -> None:
        self._too_large = True
        self.send_400_response("")

    def _refuse(self, failure: Failure) -> None:
        """An answer below HTTP's routes, in the form that `/v1/listen` speaks."""
        request_id = str(uuid.uuid4())
        body = error_document(LISTEN_PATH, failure, request_id)
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            "dg-request-id": request_id,
            **error_headers(failure),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[failure.status] + lines.encode("latin-1") + b"\r\n" + body)
        self.transport.close()
        telemetry.event("connection.refused", request_id=request_id, status=failure.status)

    def _start_timer(self) -> None:
        self._header_timer = self.loop.call_later(self.header_seconds, self._out_of_time)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _out_of_time(self) -> None:
        """Nothing was asked yet, so there is nothing to answer."""
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.close()


class _ResponseTransport(asyncio.Transport):
    """The socket as a response sees it: the same, but for how it is closed."""

    def __init__(self, socket_transport: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._socket_transport = socket_transport
        self._close = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._socket_transport.write(data)

    def is_closing(self) -> bool:
        return self._socket_transport.is_closing()

    def close(self) -> None:
        self._close()


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
        telemetry.problem("http.server", message=record.getMessage(), exc_info=record.exc_info)


def _report_servers_own_words() -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Telemetry(logging.WARNING)]
    logger.propagate = False


def _limited(header_seconds: float) -> type[LimitedHttpProtocol]:
    """uvicorn makes one protocol object per connection from a class; the setting rides on it."""
    return type("LimitedHttpProtocol", (LimitedHttpProtocol,), {"header_seconds": header_seconds})


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {host} port {port} ({error.strerror or error}): another program has it, or "
            "this machine has no such address; set RINGBACK_HOST and RINGBACK_PORT"
        ) from None
    listening.setblocking(False)
    return listening
