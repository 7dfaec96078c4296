"""`GET /openapi.json`: the description of this interface. Ours."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.server.error_responses import json_response
from ringback.server.openapi import openapi
from ringback.server.operations import Operation

SHOW_OPENAPI = Operation(
    "GET",
    "/openapi.json",
    "getOpenApi",
    "For developers",
    "This description, as OpenAPI 3.1",
    None,
    media_type="application/json",
    needs_key=False,
)


class OpenApiRoute:
    """The route; the document is made when it is first asked for."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._document: bytes | None = None

    async def document(self, _: Request) -> Response:
        if self._document is None:
            self._document = msgspec.json.encode(openapi(self._operations))
        return json_response(self._document)
