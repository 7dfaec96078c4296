"""The description of the HTTP interface as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1

It is made from the values that the server itself uses: operations from the table of routes, documents from
the types that read and write them, query parameters from the values that parse them.
"""

import inspect
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ringback import __version__
from ringback.callbacks.delivery import AttemptDetail, Thin
from ringback.listen.live_messages import MESSAGES
from ringback.listen.parameter import Parameter, Support
from ringback.listen.read_results import ReadDocument
from ringback.listen.results import ErrorDocument, ResultDocument
from ringback.openai.errors import OpenAiErrorDocument
from ringback.server.error_responses import (
    LISTEN_PATH,
    LISTEN_PATHS,
    OPENAI_PATHS,
    READ_PATH,
    REQUEST_PATHS,
    TRANSCRIPTIONS_PATH,
    ListenUnavailable,
    ManagementError,
)
from ringback.server.operations import SCHEMAS, Operation
from ringback.server.query_parameters import QueryParameter

ERRORS: Mapping[int, str] = {
    400: "The request is malformed: a parameter, the body, or a URL in it.",
    401: "No credential, or not a good one.",
    403: "The key's scopes do not cover this.",
    404: "There is no such thing, or it is not yours.",
    408: "The body came too slowly.",
    409: "Its state does not allow this now.",
    410: "The result is no longer kept.",
    413: "The body is too large.",
    415: "The body's media type or its charset is not known.",
    422: "The body ended before its announced end, or the Idempotency-Key came with another request before.",
    429: "The key has in work, or has used today, what it may.",
    431: "The request line and headers are too large.",
    500: "A fault of the server; its log names the `request_id`.",
    503: "Not now: nothing of the request was kept.",
    504: "A waiting caller's time is up.",
}

HEADERS: Mapping[str, str] = {
    "cache-control": "How long the answer may be kept.",
    "dg-error": "The error's message on one line.",
    "dg-model-name": "The model that ran.",
    "dg-model-uuid": "Its id.",
    "dg-request-id": "The id of this request.",
    "idempotent-replayed": "`true`: the `Idempotency-Key` was known, and this is the first request's answer.",
    "retry-after": "Seconds after which it is worth trying again.",
    "ringback-status": "The status that a waiting caller would have got.",
    "ringback-warnings": "What was not acted on, or not in full, where the answer has no place for it.",
    "x-request-id": "The same as `dg-request-id`, under the name that OpenAI's clients read.",
    "www-authenticate": "The scheme to use.",
}
"""Of answers."""

CALLBACK_HEADERS: Mapping[str, tuple[bool, str]] = {
    "dg-request-id": (True, "The accepted `request_id`."),
    "webhook-id": (True, "The id of this delivery, the same over all attempts: use it to drop duplicates."),
    "webhook-timestamp": (True, "When this attempt was made, in Unix seconds."),
    "webhook-signature": (
        True,
        "Standard Webhooks signatures, `v1,…` and `v1a,…`, with spaces between them.",
    ),
    "ringback-attempt": (True, "1 for the first attempt, then counting."),
    "ringback-status": (True, "The status that a waiting caller would have got."),
    "ringback-sequence": (False, "The number of a live stream's message, from 1."),
    "dg-token": (False, "The identifier of the key that asked; it proves nothing."),
}
"""Header of a callback → whether it is always there, and what it means."""


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document."""
    types = [type_ for operation in operations for type_ in _types(operation)]
    types += [ErrorDocument, ManagementError, ListenUnavailable, OpenAiErrorDocument]
    types += [AttemptDetail, *RESULTS, *MESSAGES]
    _, components = msgspec.json.schema_components(
        list(dict.fromkeys(types)), ref_template=SCHEMAS + "{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    shared = _shared_parameters(operations)
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, shared)
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "Ringback",
            "version": __version__,
            "summary": "Speech to text over Deepgram's HTTP interface, with durable callbacks",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "security": [{"token": []}, {"bearer": []}],
        "paths": paths,
        "webhooks": {"result": _callback(_RESULT, RESULTS), "message": _callback(_MESSAGE, MESSAGES)},
        "components": {
            "schemas": components,
            "parameters": {parameter.name: _query_parameter(parameter) for parameter in shared},
            "responses": {
                _error_name(path, status): _error(path, status)
                for path in (LISTEN_PATH, TRANSCRIPTIONS_PATH, "")
                for status in ERRORS
            },
            "headers": {name: _header(text) for name, text in HEADERS.items()},
            "securitySchemes": _SECURITY,
        },
    }
    return with_public_names(document)  # type: ignore[no-any-return]


def error_statuses(operation: Operation) -> list[int]:
    """The statuses of an operation beside 200; the first and the last four are possible for all."""
    found = {400, 431, 500, 503, *operation.errors}
    if operation.needs_key:
        found |= {401, 403}
    if "{" in operation.path:
        found |= {404}
    if operation.body is not None:
        found |= {408, 413, 415, 422}
    return sorted(found)


_DESCRIPTION = """\
Deepgram's HTTP interface for recordings and texts, their callbacks and their management, as this server has \
it. Live streams (a WebSocket at the same `/v1/listen`) are described in docs/live.md.

Beside the statuses that each operation lists, any request may be answered with 405 (another method), 501 (a \
Transfer-Encoding other than chunked) and 505 (another protocol than HTTP/1)."""

_SECURITY = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token YOUR_API_KEY`",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A short-lived token from /v1/auth/grant, or the API key itself.",
    },
}


def _types(operation: Operation) -> Iterable[Any]:
    yield from _answers(operation)
    yield from (each for each in (operation.body, operation.unavailable) if each is not None)


def _answers(operation: Operation) -> tuple[Any, ...]:
    if operation.answer is None:
        return ()
    return operation.answer if isinstance(operation.answer, tuple) else (operation.answer,)


def _shared_parameters(operations: Sequence[Operation]) -> Collection[QueryParameter]:
    """Parameters of several operations, which are defined once. Of two with the same name, the one of more
    operations."""
    uses = Counter(parameter for operation in operations for parameter in operation.query)
    found: dict[str, QueryParameter] = {}
    for parameter, times in uses.items():
        if times > max(1, uses[found[parameter.name]] if parameter.name in found else 1):
            found[parameter.name] = parameter
    return found.values()


def _operation(operation: Operation, shared: Collection[QueryParameter]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    parameters = list(_path_parameters(operation.path))
    for parameter in operation.query:
        known = parameter in shared
        parameters.append(
            {"$ref": f"#/components/parameters/{parameter.name}"} if known else _query_parameter(parameter)
        )
    if operation.path in REQUEST_PATHS:
        parameters.append(_IDEMPOTENCY_KEY)
        callback = _callback(_RESULT, RESULTS_OF[operation.path])
        described["callbacks"] = {"result": {"{$request.query.callback}": callback}}
    if parameters:
        described["parameters"] = parameters
    if not operation.needs_key:
        described["security"] = []
    if operation.body is not None:
        described["requestBody"] = _request_body(operation)
    described["responses"] = {
        "200": _success(operation),
        **{str(status): _error_of(operation, status) for status in error_statuses(operation)},
    }
    return described


def _path_parameters(path: str) -> Iterable[dict[str, Any]]:
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            schema = {"type": "string"} if name == "model" else {"type": "string", "format": "uuid"}
            yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(parameter: QueryParameter) -> dict[str, Any]:
    described: dict[str, Any] = {"name": parameter.name, "in": "query", "description": parameter.description}
    if isinstance(parameter, Parameter):
        described["description"] = described_parameter(parameter)
        if parameter.support is Support.IGNORED:
            described["deprecated"] = True
        if parameter.required:
            described["required"] = True
    described["schema"] = dict(parameter.schema)
    if described["schema"].get("type") == "array":
        described |= {"style": "form", "explode": True}
    return described


def described_parameter(parameter: Parameter) -> str:
    """A parameter of `/v1/listen` or `/v1/read` in words: its effect, and its values."""
    return f"{parameter.description} Takes {parameter.kind.description}."


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "For 24 hours the same word from the same key means the same request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}


def _request_body(operation: Operation) -> dict[str, Any]:
    assert operation.body is not None
    content: dict[str, Any] = {operation.body_type: {"schema": _reference(operation.body)}}
    content = {**{media_type: {} for media_type in operation.other_bodies}, **content}
    return {"required": not operation.body_optional, "content": content}


def _success(operation: Operation) -> dict[str, Any]:
    answers = [_reference(type_) for type_ in _answers(operation)]
    if not answers:
        schema: dict[str, Any] = {
            "type": "object" if operation.media_type == "application/json" else "string"
        }
    else:
        schema = answers[0] if len(answers) == 1 else {"anyOf": answers}
    return {
        "description": operation.summary,
        "headers": _headers("dg-request-id", *operation.headers),
        "content": {
            operation.media_type: {"schema": schema},
            **{media_type: {"schema": {"type": "string"}} for media_type in operation.other_answers},
        },
    }


def _error_of(operation: Operation, status: int) -> dict[str, Any]:
    if status != 503 or operation.unavailable is None:
        return {"$ref": f"#/components/responses/{_error_name(operation.path, status)}"}
    schema = {"anyOf": [_reference(operation.unavailable), _reference(ManagementError)]}
    return {
        "description": ERRORS[status],
        "headers": _headers("dg-request-id"),
        "content": {"application/json": {"schema": schema}},
    }


def _error_name(path: str, status: int) -> str:
    if path.startswith(OPENAI_PATHS):
        return f"OpenAi{status}"
    return f"Listen{status}" if path in LISTEN_PATHS else f"Error{status}"


def _error(path: str, status: int) -> dict[str, Any]:
    schema = _reference(ManagementError)
    if path == LISTEN_PATH:
        schema = _reference(ListenUnavailable if status == 503 else ErrorDocument)
    elif path == TRANSCRIPTIONS_PATH:
        schema = _reference(OpenAiErrorDocument)
    return {
        "description": ERRORS[status],
        "headers": _headers("dg-request-id", "dg-error", *_HEADERS_OF.get(status, ())),
        "content": {"application/json": {"schema": schema}},
    }


_HEADERS_OF: Mapping[int, Sequence[str]] = {
    401: ["www-authenticate"],
    429: ["retry-after"],
    503: ["retry-after"],
}


RESULTS_OF: Mapping[str, tuple[type[msgspec.Struct], ...]] = {
    LISTEN_PATH: (ResultDocument, ErrorDocument, Thin),
    READ_PATH: (ReadDocument, ErrorDocument, Thin),
    TRANSCRIPTIONS_PATH: (ResultDocument, ErrorDocument, Thin),
}
"""The possible bodies of the callback of a recording or text."""

RESULTS = tuple(dict.fromkeys(type_ for types in RESULTS_OF.values() for type_ in types))

_RESULT = "The result of a recording or text: the document, the error, or after a 413 a link"
_MESSAGE = "A message of a live stream; a stream that fails ends with the error"


def _callback(summary: str, types: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    """The requests that a receiver gets, and the meaning of its answers (docs/callbacks.md)."""
    bodies = [_reference(each) for each in types]
    return {
        "post": {
            "summary": summary,
            "security": [],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": always,
                    "description": text,
                    "schema": {"type": "string"},
                }
                for name, (always, text) in CALLBACK_HEADERS.items()
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"anyOf": bodies}}},
            },
            "responses": {
                "2XX": {"description": "Taken: nothing more is sent."},
                "410": {"description": "The receiver wants no more of it: the delivery is parked."},
                "413": {"description": "Too large: later attempts carry a link instead of the document."},
                "default": {"description": "Tried again on the schedule, then parked."},
            },
        }
    }


def _reference(type_: type) -> dict[str, Any]:
    return {"$ref": SCHEMAS + type_.__name__}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def with_public_names(node: Any) -> Any:
    """The same without the underscore of types that only their module uses, and with tidy descriptions."""
    if isinstance(node, list):
        return [with_public_names(each) for each in node]
    if isinstance(node, str):
        return node.replace(SCHEMAS + "_", SCHEMAS)
    if not isinstance(node, Mapping):
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = key.removeprefix("_")
        assert name not in found, f"two types have the name {name}"
        if isinstance(value, str) and key in ("title", "description"):
            found[name] = inspect.cleandoc(value).removeprefix("_" if key == "title" else "")
        else:
            found[name] = with_public_names(value)
    return found
