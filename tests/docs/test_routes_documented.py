"""docs/http.md has a section for every route, a row for every error, and nothing that is not there."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute

from ringback.server.error_responses import LISTEN_PATH
from ringback.server.routes import application
from support.front import front

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "http.md"
SERVER = ROOT / "src" / "ringback" / "server"


@pytest.fixture
async def served(tmp_path: Path) -> set[str]:
    """`METHOD /path` of every route."""
    found = set()
    async with front(tmp_path) as opened:
        routes = application(opened.services).routes
    for route in routes:
        if isinstance(route, WebSocketRoute):
            found.add(f"WS {route.path}")
        else:
            assert isinstance(route, Route)
            found |= {f"{method} {route.path}" for method in (route.methods or ()) if method != "HEAD"}
    return found


def test_every_route_has_its_section_and_no_section_lies(served: set[str]) -> None:
    assert set(re.findall(r"^### `((?:[A-Z]+) /[^`]*)`$", DOCUMENT.read_text(), re.MULTILINE)) == served


def test_every_error_that_the_server_sends_has_its_row() -> None:
    rows = {
        (status, code)
        for status, codes in re.findall(r"^\| (\d{3}) \| (.*?) \|", DOCUMENT.read_text(), re.MULTILINE)
        for code in re.findall(r"`([^`]+)`", codes)
    }
    sent = set()
    for source in SERVER.glob("*.py"):
        found = re.findall(r"(?:Refusal|Failure)\(\s*(\d{3}),\s*\"([^\"]+)\"", source.read_text())
        sent |= set(found)
    assert len(sent) > 15
    assert sent <= rows, sent - rows


def test_the_page_names_the_headers_that_browsers_may_read() -> None:
    text = DOCUMENT.read_text()
    exposed = re.findall(r"\"(dg-[a-z-]+)\"", (SERVER / "routes.py").read_text())
    assert exposed
    assert all(f"`{name}`" in text for name in exposed)
    assert LISTEN_PATH in text
