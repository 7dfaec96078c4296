"""The application: every route in one table. A process that answers no callers has those for probes alone."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ringback.errors import Refusal
from ringback.jobs.store import LedgerUnavailable
from ringback.server.auth import Doorkeeper
from ringback.server.callbacks import Callbacks
from ringback.server.deliveries import Deliveries
from ringback.server.history import History
from ringback.server.listen import Listen
from ringback.server.live import Live
from ringback.server.manage import Manage
from ringback.server.models import Models
from ringback.server.problems import (
    LISTEN_PATH,
    NOT_FOUND,
    FrontDoor,
    http_error_handler,
    ledger_away_handler,
    problem_response,
    refusal_handler,
)
from ringback.server.projects import Projects
from ringback.server.redelivery import Redelivery
from ringback.server.results import Results
from ringback.server.services import Probed, Services
from ringback.server.signing import PUBLIC_KEYS_PATH, Signing
from ringback.server.status import Status
from ringback.server.usage import Usage

__all__ = ["Probed", "Services", "application", "metrics", "probes"]

METRICS_PATH = "/metrics"


def application(services: Services) -> Starlette:
    """The ASGI application over these services. It owns no task: whoever makes it starts and stops them."""
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
            Middleware(FrontDoor),
        ],
    )


def probes(probed: Probed, doorkeeper: Doorkeeper | None = None) -> Starlette:
    """What a process serves that has no callers: probes and metrics."""
    return _assembled(_probe_routes(probed, doorkeeper), [Middleware(FrontDoor)])


def metrics(probed: Probed) -> Starlette:
    """What stands at `metrics.listen`: it needs no key there."""
    return _assembled([Route(METRICS_PATH, Status(probed).exposed)], [Middleware(FrontDoor)])


def _assembled(routes: list[BaseRoute], middleware: list[Middleware]) -> Starlette:
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={
            Refusal: refusal_handler,
            LedgerUnavailable: ledger_away_handler,
            HTTPException: http_error_handler,
        },
    )
    app.router.default = _not_found
    # `/v1/listen/` is not `/v1/listen`: a redirected POST would lose its body.
    app.router.redirect_slashes = False
    return app


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Also for a WebSocket handshake: Starlette would refuse that with an empty 403."""
    response = problem_response(HTTPConnection(scope), NOT_FOUND)
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
    doorkeeper = Doorkeeper(services.keys, services.clock, services.jwt_secret)
    listen = Listen(services, doorkeeper)
    live = Live(services, doorkeeper)
    manage = Manage(services, doorkeeper)
    projects = Projects(services, doorkeeper)
    history = History(services, doorkeeper)
    usage = Usage(services, doorkeeper)
    deliveries = Deliveries(services, doorkeeper)
    results = Results(services, doorkeeper)
    redelivery = Redelivery(services, doorkeeper)
    callbacks = Callbacks(services, doorkeeper)
    signing = Signing(services, doorkeeper)
    models = Models(services, doorkeeper)
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
        Route(f"{one}/redeliver", redelivery.one, methods=["POST"]),
        Route(f"{one}/cancel", redelivery.cancel, methods=["POST"]),
        Route(f"{project}/deliveries", deliveries.list),
        Route(f"{project}/deliveries/redeliver", redelivery.many, methods=["POST"]),
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
        *_probe_routes(services.probed, doorkeeper),
        Route(PUBLIC_KEYS_PATH, signing.public_keys),
    ]


def _probe_routes(probed: Probed, doorkeeper: Doorkeeper | None) -> list[BaseRoute]:
    status = Status(probed, doorkeeper)
    routes: list[BaseRoute] = [
        Route("/v1/status", status.status),
        Route("/v1/status/engine", status.engine),
    ]
    if not probed.settings.metrics.listen:
        routes.append(Route(METRICS_PATH, status.metrics))
    return routes
