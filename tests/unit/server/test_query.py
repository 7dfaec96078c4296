"""The query string as it came over the wire."""

import pytest
from starlette.requests import HTTPConnection

from ringback.listen.options import Mode
from ringback.listen.parameter import AUDIO
from ringback.server.query import options_of


def warned(query: str, mode: Mode) -> list[str]:
    connection = HTTPConnection({"type": "http", "query_string": query.encode()})
    return [warning.parameter for warning in options_of(connection, mode).warnings]


@pytest.mark.parametrize("mode", sorted(AUDIO))
@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("callback=http://h/x?a=1&b=2", ["b"]),
        ("own=1&callback=http://h/x?a=1&b=2&punctuate=true&c", ["b", "c"]),
        ("callback=http://h/x?a=1", []),
        ("callback=http://h/x&b=2", []),
        ("callback=http%3A%2F%2Fh%2Fx%3Fa%3D1%26b%3D2&own=1", []),
        ("my_receiver=http://h/x?a=1&own=2", []),
    ],
)
def test_a_callback_that_was_cut_differs_from_one_that_was_encoded(
    query: str, parameters: list[str], mode: Mode
) -> None:
    assert warned(query, mode) == parameters
