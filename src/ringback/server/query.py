"""Parses the query string of `/v1/listen`."""

import re
import urllib.parse

from starlette.requests import HTTPConnection

from ringback.errors import Refusal
from ringback.listen.options import ListenOptions, Mode, parse

_MOST_FIELDS = 2_000

_UNENCODED_CALLBACK = re.compile(rb"(?:^|&)callback=[^&]*\?")
"""A `callback` whose own query is not percent-encoded: it is cut at the next `&`."""


def query_pairs(connection: HTTPConnection) -> list[tuple[str, str]]:
    """Names and values, decoded, in their order. Raises `Refusal` (400)."""
    query: bytes = connection.scope["query_string"]
    try:
        return urllib.parse.parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400, "Bad Request", "Invalid query string.") from None


def options_of(connection: HTTPConnection, mode: Mode) -> ListenOptions:
    """The options of a recording or a live stream. Raises `Refusal` (400)."""
    unencoded = _UNENCODED_CALLBACK.search(connection.scope["query_string"]) is not None
    return parse(query_pairs(connection), mode, callback_unencoded=unencoded)
