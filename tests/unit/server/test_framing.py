"""Requests out of bytes: RFC 9112's rules, one row each, in one piece and byte by byte."""

import pytest

from ringback.server.framing import HEADER_BYTES, End, RequestHead, RequestParser, UnservableRequest

CRLF = "\r\n"


def lines(*parts: str, body: str = "") -> bytes:
    return (CRLF.join(parts) + CRLF * 2 + body).encode("latin-1")


GET = lines("GET /a?b=c HTTP/1.1", "Host: x")
POST = "POST / HTTP/1.1"
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
WEBSOCKET = (
    "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13",
)  # fmt: skip

Parsed = tuple[str, str, bytes, bool, bool]
"""Method, path, body, whether it is a WebSocket handshake, whether the connection is kept."""


def requests_in(data: bytes, piece: int) -> list[Parsed]:
    """All requests, each of them answered before the next is asked for."""
    parser = RequestParser()
    found: list[Parsed] = []
    head: RequestHead | None = None
    body = b""
    for start in range(0, len(data), piece):
        parser.receive(data[start : start + piece])
        while (event := parser.next_event()) is not None:
            if isinstance(event, RequestHead):
                head, body = event, b""
            elif isinstance(event, bytes):
                body += event
            if head is not None and (event is End.OF_REQUEST or head.handshake):
                found.append((head.method, head.path, body, head.handshake, head.keep_alive))
                if head.handshake:
                    return found
                head = None
                parser.next_request()
    return found


ACCEPTED: dict[str, tuple[bytes, list[Parsed]]] = {
    "plain": (GET, [("GET", "/a", b"", False, True)]),
    "empty lines before it (2.2)": (b"\r\n\r\n" + GET, [("GET", "/a", b"", False, True)]),
    "absolute form (3.2.2)": (
        lines("GET http://other/a?b HTTP/1.1", "Host: x"), [("GET", "/a", b"", False, True)],
    ),
    "asterisk form (3.2.4)": (lines("OPTIONS * HTTP/1.1", "Host: x"), [("OPTIONS", "*", b"", False, True)]),
    "HTTP/1.0 is not kept (9.3)": (lines("GET / HTTP/1.0"), [("GET", "/", b"", False, False)]),
    "Connection: close (9.6)": (
        lines("GET / HTTP/1.1", "Connection: keep-alive, close"), [("GET", "/", b"", False, False)],
    ),
    "Content-Length (6.2)": (
        lines(POST, "Content-Length: 3", body="abc"), [("POST", "/", b"abc", False, True)],
    ),
    "Content-Length: 0": (lines(POST, "Content-Length: 0"), [("POST", "/", b"", False, True)]),
    "Content-Length with zeros before it": (
        lines(POST, f"Content-Length: {'0' * 5_000}3", body="abc"), [("POST", "/", b"abc", False, True)],
    ),
    "chunks (7.1)": (
        lines(POST, "Transfer-Encoding: Chunked", body="3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        [("POST", "/", b"abcde", False, True)],
    ),
    "chunk extensions and trailers (7.1.1, 7.1.2)": (
        lines(POST, "Transfer-Encoding: chunked", body="1;a=b\r\nx\r\n00\r\nA: b\r\n\r\n"),
        [("POST", "/", b"x", False, True)],
    ),
    "an empty line in a chunk": (
        lines(POST, "Transfer-Encoding: chunked", body="6\r\na\r\n\r\nb\r\n0\r\n\r\n"),
        [("POST", "/", b"a\r\n\r\nb", False, True)],
    ),
    "pipelined (9.3.2)": (
        GET + lines(POST, "Content-Length: 2", body="ab") + GET,
        [("GET", "/a", b"", False, True), ("POST", "/", b"ab", False, True), ("GET", "/a", b"", False, True)],
    ),
    "pipelined behind chunks": (
        lines(POST, "Transfer-Encoding: chunked", body="1\r\nx\r\n0\r\nA: b\r\n\r\n") + GET,
        [("POST", "/", b"x", False, True), ("GET", "/a", b"", False, True)],
    ),
    "h2c with a body that looks like a request": (
        lines(POST, *H2C, f"Content-Length: {len(GET)}", body=GET.decode()) + GET,
        [("POST", "/", GET, False, True), ("GET", "/a", b"", False, True)],
    ),
    "h2c in chunks": (
        lines(POST, *H2C, "Transfer-Encoding: chunked", body="3\r\nabc\r\n0\r\n\r\n") + GET,
        [("POST", "/", b"abc", False, True), ("GET", "/a", b"", False, True)],
    ),
    "h2c without a body": (
        lines("GET /a HTTP/1.1", *H2C) + GET, [("GET", "/a", b"", False, True)] * 2,
    ),
    "any other offer": (
        lines(POST, "Connection: upgrade, close", "Upgrade: foo/2, bar", "Content-Length: 1", body="x"),
        [("POST", "/", b"x", False, False)],
    ),
    "an offer of WebSocket with a POST": (
        lines(POST, *WEBSOCKET, "Content-Length: 1", body="x"), [("POST", "/", b"x", False, True)],
    ),
    "an offer of WebSocket among others": (
        lines("GET /a HTTP/1.1", "Connection: upgrade", "Upgrade: h2c, websocket"),
        [("GET", "/a", b"", False, True)],
    ),
    "an offer of WebSocket over HTTP/1.0": (
        lines("GET /a HTTP/1.0", *WEBSOCKET), [("GET", "/a", b"", False, False)],
    ),
    "a WebSocket handshake (RFC 6455 4.1)": (
        lines("GET /a HTTP/1.1", *WEBSOCKET, "Content-Length: 0", body="frames"),
        [("GET", "/a", b"", True, True)],
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[bytes, int]] = {
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2 by its number": (lines("GET / HTTP/2.0"), 505),
    "HTTP/0.9 by its number": (lines("GET / HTTP/0.9"), 505),
    "an unknown method": (lines("BREW / HTTP/1.1"), 400),
    "a tunnel": (lines("CONNECT x:443 HTTP/1.1", "Host: x"), 400),
    "two Hosts (3.2)": (lines("GET / HTTP/1.1", "Host: x", "Host: y"), 400),
    "a space before the colon (5.1)": (lines("GET / HTTP/1.1", "Host : x"), 400),
    "a folded header (5.2)": (lines("GET / HTTP/1.1", "A: b", " c"), 400),
    "NUL in a header": (lines("GET / HTTP/1.1", "A: b\0c"), 400),
    "bare LF in a header": (lines("GET / HTTP/1.1", "A: b\nC: d"), 400),
    "a nameless header": (lines("GET / HTTP/1.1", ": b"), 400),
    "Content-Length and chunks (6.1)": (
        lines(POST, "Content-Length: 4", "Transfer-Encoding: chunked", body="0\r\n\r\n"), 400,
    ),
    "chunks and Content-Length (6.1)": (
        lines(POST, "Transfer-Encoding: chunked", "Content-Length: 4", body="0\r\n\r\n"), 400,
    ),
    "two Content-Lengths (6.3)": (lines(POST, "Content-Length: 1", "Content-Length: 2", body="ab"), 400),
    "a list of Content-Lengths": (lines(POST, "Content-Length: 1, 1", body="a"), 400),
    "a signed Content-Length": (lines(POST, "Content-Length: +1", body="a"), 400),
    "a hexadecimal Content-Length": (lines(POST, "Content-Length: 0x1", body="a"), 400),
    "a Content-Length beyond all": (lines(POST, f"Content-Length: {'9' * 30}", body="a"), 400),
    "chunks not last (6.1)": (lines(POST, "Transfer-Encoding: chunked, gzip", body="0\r\n\r\n"), 400),
    "a coding that is not known (6.1)": (
        lines(POST, "Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"), 501,
    ),
    "chunks twice": (lines(POST, "Transfer-Encoding: chunked, chunked", body="0\r\n\r\n"), 400),
    "a chunk's size that is none": (lines(POST, "Transfer-Encoding: chunked", body="z\r\n\r\n"), 400),
    "a chunk's size beyond all": (
        lines(POST, "Transfer-Encoding: chunked", body=f"{'f' * 20}\r\n\r\n"), 400,
    ),
    "a chunk without its end": (lines(POST, "Transfer-Encoding: chunked", body="1\r\nxy\r\n\r\n"), 400),
    "bare LF in chunks": (lines(POST, "Transfer-Encoding: chunked", body="1\nx\n0\n\r\n\r\n"), 400),
    "a WebSocket handshake with a body": (
        lines("GET / HTTP/1.1", *WEBSOCKET, "Content-Length: 4", body="abcd"), 400,
    ),
    "a WebSocket handshake in chunks": (
        lines("GET / HTTP/1.1", *WEBSOCKET, "Transfer-Encoding: chunked", body="0\r\n\r\n"), 400,
    ),
    "an offer with both lengths": (
        lines(POST, *H2C, "Content-Length: 4", "Transfer-Encoding: chunked", body="0\r\n\r\n"), 400,
    ),
    "a head that is too large": (lines("GET / HTTP/1.1", "A: " + "b" * HEADER_BYTES), 431),
    "a head without end": (b"GET / HTTP/1.1\r\nA: " + b"b" * (HEADER_BYTES + 1), 431),
    "empty lines without end": (b"\r\n" * HEADER_BYTES, 431),
    "trailers without end": (
        lines(POST, "Transfer-Encoding: chunked", body="0\r\n" + "A: b\r\n" * HEADER_BYTES), 431,
    ),
    "an extension without end": (
        lines(POST, "Transfer-Encoding: chunked", body="1;" + "a" * HEADER_BYTES * 2), 431,
    ),
}  # fmt: skip


@pytest.mark.parametrize("piece", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("name", ACCEPTED)
def test_requests_that_are_served(name: str, piece: int) -> None:
    data, expected = ACCEPTED[name]
    assert requests_in(data, piece) == expected


@pytest.mark.parametrize("piece", [1, 7, 4_096])
@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_are_not(name: str, piece: int) -> None:
    data, status = REFUSED[name]
    with pytest.raises(UnservableRequest) as caught:
        requests_in(data, piece)
    assert caught.value.failure.status == status


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"GET /v1/projects?tag=" + b"0" * HEADER_BYTES, "/v1/projects"),
        (b"\r\nGET /v1/a%20b HTTP/1.1\r\nA: " + b"b" * HEADER_BYTES, "/v1/a b"),
        (lines("POST /v1/read HTTP/1.1", "Transfer-Encoding: gzip"), "/v1/read"),
        (
            lines(
                "POST /a?b HTTP/1.1", "Transfer-Encoding: chunked", body="0\r\n" + "A: b\r\n" * HEADER_BYTES
            ),
            "/a",
        ),
        (b"GET /" + b"y" * HEADER_BYTES, None),
        (b"\x16\x03\x01", None),
        (b"\r\n" * HEADER_BYTES, None),
    ],
)
def test_the_path_of_a_request_that_cannot_be_served_is_known_as_far_as_it_is_written(
    data: bytes, path: str | None
) -> None:
    parser = RequestParser()
    parser.receive(data)
    with pytest.raises(UnservableRequest):
        list(iter(parser.next_event, None))
    assert parser.path_begun == path


def test_nothing_beyond_the_current_request_is_parsed() -> None:
    parser = RequestParser()
    parser.receive(GET * 1_000)
    events = []
    while (event := parser.next_event()) is not None:
        events.append(event)
    assert len(events) == 2
    assert parser.ended
    assert parser.unread == len(GET) * 999


def test_a_body_with_a_length_is_passed_on_as_it_was_read() -> None:
    """And what follows is not parsed before its turn."""
    parser, body = RequestParser(), bytes(60_000)
    parser.receive(lines(POST, "Content-Length: 120000"))
    assert isinstance(parser.next_event(), RequestHead)
    parser.receive(body)
    assert parser.next_event() is body
    assert parser.next_event() is None
    parser.receive(body + GET + GET)
    assert [parser.next_event() for _ in range(3)] == [body, End.OF_REQUEST, None]
    assert parser.unread == 2 * len(GET)
    parser.next_request()
    assert isinstance(parser.next_event(), RequestHead)


def test_trailers_are_no_headers() -> None:
    parser = RequestParser()
    parser.receive(lines(POST, "Transfer-Encoding: chunked", body="0\r\nAuthorization: x\r\n\r\n"))
    head = parser.next_event()
    assert isinstance(head, RequestHead)
    assert parser.next_event() is End.OF_REQUEST
    assert head.headers == [(b"transfer-encoding", b"chunked")]


def test_an_ignored_offer_is_not_shown_to_the_application() -> None:
    """Whether it is dropped or kept, no later step may act on it; the other headers are all there."""
    parser = RequestParser()
    parser.receive(lines(POST, "A: b", *H2C, "Content-Length: 1", body="x"))
    head = parser.next_event()
    assert isinstance(head, RequestHead)
    assert [name for name, _ in head.headers] == [
        b"a",
        b"connection",
        b"upgrade",
        b"http2-settings",
        b"content-length",
    ]
    assert not head.handshake
