"""Parsing of paths, times and JSON of the management routes, and the refusals."""

import uuid
from datetime import UTC, date, datetime, time
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Refusal
from ringback.server.auth import Authenticator, Caller
from ringback.server.body import JSON_LIMIT, NotJson, Pace, json_text
from ringback.server.error_responses import json_response
from ringback.server.permissions import Permission, Reach

Document = TypeVar("Document")


def answer(document: object, status: int = 200) -> Response:
    return json_response(msgspec.json.encode(document), status)


async def caller_of_project(request: Request, authenticator: Authenticator, permission: Permission) -> Caller:
    """The caller, if they have the permission in the project of the path; else raises `Refusal`.

    Another tenant's project is answered like one that does not exist (404), without a look-up.
    """
    caller = await authenticator.authenticate(request)
    project = path_uuid(request, "project_id")
    if project != caller.project and caller.reach(permission) is not Reach.SERVER:
        raise no_such_project()
    caller.require(permission)
    return caller


def no_such_project() -> Refusal:
    return Refusal(404, "PROJECT_NOT_FOUND", "Project not found.")


def path_uuid(request: Request, name: str) -> str:
    """A UUID from the path, in canonical form; raises the 404 of https://developers.deepgram.com/docs/errors."""
    text: str = request.path_params[name]
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refusal(404, "NOT_FOUND", f"UUID parsing failed: {name} is not a UUID.") from None


def moment_of(text: str | None, name: str, *, end_of_day: bool = False) -> float | None:
    """Unix seconds from a date or an RFC 3339 time that was given under `name`; without an offset it is UTC.
    Raises `Refusal` (400)."""
    if text is None:
        return None
    moment = _moment(text, end_of_day)
    if moment is None:
        raise Refusal(
            400,
            "INVALID_QUERY_PARAMETER",
            f"`{name}` must be a date or a time, such as 2026-11-22 or 2026-11-22T10:00:00Z.",
        )
    return moment


async def json_body(
    request: Request, pace: Pace, decoder: msgspec.json.Decoder[Document], *, optional: bool = False
) -> Document:
    """The JSON body as its type; raises `Refusal` (400) otherwise.

    `optional`: a missing body reads as `{}`. Only where the defaults do the least: a client whose body is
    lost on the way must not get more than it requested.
    """
    try:
        text = await json_text(request, pace)
        if not text and not optional:
            raise Refusal(400, "INVALID_JSON", "The request has no body: send a JSON object.")
        return decoder.decode(text or "{}")
    except msgspec.ValidationError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"{NOT_SUCH_JSON} {error}", reason=NOT_SUCH_JSON) from None
    except (NotJson, msgspec.DecodeError, RecursionError):
        raise Refusal(400, "INVALID_JSON", "The body is not valid JSON.") from None


async def listen_json(
    request: Request,
    pace: Pace,
    decoder: msgspec.json.Decoder[Document],
    *,
    hint: str,
    limit: int = JSON_LIMIT,
) -> Document:
    """The same for `/v1/listen` and `/v1/read`, worded as in https://developers.deepgram.com/docs/errors;
    `hint`: what to do about a body that is something else."""
    try:
        text = await json_text(request, pace, limit)
        if not text:
            raise Refusal(400, "Bad Request", f"{_NO_JSON} The body is empty.")
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"{NOT_SUCH_JSON} {error}", reason=NOT_SUCH_JSON) from None
    except NotJson:
        raise Refusal(400, "Bad Request", f"{_NO_JSON} {hint}") from None
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(400, "Bad Request", _NO_JSON) from None


NOT_SUCH_JSON = "Failed to deserialize JSON payload."
"""msgspec's message, which may quote a field's name."""


def unix_seconds(moment: datetime) -> float:
    """A time without an offset is UTC; `ValueError` for one outside of this and the last century."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        seconds = aware.timestamp()
    except OverflowError:
        raise ValueError(moment) from None
    if not 0 <= seconds < _FAR_FUTURE:
        raise ValueError(moment)
    return seconds


def _moment(text: str, end_of_day: bool) -> float | None:
    try:
        if len(text) == len("2026-11-22"):
            clock_time = time.max if end_of_day else time.min
            return unix_seconds(datetime.combine(date.fromisoformat(text), clock_time, UTC))
        # A `+` in a query string is decoded as a space.
        return unix_seconds(datetime.fromisoformat(text.replace(" ", "+")))
    except ValueError:
        return None


_FAR_FUTURE = datetime(3000, 1, 1, tzinfo=UTC).timestamp()
_NO_JSON = "Content-type was application/json, but we could not process the JSON payload."
