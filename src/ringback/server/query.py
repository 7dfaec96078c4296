"""The query string of `/v1/listen`, taken apart but not yet understood."""

import urllib.parse

from starlette.requests import HTTPConnection

from ringback.errors import Refusal

_MOST_FIELDS = 2_000


def query_pairs(connection: HTTPConnection) -> list[tuple[str, str]]:
    """Names and values, decoded, in their order. Raises `Refusal` (400)."""
    query: bytes = connection.scope["query_string"]
    try:
        return urllib.parse.parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400, "Bad Request", "Invalid query string.") from None
