"""The two forms of an error, and text that is fit for a header."""

import json

import pytest

from ringback.errors import Failure
from ringback.server.error_responses import (
    LISTEN_PATH,
    UNAVAILABLE,
    error_document,
    error_headers,
    header_text,
)

FAILURE = Failure(400, "Bad Request", "No.")


def test_listen_speaks_the_older_form() -> None:
    document = json.loads(error_document(LISTEN_PATH, FAILURE, "id"))
    assert document == {"err_code": "Bad Request", "err_msg": "No.", "request_id": "id"}


def test_the_rest_speaks_the_newer_form() -> None:
    document = json.loads(error_document("/v1/projects", FAILURE, "id"))
    assert document == {"category": "Bad Request", "message": "No.", "details": "", "request_id": "id"}


def test_a_503_names_its_field_as_deepgram_does_and_says_when_to_come_back() -> None:
    assert "error_code" in json.loads(error_document(LISTEN_PATH, UNAVAILABLE, "id"))
    assert int(error_headers(UNAVAILABLE)["retry-after"]) > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No such model.", "No such model."),
        ("café", "café"),
        ("two\r\nlines: injected", "two??lines: injected"),
        ("日本", "??"),
        ("\x7f\x80 ok ", "?? ok"),
    ],
)
def test_text_is_made_fit_for_a_header(text: str, expected: str) -> None:
    assert header_text(text) == expected
    header_text(text).encode("latin-1")


def test_a_headers_text_has_an_end() -> None:
    assert len(header_text("x" * 100_000)) <= 500
