"""What strangers without a key may send, and then nothing more."""

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HANDSHAKE = (
    b"GET /v1/listen HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
STUCK = (
    b"",
    b"GET / HT",
    GET,
    b"POST /v1/listen HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nab",
    HANDSHAKE + b"Content-Length: 5\r\n\r\n",
    HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n",
    HANDSHAKE + b"X: " + b"y" * 9_000 + b"\r\n\r\n",
    HANDSHAKE + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    HANDSHAKE.replace(b"GET", b"POST") + b"Content-Length: 5\r\n\r\n",
)
"""Each leaves its connection in another state of the server."""
