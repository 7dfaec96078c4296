"""One request and its response, as ASGI has them (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

import asyncio
import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Scope

from ringback import telemetry
from ringback.errors import Failure
from ringback.ids import new_id
from ringback.server.body import DRAINED_LIMIT
from ringback.server.error_responses import (
    INTERNAL_ERROR,
    UNAVAILABLE,
    error_document,
    error_headers,
    exception_facts,
)
from ringback.server.framing import RequestHead

ABORT: Final = "ringback.abort"
"""Ours, among the extensions of a scope: breaks the connection, which a stand-in for tests does."""

SMALL_PIECE: Final = 4_096
"""Pieces of a body that make no more than these bytes together are kept as one: each piece costs memory of
its own, and a client may send single bytes."""

STATUS_LINE_BEGIN: Final = b"HTTP/1.1 "
"""Headers of every answer."""


class Wire(Protocol):
    """The connection, as an exchange uses it."""

    @property
    def local(self) -> tuple[str, int]: ...
    @property
    def is_last(self) -> bool: ...
    @property
    def write_paused(self) -> bool: ...
    def begin_answer(self, data: bytes) -> None: ...
    def write(self, data: bytes) -> None: ...
    async def drained(self) -> None: ...
    def update_reading(self) -> None: ...
    def answered(self) -> None: ...
    def abort(self) -> None: ...


class HttpExchange:
    """Connects one request of a connection, its body and its end, with an ASGI application."""

    def __init__(self, wire: Wire, head: RequestHead, client: tuple[str, int]) -> None:
        self.keep_alive = head.keep_alive
        self.body_ahead = 0
        """Bytes of the body that the application has not taken yet."""
        self.started = False
        """Part of the response has been written, and cannot be taken back."""
        self._wire = wire
        self._head = head
        self._scope = scope_of("http", "http", wire, head, client)
        self._pieces: list[bytes] = []
        """Those bytes, as they came."""
        self._more_body = True
        self._awaits_continue = head.expects_continue
        self._cut_off = False
        self.lost = False
        """The client is gone: no answer is read any more."""
        self._complete = False
        self._answer_head = b""
        """Status line and headers, once the application has sent them. They are written with the first of the
        body (ASGI requires it): one write costs half of two."""
        self._chunked = False
        self._unwritten: int | None = None
        """Bytes of the response's Content-Length that are still to be written."""
        self._changed = asyncio.Event()

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            # The server stops, and this request took longer than the grace period.
            self._fail(UNAVAILABLE)
        except Exception as error:
            telemetry.problem("request.failed", request_id=self._request_id, **exception_facts(error))
            self._fail(INTERNAL_ERROR)
        else:
            if not self._complete and not self.lost:
                telemetry.problem("request.failed", request_id=self._request_id, error="no complete response")
                self._fail(INTERNAL_ERROR)

    # What the connection brings.

    def body_arrived(self, data: bytes) -> None:
        if self._pieces and len(self._pieces[-1]) + len(data) <= SMALL_PIECE:
            self._pieces[-1] += data
        else:
            self._pieces.append(data)
        self.body_ahead += len(data)
        self._changed.set()

    def body_ended(self) -> None:
        self._more_body = False
        self._changed.set()

    def cut_off(self) -> None:
        """The client has ended its side before the end of its body. It may still read an answer."""
        self.keep_alive = False
        self._cut_off = True
        self._changed.set()

    def lose(self) -> None:
        """The connection is lost: no answer is read any more."""
        self.lost = self._cut_off = True
        self._changed.set()

    # What the application calls.

    async def _receive(self) -> Message:
        if self._awaits_continue and self._more_body and not self.lost:
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._awaits_continue = False
        if not self._cut_off and not self._complete:
            if not self._changed.is_set():
                await self._changed.wait()
            self._changed.clear()
        if self._cut_off or self._complete:
            return {"type": "http.disconnect"}
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self.body_ahead = [], 0
        self._wire.update_reading()
        return {"type": "http.request", "body": body, "more_body": self._more_body}

    async def _send(self, message: Message) -> None:
        if self._wire.write_paused:
            await self._wire.drained()
        if self.lost:
            return
        kind = message["type"]
        if not self._answer_head and kind == "http.response.start":
            self._start(message["status"], list(message.get("headers", ())))
        elif self._answer_head and not self._complete and kind == "http.response.body":
            self._continue(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is not expected now")

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        lines, close_sent = [status_line(status), header_lines(headers)], False
        for name, value in headers:
            lowered = name.lower()
            if lowered == b"content-length":
                self._unwritten = int(value)
            elif lowered == b"connection" and b"close" in value.lower():
                self.keep_alive, close_sent = False, True
        if self._leaves_body_unread() or self._wire.is_last:
            self.keep_alive = False
        if not self.keep_alive and not close_sent:
            lines.append(b"connection: close\r\n")
        if self._unwritten is None and self._head.method != "HEAD" and status not in (204, 304):
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        self._awaits_continue = False
        self._answer_head = b"".join((*lines, b"\r\n"))

    def _continue(self, body: bytes, more: bool) -> None:
        if self._head.method == "HEAD":
            self._unwritten, body = 0, b""
        elif self._chunked:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self._unwritten = (self._unwritten or 0) - len(body)
            if self._unwritten < 0:
                raise RuntimeError("a response longer than its Content-Length")
        if self._unwritten and not more:
            raise RuntimeError("a response shorter than its Content-Length")
        if self.started:
            self._wire.write(body)
        else:
            self.started = True
            self._wire.begin_answer(self._answer_head + body)
        if not more:
            self._complete = True
            self._changed.set()
            self._wire.answered()

    def _leaves_body_unread(self) -> bool:
        """Whether this answer must end the connection, because the rest of the body is unread. Otherwise the
        rest of a 2 GB upload would still be read, or the next request be taken for a body that its client
        does not send after this answer."""
        if not self._more_body:
            return False
        return self._awaits_continue or self._head.length is None or self._head.length > DRAINED_LIMIT

    def _fail(self, failure: Failure) -> None:
        """The application gives no answer, or not all of it."""
        if self.lost or self._complete:
            return
        if self.started:
            # The client must not take the part that was written for the whole answer.
            self._wire.abort()
            return
        self.keep_alive = False
        answer, _ = failure_answer(self._scope["path"], failure, self._request_id)
        self.started = self._complete = True
        self._wire.begin_answer(answer)
        self._wire.answered()

    @property
    def _request_id(self) -> str | None:
        request_id: str | None = self._scope["state"].get("request_id")
        return request_id


def scope_of(kind: str, scheme: str, wire: Wire, head: RequestHead, client: tuple[str, int]) -> Scope:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": head.version,
        "method": head.method,
        "scheme": scheme,
        "server": wire.local,
        "client": client,
        "root_path": "",
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query,
        "headers": head.headers,
        "state": {},
        "extensions": {ABORT: wire.abort},
    }


def failure_answer(path: str, failure: Failure, request_id: str | None = None) -> tuple[bytes, str]:
    """A whole answer that is not the application's, in the form of the path; with its request_id."""
    request_id = request_id or new_id()
    body = error_document(path, failure, request_id)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        "dg-request-id": request_id,
        **error_headers(failure),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return status_line(failure.status) + lines.encode("latin-1") + b"\r\n" + body, request_id


def header_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Raises `RuntimeError` for what is no header."""
    names, values = b"".join([name for name, _ in headers]), b"".join([value for _, value in headers])
    if _NO_NAME.search(names) or _NO_VALUE.search(values):
        raise RuntimeError("a response header that cannot be sent")
    return b"".join([b"%s: %s\r\n" % header for header in headers])


def status_line(status: int) -> bytes:
    """With the Date header, which every answer has (RFC 9110 §6.6.1)."""
    return b"%s%s" % (_STATUS_LINES[status], _date_line(int(time.time())))


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


_STATUS_LINES = {
    status: STATUS_LINE_BEGIN + f"{status} {_reason(status)}\r\n".encode() for status in range(100, 600)
}
_NO_NAME = re.compile(rb"[^-!#$%&'*+.^_`|~0-9A-Za-z]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
