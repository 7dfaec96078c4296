"""The pages for people: the dashboard at `/`, and at `/docs` the HTTP interface, to read and to try.

Static files of this package, the same for everybody: they fetch all data from the other routes, with the
reader's key. No cookie, no inline script or style, nothing from other hosts (ADR 0045).
"""

import asyncio
import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ringback.server.error_responses import NOT_FOUND, error_response

PAGES: Mapping[str, str] = {"/": "index.html", "/docs": "docs.html"}
ASSETS_PATH = "/assets/{name}"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-cache",
}


def page_routes() -> list[Route]:
    pages = _Pages()
    return [
        *(Route(path, pages.page, methods=["GET"]) for path in PAGES),
        Route(ASSETS_PATH, pages.asset, methods=["GET"]),
    ]


class _Pages:
    """The files, read for each answer: 2 MB, which few servers are asked for."""

    def __init__(self) -> None:
        folder = resources.files("ringback.server") / "web"
        self._files = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}

    async def page(self, request: Request) -> Response:
        return await self._answer(request, PAGES[request.scope["path"]])

    async def asset(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in self._files or name in PAGES.values():
            return error_response(request, NOT_FOUND)
        return await self._answer(request, name)

    async def _answer(self, request: Request, name: str) -> Response:
        data, tag = await asyncio.to_thread(_read, self._files[name])
        headers = {**HEADERS, "etag": f'"{tag}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(data, 200, headers, _TYPES[PurePosixPath(name).suffix])


def _read(file: Traversable) -> tuple[bytes, str]:
    """What it holds, and a tag of that."""
    data = file.read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:20]
