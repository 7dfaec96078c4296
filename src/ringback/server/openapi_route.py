"""`GET /openapi.json` and `GET /asyncapi.json`: the descriptions of this interface. Ours."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.server.asyncapi import asyncapi
from ringback.server.error_responses import json_response
from ringback.server.openapi import openapi
from ringback.server.operations import Operation

TAG = "For developers"

SHOW_OPENAPI = Operation(
    "GET",
    "/openapi.json",
    "getOpenApi",
    TAG,
    "This description, as OpenAPI 3.1",
    None,
    media_type="application/json",
    needs_key=False,
)
SHOW_ASYNCAPI = Operation(
    "GET",
    "/asyncapi.json",
    "getAsyncApi",
    TAG,
    "The description of live streams, as AsyncAPI 3.0",
    None,
    media_type="application/json",
    needs_key=False,
)


class OpenApiRoute:
    """The routes; each document is made at its first request."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._openapi: bytes | None = None
        self._asyncapi: bytes | None = None

    async def document(self, _: Request) -> Response:
        if self._openapi is None:
            self._openapi = msgspec.json.encode(openapi(self._operations))
        return json_response(self._openapi)

    async def live_document(self, _: Request) -> Response:
        if self._asyncapi is None:
            self._asyncapi = msgspec.json.encode(asyncapi())
        return json_response(self._asyncapi)
