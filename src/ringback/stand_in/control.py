"""What tests ask of a stand-in itself, over HTTP, without a key: its script, and what was asked of it."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Refusal
from ringback.server.body import Pace, chunks, too_large
from ringback.server.error_responses import error_response, json_response
from ringback.stand_in.records import Recorder
from ringback.stand_in.rules import RuleBook
from ringback.stand_in.script import Rule, Script, read_rule, read_script

CONTROL_PATH = "/stand-in/"
MOST_SCRIPT_BYTES = 16 << 20


class Control:
    """Holds the script that is in force."""

    def __init__(self, script: Script, recorder: Recorder) -> None:
        self.book = RuleBook(script)
        self._recorder = recorder

    def use(self, script: Script) -> None:
        """From now on this one, from its beginning; what was recorded is forgotten."""
        self.book = RuleBook(script)
        self._recorder.forget()

    async def answer(self, request: Request) -> Response:
        """`GET`, `PUT` script; `POST` rules; `GET`, `DELETE` requests; `GET` requests/{number}/body."""
        try:
            return await self._answer(request)
        except msgspec.DecodeError as error:
            refusal = Refusal(400, "INVALID_JSON", f"The script cannot be read: {error}")
            return error_response(request, refusal.failure)
        except Refusal as refused:
            return error_response(request, refused.failure)

    async def _answer(self, request: Request) -> Response:
        method, path = request.method, request.scope["path"].removeprefix(CONTROL_PATH)
        ways: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", "script"): self._show_script,
            ("PUT", "script"): self._use_script,
            ("POST", "rules"): self._add_rule,
            ("GET", "requests"): self._show_requests,
            ("DELETE", "requests"): self._forget_requests,
        }
        if (method, path) in ways:
            return await ways[method, path](request)
        if method == "GET" and path.startswith("requests/") and path.endswith("/body"):
            return self._body(path.split("/")[1])
        raise _nothing_here()

    async def _show_script(self, _: Request) -> Response:
        return json_response(msgspec.json.encode(self.book.script))

    async def _use_script(self, request: Request) -> Response:
        self.use(read_script(await _whole(request)))
        return await self._show_script(request)

    async def _add_rule(self, request: Request) -> Response:
        rule: Rule = read_rule(await _whole(request))
        self.book.add(rule)
        return await self._show_script(request)

    async def _show_requests(self, _: Request) -> Response:
        requests = [each.document() for each in self._recorder.all()]
        return json_response(msgspec.json.encode({"requests": requests}))

    async def _forget_requests(self, request: Request) -> Response:
        self._recorder.forget()
        return await self._show_requests(request)

    def _body(self, number: str) -> Response:
        for each in self._recorder.all():
            if str(each.number) == number:
                return Response(each.body, media_type="application/octet-stream")
        raise _nothing_here()


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for chunk in chunks(request.receive, Pace(0)):
        body += chunk
        if len(body) > MOST_SCRIPT_BYTES:
            raise too_large(MOST_SCRIPT_BYTES)
    return bytes(body)


def _nothing_here() -> Refusal:
    return Refusal(404, "NOT_FOUND", "There is nothing at this path of the stand-in.")
