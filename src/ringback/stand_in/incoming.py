"""A request to a stand-in, read whole and recorded."""

import json
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request

from ringback.errors import Refusal
from ringback.server.auth import credentials_of
from ringback.server.body import Pace, chunks, is_json, too_large
from ringback.server.error_responses import LISTEN_PATH, TRANSCRIPTIONS_PATH, request_id_of
from ringback.server.multipart import FileBytes, FormField, FormReader, form_boundary
from ringback.stand_in.records import RecordedRequest
from ringback.stand_in.speech import sha256_of

MOST_BODY_BYTES = 256 << 20

RECORDING_PATHS = frozenset({LISTEN_PATH, TRANSCRIPTIONS_PATH})

ANY_PACE = Pace(0)


def record_of(connection: HTTPConnection) -> RecordedRequest:
    """What the head says."""
    scope = connection.scope
    method: str = scope.get("method", "GET")
    path: str = scope["path"]
    kind = "recording" if method == "POST" and path in RECORDING_PATHS else "other"
    query: bytes = scope["query_string"]
    return RecordedRequest(
        number=0,
        request_id=request_id_of(connection),
        kind="live" if scope["type"] == "websocket" else kind,
        method=method,
        path=path,
        query=parse_qs(query.decode("latin-1"), keep_blank_values=True),
        headers={name.lower(): value for name, value in connection.headers.items()},
        api_key=credentials_of(connection)[1],
    )


async def receive_body(request: Request, record: RecordedRequest) -> None:
    """Read the body into the record. Raises `Refusal`."""
    body = bytearray()
    async for chunk in chunks(request.receive, ANY_PACE):
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise too_large(MOST_BODY_BYTES)
    if record.path == TRANSCRIPTIONS_PATH:
        record.body = _read_form(request, bytes(body), record)
    else:
        record.body = bytes(body)
    record.sha256 = sha256_of(record.body)


def url_in(request: Request, record: RecordedRequest) -> str | None:
    """The `url` that a JSON body names."""
    if not is_json(request):
        return None
    try:
        document = json.loads(record.body)
    except (ValueError, RecursionError):
        return None
    url = document.get("url") if isinstance(document, dict) else None
    return url if isinstance(url, str) else None


def fields_of(record: RecordedRequest) -> Sequence[tuple[str, str]]:
    """Those of a form, one by one."""
    return [(name, value) for name, values in record.fields.items() for value in values]


def _read_form(request: Request, body: bytes, record: RecordedRequest) -> bytes:
    reader = FormReader(form_boundary(request))
    file = bytearray()
    for event in reader.receive(body):
        match event:
            case FormField(name, value):
                record.fields.setdefault(name, []).append(value)
            case FileBytes(data):
                file += data
    reader.finish()
    if not file:
        raise Refusal(400, "MISSING_FILE", "The form has no `file`: send the recording.", parameter="file")
    return bytes(file)
