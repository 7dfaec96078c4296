"""The operations of the HTTP interface: each with the documents that it takes and answers.

The routes are made from these values, and so is `openapi.json` (`server.openapi`).
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.routing import Route

from ringback.server.layers import Endpoint, Handler
from ringback.server.query_parameters import QueryParameter

PROJECT_PATH = "/v1/projects/{project_id}"
REQUEST_PATH = f"{PROJECT_PATH}/requests/{{request_id}}"
KEY_PATH = f"{PROJECT_PATH}/keys/{{key_id}}"

SCHEMAS = "#/components/schemas/"
"""Where the description of the interface has a type's JSON Schema."""

Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, in UTC with milliseconds."""


def written_as(type_: type) -> Meta:
    """For a field of `msgspec.Raw`: JSON that was encoded from this type before."""
    return Meta(extra_json_schema={"$ref": SCHEMAS + type_.__name__})


class Message(msgspec.Struct):
    """A confirmation."""

    message: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    id: str
    """`operationId`."""
    tag: str
    """The group in which it is shown."""
    summary: str
    answer: Any
    """The type of the JSON document with status 200, or a tuple of several; None: the answer is no JSON, see
    `media_type`."""
    query: tuple[QueryParameter, ...] = ()
    body: type[msgspec.Struct] | None = None
    """The type of the body."""
    body_type: str = "application/json"
    """Its media type."""
    body_optional: bool = False
    """Whether a missing body reads as `{}`."""
    errors: tuple[int, ...] = ()
    """Statuses beside those that follow from the other fields (`openapi.error_statuses`)."""
    needs_key: bool = True
    media_type: str = "application/json"
    other_answers: tuple[str, ...] = ()
    """Media types of answers with status 200 that are no JSON, beside that with `answer`."""
    other_bodies: tuple[str, ...] = ()
    """Media types of bodies that are not JSON."""
    unavailable: type[msgspec.Struct] | None = None
    """The type of the document with status 503; None: an error."""
    headers: tuple[str, ...] = ()
    """Of the answer with status 200, beside `dg-request-id`; `openapi.HEADERS` describes them."""

    def route(self, handler: Handler) -> Route:
        """The route by which `handler` carries it out."""
        return Route(self.path, Endpoint(handler), methods=[self.method])
