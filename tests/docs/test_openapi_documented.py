"""docs/openapi.json is what the server answers at /openapi.json, and describes every route."""

import json
from pathlib import Path

from starlette.routing import Route

from ringback.server.openapi import ERRORS, HEADERS, error_statuses, openapi
from ringback.server.page_routes import ASSETS_PATH, PAGES
from ringback.server.routes import OPERATIONS, application
from support.front import front

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_copy_is_current() -> None:
    assert json.loads(COPY.read_text()) == json.loads(json.dumps(openapi(OPERATIONS))), "run `make openapi`"


async def test_the_server_answers_it_to_everybody_and_every_route_is_described(tmp_path: Path) -> None:
    async with front(tmp_path) as opened:
        answered = await opened.call("GET", "/openapi.json", key=None)
        routes = application(opened.services).routes
    assert answered.json() == json.loads(COPY.read_text())
    served = {
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method != "HEAD"
    }
    served -= {("GET", path) for path in (*PAGES, ASSETS_PATH)}
    assert served == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation.id for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_every_status_and_header_is_explained() -> None:
    assert {status for operation in OPERATIONS for status in error_statuses(operation)} == set(ERRORS)
    assert {header for operation in OPERATIONS for header in operation.headers} <= set(HEADERS)
