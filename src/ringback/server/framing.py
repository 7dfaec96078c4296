"""HTTP/1.1 requests out of bytes (RFC 9112), sans-IO, over httptools' parser.

What httptools (llhttp) does not have:

- One request at a time. llhttp parses all that it is given, so it is given no byte beyond the end of the
  current request; what follows stays unparsed until `next_request`. Pipelined requests cost their bytes and
  nothing else.
- A head is parsed when it is complete, and may have `HEADER_BYTES`. Until then it is a buffer.
- An offer to upgrade to anything but WebSocket is ignored (RFC 9110 §7.8): llhttp would take the body for the
  other protocol. So would it for a WebSocket handshake with a body, which is none (RFC 6455 §4.1).
- A body with a length is counted and not parsed: what was read is passed on as it is.
"""

import re
from collections import deque
from enum import Enum, auto
from urllib.parse import unquote

import httptools
import msgspec

from ringback.errors import Failure
from ringback.server.body import length_in

HEADER_BYTES = 32_768
"""Bytes of request line and headers together; also of each piece of a body's framing (chunk headers,
trailers)."""


class UnservableRequest(Exception):
    """The bytes are not a request that this server accepts: answer with `failure`, and read no more."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.err_msg)
        self.failure = failure


class End(Enum):
    """The event after the last one of a request's body."""

    OF_REQUEST = auto()


class RequestHead(msgspec.Struct):
    method: str
    target: bytes
    path: str
    """Decoded."""
    raw_path: bytes
    query: bytes
    version: str
    """`1.0` or `1.1`."""
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""
    fields: dict[bytes, bytes]
    """The same by name; several values of one name as one list (RFC 9110 §5.3)."""
    keep_alive: bool
    """Whether the client keeps the connection, as far as its head says."""
    handshake: bool = False
    """It is a WebSocket handshake without a body."""

    @property
    def length(self) -> int | None:
        """Bytes of the body, by its Content-Length."""
        value = self.fields.get(b"content-length")
        return None if value is None else length_in(value.strip().decode("latin-1"))

    @property
    def expects_continue(self) -> bool:
        return self.fields.get(b"expect", b"").lower() == b"100-continue"

    @property
    def has_body(self) -> bool:
        return b"transfer-encoding" in self.fields or bool(self.length)


Event = RequestHead | bytes | End


class RequestParser:
    """Sans-I/O: `receive` bytes, then take `next_event` until there is none."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._unread: bytes | bytearray = b""
        """What was read at once stays as it is: a body of 100 KB is not copied from here to there."""
        self._events: deque[Event] = deque()
        self._head: RequestHead | None = None
        self._ended = False
        self._body_unparsed: int | None = None
        """Bytes of the current body that are not parsed yet, by its length; None: a chunked body."""
        self._framing = 0
        """Bytes since the last that were part of a head or body."""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._upgrade_offered = False
        """The head offers to upgrade."""
        self._keep_alive = False

    @property
    def unread(self) -> int:
        """Bytes that have not been parsed yet."""
        return len(self._unread)

    @property
    def ended(self) -> bool:
        """The current request is complete."""
        return self._ended

    @property
    def path_begun(self) -> str | None:
        """The path of the request whose head or body is being read, also of one that cannot be served; None:
        it is not known."""
        if self._head is not None:
            return self._head.path
        begun = _REQUEST_LINE.match(b"GET %s " % self._target if self._target else self._unread)
        return None if begun is None else unquote(begun[1].decode("ascii"))

    def receive(self, data: bytes) -> None:
        if self._body_unparsed and not self._unread:
            rest = data[self._body_unparsed :]
            self._count(data[: self._body_unparsed])
            data = rest
        if not self._unread:
            self._unread = data
            return
        if isinstance(self._unread, bytes):
            self._unread = bytearray(self._unread)
        self._unread += data

    def next_request(self) -> None:
        """The current request is answered: continue with the next one."""
        self._head = None
        self._target = b""
        self._ended = False
        self._framing = 0

    def take_unread(self) -> bytes:
        """What follows the handshake of another protocol."""
        data, self._unread = bytes(self._unread), b""
        return data

    def next_event(self) -> Event | None:
        """None: more bytes are needed, or the current request must be answered first.

        Raises `UnservableRequest`.
        """
        while not self._events:
            size = 0 if self._ended else self._next_piece()
            if not size:
                return None
            piece = self._take_bytes(size)
            if self._head is None:
                self._read_head(piece)
            elif self._body_unparsed is not None:
                self._count(piece)
            else:
                self._feed(piece)
        return self._events.popleft()

    def _next_piece(self) -> int:
        """How many of the unread bytes can be parsed without parsing beyond the end of the request.

        A body with a length ends there; a head, and a chunked body, end with an empty line.
        """
        if self._head is not None and self._body_unparsed is not None:
            return min(self._body_unparsed, len(self._unread))
        end = self._unread.find(_EMPTY_LINE)
        if end >= 0:
            size = end + len(_EMPTY_LINE)
        elif self._head is None:
            size = 0
            if self._unread and self._unread[0] not in _FIRST_BYTES:
                raise UnservableRequest(_NOT_HTTP)
        else:
            size = max(0, len(self._unread) - 3)  # the last three bytes may be the beginning of an empty line
        pending = size or len(self._unread) if self._head is None else 0
        if self._framing + pending > HEADER_BYTES:
            raise UnservableRequest(_TOO_LARGE)
        self._framing += size
        return size

    def _take_bytes(self, size: int) -> bytes:
        if size == len(self._unread):
            return self.take_unread()
        piece = bytes(self._unread[:size])
        if isinstance(self._unread, bytes):
            self._unread = self._unread[size:]
        else:
            del self._unread[:size]
        return piece

    def _read_head(self, piece: bytes) -> None:
        """A whole head, or empty lines before one."""
        self._target, self._headers = b"", []
        self._feed(piece)
        if not self._target:
            return
        self._head = head = self._checked_head()
        self._body_unparsed = None if b"transfer-encoding" in head.fields else head.length or 0
        self._events.appendleft(head)
        if head.handshake:
            self._ended = True
        elif self._body_unparsed:
            self._parser = httptools.HttpRequestParser(self)  # the end of the request waits for the body
        elif self._upgrade_offered:
            # llhttp has left HTTP here. Without the offer in the head, it parses the body.
            self._parser = httptools.HttpRequestParser(self)
            self._feed(_without_upgrade(head))

    def _count(self, piece: bytes) -> None:
        """Part of a body with a length, and no byte more."""
        assert self._body_unparsed is not None
        self._body_unparsed -= len(piece)
        self._events.append(piece)
        if not self._body_unparsed:
            self._ended = True
            self._events.append(End.OF_REQUEST)

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # noticed in `on_headers_complete`
        except httptools.HttpParserError as error:
            raise UnservableRequest(_NOT_HTTP) from error

    def _checked_head(self) -> RequestHead:
        """The head that was just parsed; raises `UnservableRequest` for what llhttp should refuse and does
        not."""
        version = self._parser.get_http_version()
        method = self._parser.get_method().decode("ascii")
        if version not in ("1.0", "1.1"):
            raise UnservableRequest(
                Failure(505, "HTTP_VERSION_NOT_SUPPORTED", "This server speaks HTTP/1.1.")
            )
        try:
            url = httptools.parse_url(self._target)
        except httptools.HttpParserInvalidURLError as error:  # for example the target of CONNECT
            raise UnservableRequest(_NOT_HTTP) from error
        raw_path = url.path or b"/"
        fields = self._joined_fields()
        head = RequestHead(
            method=method,
            target=self._target,
            path=unquote(raw_path.decode("ascii")),
            raw_path=raw_path,
            query=url.query or b"",
            version=version,
            headers=self._headers,
            fields=fields,
            keep_alive=self._keep_alive and version == "1.1",
        )
        if method == "CONNECT":
            raise UnservableRequest(_NOT_HTTP)
        if fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise UnservableRequest(
                Failure(501, "NOT_IMPLEMENTED", "The only Transfer-Encoding here is chunked.")
            )
        if self._upgrade_offered and method == "GET" and fields[b"upgrade"].lower() == b"websocket":
            if head.has_body:
                raise UnservableRequest(Failure(400, "Bad Request", "A WebSocket handshake has no body."))
            head.handshake = version == "1.1"
        return head

    def _joined_fields(self) -> dict[bytes, bytes]:
        """Header fields by name; the values of one that came several times are joined (RFC 9110 §5.3)."""
        fields: dict[bytes, bytes] = {}
        for name, value in self._headers:
            if name in fields:
                if name == b"host":
                    raise UnservableRequest(_NOT_HTTP)
                fields[name] += b", " + value
            else:
                fields[name] = value
        return fields

    # What httptools calls.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:  # otherwise it is a trailer, or the head is known already
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._framing = 0
        self._upgrade_offered = self._parser.should_upgrade()
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        self._events.append(body)

    def on_message_complete(self) -> None:
        if not self._upgrade_offered:
            self._ended = True
            self._events.append(End.OF_REQUEST)


def _without_upgrade(head: RequestHead) -> bytes:
    lines = [b"%s %s HTTP/%s" % (head.method.encode(), head.target, head.version.encode())]
    lines += [b"%s: %s" % pair for pair in head.headers if pair[0] != b"upgrade"]
    return b"\r\n".join(lines) + _EMPTY_LINE


_EMPTY_LINE = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"[\r\n]*[A-Z]+ (/[!-~]{0,2000}?)[? ]")
"""In origin form, as far as the end of its path."""
_FIRST_BYTES = frozenset(b"\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""Bytes of a method, or of an empty line before it."""

_TOO_LARGE = Failure(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The request's headers are too large.")
_NOT_HTTP = Failure(400, "Bad Request", "Invalid HTTP request received.")
