"""The catcher: a receiver inside this server, to try callbacks with. Pure.

`https://catcher.ringback.invalid/` as a callback URL: no name below `.invalid` is ever in the DNS (RFC 2606),
so that it can mean nothing else. A delivery to it passes the queue, is signed, counted, retried and parked
like any other. In place of the network its request is kept with the attempt, on whichever node that was made,
and answered with 200, or with the status that is the URL's path (`/503`).
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from ringback.egress.responses import Phases, ReceiverResponse
from ringback.egress.target import HTTP, Target

HOST = "catcher.ringback.invalid"


class CaughtRequest(msgspec.Struct, frozen=True):
    """An attempt as the catcher got it. Its body is the result, or the link to it, and is not kept twice."""

    method: str
    headers: dict[str, str]
    bytes: int
    """Of the body."""


def is_catcher(target: Target) -> bool:
    return target.host == HOST and target.scheme in HTTP


def is_catchers(destination: str) -> bool:
    """The same by the name of a destination (`SCHEME://HOST:PORT`)."""
    return urlsplit(destination).hostname == HOST


def caught_request(method: str, headers: Mapping[str, str], body: bytes) -> CaughtRequest:
    """What is kept of an attempt."""
    return CaughtRequest(method, dict(headers), len(body))


def catchers_answer(target: Target) -> ReceiverResponse:
    """What the catcher answers."""
    status = _STATUS.fullmatch(target.url.raw_path)
    code = 200 if status is None else int(status[1])
    return ReceiverResponse(code, None, b"", Phases(None, None, None, None, 0.0), None)


_STATUS = re.compile(r"/([2-5][0-9]{2})")
