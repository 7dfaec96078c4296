"""The application: every route in one table. A process that answers no callers has those for probes alone."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ringback.errors import Refusal
from ringback.jobs.store import LedgerUnavailable
from ringback.server.auth import Authenticator
from ringback.server.callback_test_route import CallbackTestRoute
from ringback.server.delivery_routes import DeliveryRoutes
from ringback.server.error_responses import (
    LISTEN_PATH,
    NOT_FOUND,
    RequestIdMiddleware,
    error_response,
    http_error_handler,
    ledger_unavailable_handler,
)
from ringback.server.history_routes import HistoryRoutes
from ringback.server.key_routes import KeyRoutes
from ringback.server.listen_route import ListenRoute
from ringback.server.live_route import LiveRoute
from ringback.server.model_routes import ModelRoutes
from ringback.server.project_routes import ProjectRoutes
from ringback.server.request_command_routes import RequestCommandRoutes
from ringback.server.request_facts import report_refusal
from ringback.server.result_route import ResultRoute
from ringback.server.services import ProbeSources, Services
from ringback.server.signing_routes import PUBLIC_KEYS_PATH, SigningRoutes
from ringback.server.status_routes import StatusRoutes
from ringback.server.usage_routes import UsageRoutes

__all__ = ["ProbeSources", "Services", "application", "metrics", "probes"]

METRICS_PATH = "/metrics"


def application(services: Services) -> Starlette:
    """The ASGI application over these services, which its caller starts and stops."""
    return _assembled(
        _routes(services),
        [
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=["*"],
                # No page gets what a browser adds by itself (cookies, a proxy's Basic login): only pages
                # that hold a key or a token themselves may call.
                allow_credentials=False,
                expose_headers=_EXPOSED,
            ),
            Middleware(RequestIdMiddleware),
        ],
    )


def probes(probed: ProbeSources, authenticator: Authenticator | None = None) -> Starlette:
    """What a process serves that has no callers: probes and metrics."""
    return _assembled(_probe_routes(probed, authenticator), [Middleware(RequestIdMiddleware)])


def metrics(probed: ProbeSources) -> Starlette:
    """What stands at `metrics.listen`: it needs no key there."""
    return _assembled([Route(METRICS_PATH, StatusRoutes(probed).exposed)], [Middleware(RequestIdMiddleware)])


def _assembled(routes: list[BaseRoute], middleware: list[Middleware]) -> Starlette:
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={
            Refusal: _refused,
            LedgerUnavailable: ledger_unavailable_handler,
            HTTPException: http_error_handler,
        },
    )
    app.router.default = _not_found
    # `/v1/listen/` is not `/v1/listen`: a redirected POST would lose its body.
    app.router.redirect_slashes = False
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """What `/v1/listen` does not answer itself."""
    assert isinstance(error, Refusal)
    report_refusal(request, error.failure)
    return error_response(request, error.failure)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Also for a WebSocket handshake: Starlette would refuse that with an empty 403."""
    response = error_response(HTTPConnection(scope), NOT_FOUND)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


_EXPOSED = [
    "dg-model-name",
    "dg-model-uuid",
    "dg-char-count",
    "dg-request-id",
    "dg-project-id",
    "dg-error",
    "idempotent-replayed",
    "retry-after",
    "ringback-status",
]


def _routes(services: Services) -> list[BaseRoute]:
    authenticator = Authenticator(services.keys, services.clock, services.jwt_secret)
    listen = ListenRoute(services, authenticator)
    live = LiveRoute(services, authenticator)
    manage = KeyRoutes(services, authenticator)
    projects = ProjectRoutes(services, authenticator)
    history = HistoryRoutes(services, authenticator)
    usage = UsageRoutes(services, authenticator)
    deliveries = DeliveryRoutes(services, authenticator)
    results = ResultRoute(services, authenticator)
    redelivery = RequestCommandRoutes(services, authenticator)
    callbacks = CallbackTestRoute(services, authenticator)
    signing = SigningRoutes(services, authenticator)
    models = ModelRoutes(services, authenticator)
    project = "/v1/projects/{project_id}"
    one = f"{project}/requests/{{request_id}}"
    return [
        Route(LISTEN_PATH, listen.post, methods=["POST"]),
        WebSocketRoute(LISTEN_PATH, live.serve),
        Route("/v1/projects", projects.list),
        Route("/v1/projects", projects.create, methods=["POST"]),
        Route(project, projects.show),
        Route(project, projects.rename, methods=["PATCH"]),
        Route(project, projects.delete, methods=["DELETE"]),
        Route(f"{project}/keys", manage.list_keys),
        Route(f"{project}/keys", manage.create_key, methods=["POST"]),
        Route(f"{project}/keys/{{key_id}}", manage.get_key),
        Route(f"{project}/keys/{{key_id}}", manage.change_key, methods=["PATCH"]),
        Route(f"{project}/keys/{{key_id}}", manage.delete_key, methods=["DELETE"]),
        Route(f"{project}/keys/{{key_id}}/signing-secret", signing.show),
        Route(f"{project}/keys/{{key_id}}/signing-secret", signing.rotate, methods=["POST"]),
        Route(f"{project}/requests", history.requests),
        Route(one, history.request),
        Route(one, redelivery.erase, methods=["DELETE"]),
        Route(f"{one}/result", results.result),
        Route(f"{one}/redeliver", redelivery.redeliver_request, methods=["POST"]),
        Route(f"{one}/cancel", redelivery.cancel, methods=["POST"]),
        Route(f"{project}/deliveries", deliveries.list),
        Route(f"{project}/deliveries/redeliver", redelivery.redeliver_matching, methods=["POST"]),
        Route(f"{project}/usage", usage.summary),
        Route(f"{project}/usage/fields", usage.fields),
        Route(f"{project}/usage/breakdown", usage.breakdown),
        Route(f"{project}/balances", projects.balances),
        Route(f"{project}/models", models.project_models),
        Route(f"{project}/models/{{model_id}}", models.project_model),
        Route("/v1/callbacks/test", callbacks.test, methods=["POST"]),
        Route("/v1/models", models.models),
        Route("/v1/models/{model_id}", models.model),
        Route("/v1/auth/token", manage.check_token),
        Route("/v1/auth/grant", manage.grant_token, methods=["POST"]),
        *_probe_routes(services.probe_sources, authenticator),
        Route(PUBLIC_KEYS_PATH, signing.public_keys),
    ]


def _probe_routes(probed: ProbeSources, authenticator: Authenticator | None) -> list[BaseRoute]:
    status = StatusRoutes(probed, authenticator)
    routes: list[BaseRoute] = [
        Route("/v1/status", status.status),
        Route("/v1/status/engine", status.engine),
    ]
    if probed.serves_metrics:
        routes.append(Route(METRICS_PATH, status.metrics))
    return routes
