"""`POST /v1/callbacks/test`: one sample callback to a URL, reported phase by phase. Ours."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.callbacks.trial import Trial
from ringback.egress.target import MAX_LENGTH
from ringback.server.allowances import too_many
from ringback.server.auth import Authenticator
from ringback.server.body import Pace
from ringback.server.error_responses import UNAVAILABLE, error_response
from ringback.server.operations import Operation
from ringback.server.permissions import Permission
from ringback.server.request_parsing import answer, json_body
from ringback.server.services import Services

TESTS_AT_ONCE = 8
"""At a time: each lasts as long as an attempt may; more are refused (429)."""


class _Test(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, Meta(max_length=MAX_LENGTH)]
    method: Literal["POST", "PUT", "post", "put"] = "POST"


TEST_CALLBACK = Operation(
    "POST",
    "/v1/callbacks/test",
    "testCallback",
    "Deliveries",
    "Send a sample callback to a URL",
    Trial,
    body=_Test,
    errors=(429,),
)


class CallbackTestRoute:
    """The route. A key that may request callbacks may test one: the same address policy applies."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._send_test = services.test_callback
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)
        self._running = 0

    async def test(self, request: Request) -> Response:
        """200 with the report, whether or not the sample arrived. Nothing is stored or retried."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.TEST_CALLBACKS)
        body = await json_body(request, self._pace, _TEST)
        if self._running >= TESTS_AT_ONCE:
            raise too_many()
        self._running += 1
        try:
            trial = await self._send_test(body.url, body.method.upper(), caller.requester)
        except OSError as error:
            # No descriptors, memory or look-ups left: the URL may be good.
            telemetry.problem("callback.not_tested", error=str(error))
            return error_response(request, UNAVAILABLE)
        finally:
            self._running -= 1
        telemetry.event(
            "callback.tested",
            key=caller.key_id,
            project=caller.project,
            destination=trial.destination,
            delivered=trial.delivered,
            failed=trial.failed,
            status=trial.status,
        )
        return answer(trial)


_TEST = msgspec.json.Decoder(_Test)
