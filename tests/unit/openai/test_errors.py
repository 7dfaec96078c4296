"""Failures as OpenAI's clients read them."""

import json

import pytest

from ringback.errors import Failure
from ringback.openai.errors import openai_error_body


@pytest.mark.parametrize(
    ("failure", "type_", "code"),
    [
        (Failure(401, "INVALID_AUTH", "No."), "invalid_request_error", "invalid_api_key"),
        (Failure(429, "TOO_MANY_REQUESTS", "No."), "rate_limit_error", "rate_limit_exceeded"),
        (Failure(413, "PAYLOAD_TOO_LARGE", "No."), "invalid_request_error", "payload_too_large"),
        (Failure(500, "INTERNAL", "No."), "server_error", "internal"),
        (Failure(503, "Service Unavailable", "No."), "server_error", "service_unavailable"),
    ],
)
def test_types_and_codes(failure: Failure, type_: str, code: str) -> None:
    document = json.loads(openai_error_body(failure))
    assert document == {"error": {"message": "No.", "type": type_, "param": None, "code": code}}


def test_the_field_at_fault_and_the_way_out_are_named() -> None:
    failure = Failure(400, "BAD", "No.", parameter="model", details="Try yes.")
    error = json.loads(openai_error_body(failure))["error"]
    assert (error["param"], error["message"]) == ("model", "No. Try yes.")
