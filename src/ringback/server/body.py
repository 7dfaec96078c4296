"""Reading request bodies: bounded in size, in memory and in slowness."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive

from ringback.errors import Refusal

JSON_LIMIT = 65_536
"""Bytes. The largest JSON body that any route takes; a URL with its signature needs 2 KB."""

DRAINED_LIMIT = 1_048_576
"""Bytes. An unread body up to this size is read away after an early answer; the connection lives on."""


class ClientGone(Exception):
    """The client closed the connection before its body was complete."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest that a body may come in: so many bytes a second, over each `window` of waiting; 0: any."""

    bytes_per_second: float
    window: float = 30.0


async def chunks(receive: Receive, pace: Pace) -> AsyncIterator[bytes]:
    """The body, piece by piece; the client sends on only as fast as these are taken.

    Raises `ClientGone`, and `Refusal` (408) below the pace. Only time spent waiting for the client
    counts, not the time that our disk takes.
    """
    loop = asyncio.get_running_loop()
    waited, arrived = 0.0, 0
    more = True
    while more:
        before = loop.time()
        try:
            async with asyncio.timeout(pace.window - waited if pace.bytes_per_second else None):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        waited += loop.time() - before
        arrived += len(chunk)
        if arrived >= pace.bytes_per_second * pace.window:
            waited, arrived = 0.0, 0
        if chunk:
            yield chunk


async def small_body(request: Request, pace: Pace) -> bytes:
    """The whole of a JSON body; raises `Refusal` (413) above `JSON_LIMIT`."""
    declared = declared_length(request)
    if declared is not None and declared > JSON_LIMIT:
        raise too_large(JSON_LIMIT)
    whole = bytearray()
    async for chunk in chunks(request.receive, pace):
        whole += chunk
        if len(whole) > JSON_LIMIT:
            raise too_large(JSON_LIMIT)
    return bytes(whole)


def json_text(request: Request, body: bytes) -> str:
    """A JSON body as text, by the charset that Content-Type names; `UnicodeError` if it is not that."""
    charset = "utf-8"
    for parameter in request.headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
    if charset.lower() not in _CHARSETS:
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The charset in Content-Type is not known.")
    return body.decode(charset)


def is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == "application/json"


def declared_length(request: Request) -> int | None:
    """Content-Length, if there is one."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def leaves_body_unread(request: Request) -> bool:
    """Whether an answer given now, with the body unread, must end the connection.

    Otherwise the rest of a 2 GB upload would still be read, or the next request be taken for it.
    """
    if "expect" in request.headers or "transfer-encoding" in request.headers:
        return True
    return (declared_length(request) or 0) > DRAINED_LIMIT


def too_large(limit: int) -> Refusal:
    return Refusal(413, "PAYLOAD_TOO_LARGE", f"The request body is larger than {limit} bytes.")


_CHARSETS = frozenset({"utf-8", "utf8", "utf-16", "utf-32", "us-ascii", "iso-8859-1", "latin-1"})
"""Python knows many more, and some of them (punycode, idna) take seconds for a body of this size."""


def _too_slow() -> Refusal:
    return Refusal(408, "REQUEST_TIMEOUT", "The request body came too slowly.")
