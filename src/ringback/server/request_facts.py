"""The caller of a request, and the reason of a refusal: facts that events of requests have in common."""

from starlette.requests import HTTPConnection

from ringback import telemetry
from ringback.errors import Failure
from ringback.server.auth import Caller, caller_known
from ringback.server.error_responses import request_id_of, route_of

UNAUTHENTICATED = 401


def client_facts(connection: HTTPConnection, caller: Caller | None = None) -> dict[str, object]:
    """The key, if it is known by now, and the client's address as a trusted proxy reports it."""
    caller = caller or caller_known(connection)
    return {
        "request_id": request_id_of(connection),
        "project": None if caller is None else caller.project,
        "key": None if caller is None else caller.key_id,
        "key_name": None if caller is None or caller.key is None else caller.key.comment or None,
        "client": None if connection.client is None else connection.client.host,
    }


def report_refusal(connection: HTTPConnection, failure: Failure, **facts: object) -> None:
    """The canonical event of a request that was refused.

    Invalid credentials have an event of their own, which is sampled (`auth_failures`): any client can send
    them.
    """
    if failure.status == UNAUTHENTICATED:
        return
    telemetry.event(
        "request.refused",
        **{**client_facts(connection), **facts},
        route=route_of(connection.scope),
        status=failure.status,
        err_code=failure.err_code,
        reason=failure.log_reason,
        parameter=failure.parameter,
    )
