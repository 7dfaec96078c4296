"""Reading request bodies with limits of their size, their memory and their slowness."""

import asyncio
import codecs
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive

from ringback.errors import Refusal

JSON_LIMIT = 65_536
"""Bytes. The largest JSON body, unless a route takes more; a URL with its signature needs 2 KB."""

DRAINED_LIMIT = 1_048_576
"""Bytes. After an early answer, an unread body of up to this size is read and discarded, and the connection
stays open."""


class NotJson(Exception):
    """The body cannot be the text of a JSON object."""


class NotText(Exception):
    """The body is not text in its encoding."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest pace of a body: bytes a second, over each `window` of waiting; 0: any."""

    bytes_per_second: float
    window: float = 30.0


async def chunks(receive: Receive, pace: Pace) -> AsyncIterator[bytes]:
    """The body in pieces; the client can only send as fast as these are taken.

    Raises `Refusal`: 422 if the client ends its side of the connection before the end of the body, 408 below
    the pace. Only the time of waiting for the client counts, not that of our disk.
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
            raise _truncated()
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        waited += loop.time() - before
        arrived += len(chunk)
        if arrived >= pace.bytes_per_second * pace.window:
            waited, arrived = 0.0, 0
        if chunk:
            yield chunk


async def json_text(request: Request, pace: Pace, limit: int = JSON_LIMIT) -> str:
    """The whole of a JSON body as text, without a byte order mark; empty for an empty body.

    A byte order mark names the encoding, else the charset of Content-Type does. Raises `NotJson`, and
    `Refusal`: 413 for JSON above `limit` bytes, 415 for an unknown charset, 422 if the body is shorter than
    announced.
    """
    charset = _charset_of(request)
    try:
        body = await _whole(request, pace, limit)
    except _TooLong as error:
        if _may_be_object(_decoded(error.begin, charset, "replace")):
            raise too_large(limit) from None
        raise NotJson from None
    return _decoded(body, charset)


async def plain_text(request: Request, pace: Pace, limit: int) -> str:
    """The same of a body of plain text. Raises `NotText`, and `Refusal` as above."""
    charset = _charset_of(request)
    try:
        return _decoded(await _whole(request, pace, limit), charset)
    except _TooLong:
        raise too_large(limit) from None
    except NotJson:
        raise NotText from None


def media_type(request: Request) -> str:
    """Content-Type in lower case, without its parameters; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(request: Request) -> bool:
    return media_type(request) == "application/json"


def is_plain_text(request: Request) -> bool:
    return media_type(request) == "text/plain"


def is_form(request: Request) -> bool:
    """Whether it is sent as a browser's form is, with the file as a part of it."""
    return media_type(request).startswith("multipart/")


def declared_length(request: Request) -> int | None:
    """Content-Length, if there is one."""
    return length_in(request.headers.get("content-length", ""))


def length_in(text: str) -> int | None:
    """The bytes that a Content-Length announces; None for an invalid one."""
    if not (text.isascii() and text.isdecimal()):
        return None
    # Any number of leading zeros; with more than 19 digits no HTTP parser here accepts the request.
    return int(text.lstrip("0")[:20] or "0")


def too_large(limit: int) -> Refusal:
    return Refusal(413, "PAYLOAD_TOO_LARGE", f"The request body is larger than {limit} bytes.")


_CHARSETS = frozenset({"utf-8", "utf8", "utf-16", "utf-32", "us-ascii", "iso-8859-1", "latin-1"})
"""Python knows many more encodings, and some (punycode, idna) take seconds for a body of this size."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # it begins with a byte order mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _TooLong(Exception):
    """The body is longer than allowed; this holds its beginning."""

    def __init__(self, begin: bytes) -> None:
        super().__init__()
        self.begin = begin


async def _whole(request: Request, pace: Pace, limit: int) -> bytes:
    body = bytearray()
    async for chunk in chunks(request.receive, pace):
        body += chunk
        if len(body) > limit:
            raise _TooLong(bytes(body))
    if declared_length(request) not in (None, len(body)):
        # A body was announced and has not arrived: that is never the same as no body.
        raise _truncated()
    return bytes(body)


def _charset_of(request: Request) -> str:
    charset = "utf-8"
    for parameter in request.headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
    if charset.lower() not in _CHARSETS:
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The charset in Content-Type is not known.")
    return charset


def _decoded(body: bytes, charset: str, errors: str = "strict") -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if body.startswith(mark)), charset)
    try:
        return body.decode(encoding, errors)
    except UnicodeError:
        raise NotJson from None


def _may_be_object(text: str) -> bool:
    """Whether a JSON object can begin so: a recording that was sent as JSON does not."""
    return text.lstrip(" \t\r\n")[:1] in {"", "{"}


def _truncated() -> Refusal:
    """Worded as Deepgram's (https://developers.deepgram.com/docs/errors)."""
    return Refusal(422, "ASR_UNPROCESSABLE_ENTITY", "Unable to read the entire client request.")


def _too_slow() -> Refusal:
    return Refusal(408, "REQUEST_TIMEOUT", "The request body came too slowly.")
