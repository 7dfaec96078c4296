"""One request and its answer, over one connection."""

import asyncio
import io
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
)

from ringback.egress.answers import BODY_LIMIT
from ringback.egress.connector import Dial, GuardedConnector, current_dial
from ringback.egress.silence import Lost
from ringback.egress.target import Target


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be said, and to whom."""

    target: Target
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None


def open_session(connector: GuardedConnector, *middlewares: ClientMiddlewareType) -> ClientSession:
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity"},
        skip_auto_headers=("User-Agent", "Content-Type"),
        # The limits are ours: aiohttp's own are rounded up to full seconds, and know nothing of phases.
        timeout=ClientTimeout(total=None, sock_connect=None),
        max_line_size=8_190,
        max_field_size=8_190,
        max_headers=128,
        middlewares=(*middlewares, _no_second_request),
    )


async def answer_to(request: Request, session: ClientSession, dial: Dial, seconds: float) -> ClientResponse:
    """The answer's status and headers, its body unread. On any failure the connection is gone already.

    Raises `aiohttp.ClientError`, `OSError` (`TimeoutError` among them) or `Lost`.
    """
    token = current_dial.set(dial)
    try:
        async with asyncio.timeout(seconds):
            return await session.request(
                request.method,
                request.target.url,
                headers=request_headers(request),
                data=_payload(request.body),
                allow_redirects=False,
            )
    except BaseException:
        dial.abort()
        raise
    finally:
        current_dial.reset(token)


async def read_some(response: ClientResponse, dial: Dial, seconds: float) -> bytes:
    """Up to `BODY_LIMIT` bytes. A connection whose answer was not read to its end is dropped."""
    body = bytearray()
    whole = False
    try:
        async with asyncio.timeout(seconds):
            while not whole and len(body) < BODY_LIMIT:
                chunk = await response.content.read(BODY_LIMIT - len(body))
                body += chunk
                whole = not chunk
            if whole:
                await response.wait_for_close()
    except (ClientError, OSError):
        whole = False
    except BaseException:
        whole = False
        raise
    finally:
        if not whole:
            response.close()
            dial.abort()
    return bytes(body)


def request_headers(request: Request) -> Mapping[str, str]:
    """With the URL's credentials as Basic authorization."""
    if request.target.login is None:
        return request.headers
    credentials = b64encode(":".join(request.target.login).encode()).decode()
    return {**request.headers, "Authorization": f"Basic {credentials}"}


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # A large body is written in pieces, at the receiver's pace; both forms have an exact Content-Length.
    return body if body is None or len(body) <= 1 << 16 else io.BytesIO(body)


async def _no_second_request(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a PUT or GET a second time by itself: each sending is an attempt of ours."""
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise Lost from error
