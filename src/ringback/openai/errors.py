"""Errors in OpenAI's form: https://developers.openai.com/api/docs/guides/error-codes. Pure."""

import re

import msgspec

from ringback.errors import Failure


class OpenAiError(msgspec.Struct):
    message: str
    type: str
    """`invalid_request_error`, `rate_limit_error` or `server_error`."""
    param: str | None
    """The field that is at fault."""
    code: str | None


class OpenAiErrorDocument(msgspec.Struct):
    """Why there is no transcription."""

    error: OpenAiError


NEVER_AGAIN = frozenset({409, 504})
"""Statuses after which OpenAI's clients would send a request again by themselves, and should not: it was
cancelled, or takes longer than a caller may wait."""


def openai_error_body(failure: Failure) -> bytes:
    """The body of an answer with this failure."""
    message = f"{failure.err_msg} {failure.details}".rstrip()
    error = OpenAiError(message, _type_of(failure.status), failure.parameter, _code_of(failure))
    return msgspec.json.encode(OpenAiErrorDocument(error))


def _type_of(status: int) -> str:
    if status >= 500:
        return "server_error"
    return "rate_limit_error" if status == 429 else "invalid_request_error"


def _code_of(failure: Failure) -> str:
    """OpenAI's word where it has one, else ours in its manner."""
    return _CODES.get(failure.err_code) or re.sub(r"[^a-z0-9]+", "_", failure.err_code.lower())


_CODES = {
    "INVALID_AUTH": "invalid_api_key",
    "INVALID_QUERY_PARAMETER": "invalid_value",
    "TOO_MANY_REQUESTS": "rate_limit_exceeded",
}
