"""One connection: uvicorn's HTTP protocol with the limits that it lacks.

uvicorn gives a client any time for its headers and the rest of an answered body, headers of any size,
and as many connections as it likes.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from ringback import telemetry
from ringback.errors import Failure
from ringback.server.problems import LISTEN_PATH, UNAVAILABLE, error_document, error_headers

HEADER_BYTES = 32_768
"""Request line and headers together; also each piece of a body's framing (chunk headers, trailers)."""

LINGER_SECONDS = 10.0
LINGER_BYTES = 256 << 20
"""How long, and how much of, a refused upload is read away, so that its sender gets to read the refusal."""

CROWD_REPORTED_EVERY = 60.0
"""Seconds between two reports that there are too many connections."""


@dataclass(slots=True)
class Crowd:
    """How many connections there may be at a time, and how many were turned away since that was reported."""

    most: int
    turned_away: int = 0
    report_at: float = 0.0


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit and a size limit for whatever is not a body's own bytes.

    The clock runs from the first byte of a request (for the first one: from the connection's beginning)
    to the end of its headers. A request in work is never cut off by it: what a client has begun to say
    meanwhile is timed once its answer is out.
    """

    header_seconds: ClassVar[float] = 5.0
    crowd: ClassVar[Crowd]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_headers = True
        self._begun = False
        self._header_bytes = 0
        self._bytes_without_event = 0
        self._timer: asyncio.TimerHandle | None = None
        self._too_large = False
        self._handed_over = False
        self._lingering = False
        self._bytes_left_to_linger = LINGER_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > self.crowd.most:
            self._turn_away()
        else:
            self._start_timer(self.header_seconds)

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
        else:
            self._mind_the_time()

    def handle_websocket_upgrade(self) -> None:
        self._handed_over = True
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._begun = True
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
        self._begun = False
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
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._lingering:
            return
        super().on_response_complete()
        if not self.transport.is_closing():
            self._mind_the_time()

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
        self._start_timer(LINGER_SECONDS)

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

    def _turn_away(self) -> None:
        """One connection more than we may have. Each is answered, but only now and then is one reported."""
        self.crowd.turned_away += 1
        if self.loop.time() >= self.crowd.report_at:
            telemetry.problem("connections.full", most=self.crowd.most, turned_away=self.crowd.turned_away)
            self.crowd.turned_away = 0
            self.crowd.report_at = self.loop.time() + CROWD_REPORTED_EVERY
        self._answer_and_close(UNAVAILABLE)

    def _refuse(self, failure: Failure) -> None:
        request_id = self._answer_and_close(failure)
        telemetry.event("connection.refused", request_id=request_id, status=failure.status)

    def _answer_and_close(self, failure: Failure) -> str:
        """An answer below HTTP's routes, in the form that `/v1/listen` speaks; its request_id."""
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
        return request_id

    def _mind_the_time(self) -> None:
        """Start the clock if it is the client's turn."""
        in_work = self.cycle is not None and not self.cycle.response_complete
        if in_work or self._timer is not None:
            return
        if not self._in_headers:
            # Answered already; this is the rest of its body, which nobody reads.
            self._start_timer(LINGER_SECONDS)
        elif self._begun or self._bytes_without_event:
            self._start_timer(self.header_seconds)
        elif self.cycle is not None and self.timeout_keep_alive_task is None:
            # uvicorn ends the idle time at any byte, and starts it only with an answer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._out_of_time)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _out_of_time(self) -> None:
        """Nothing was asked yet, so there is nothing to answer."""
        self._timer = None
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
