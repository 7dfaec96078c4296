"""The application: every route in one table. A process that serves no callers has only the routes of
probes."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ringback.errors import Refusal
from ringback.jobs.store import LedgerUnavailable
from ringback.server.account_routes import (
    BREAK_DOWN_BILLING,
    LIST_BILLING_FIELDS,
    LIST_DISTRIBUTION_CREDENTIALS,
    LIST_INVITES,
    LIST_MEMBERS,
    LIST_PURCHASES,
    SHOW_BALANCES,
    AccountRoutes,
)
from ringback.server.audio_route import FETCH_AUDIO, AudioRoute
from ringback.server.auth import Authenticator
from ringback.server.callback_test_route import TEST_CALLBACK, CallbackTestRoute
from ringback.server.capacity import METRICS_PATH
from ringback.server.delivery_routes import LIST_DELIVERIES, DeliveryRoutes
from ringback.server.destination_routes import (
    LIST_ALL_DESTINATIONS,
    LIST_DESTINATIONS,
    DestinationRoutes,
)
from ringback.server.error_responses import (
    FLUX_PATH,
    LISTEN_PATH,
    RequestIdMiddleware,
    error_response,
    http_error_handler,
    ledger_unavailable_handler,
    not_found,
)
from ringback.server.flux_route import flux_options, no_upgrade
from ringback.server.history_routes import LIST_REQUESTS, SHOW_REQUEST, HistoryRoutes
from ringback.server.key_routes import (
    CHANGE_KEY,
    CHECK_TOKEN,
    CREATE_KEY,
    DELETE_KEY,
    GRANT_TOKEN,
    LIST_KEYS,
    OPEN_SESSION,
    SHOW_KEY,
    KeyRoutes,
)
from ringback.server.layers import Application, CrossOriginMiddleware, Handler
from ringback.server.listen_route import LISTEN, ListenRoute
from ringback.server.live_route import LiveRoute, listen_options
from ringback.server.live_words_route import SHOW_LIVE_WORDS, LiveWordsRoute
from ringback.server.model_routes import (
    LIST_MODELS,
    LIST_PROJECT_MODELS,
    SHOW_MODEL,
    SHOW_PROJECT_MODEL,
    ModelRoutes,
)
from ringback.server.openapi_route import SHOW_ASYNCAPI, SHOW_OPENAPI, OpenApiRoute
from ringback.server.operations import Operation
from ringback.server.page_routes import page_routes
from ringback.server.project_routes import (
    CREATE_PROJECT,
    DELETE_PROJECT,
    LIST_PROJECTS,
    RENAME_PROJECT,
    SHOW_PROJECT,
    ProjectRoutes,
)
from ringback.server.read_route import READ, ReadRoute
from ringback.server.request_command_routes import (
    CANCEL_REQUEST,
    ERASE_REQUEST,
    REDELIVER_MATCHING,
    REDELIVER_REQUEST,
    RequestCommandRoutes,
)
from ringback.server.request_facts import report_refusal
from ringback.server.result_route import FETCH_RESULT, ResultRoute
from ringback.server.services import ProbeSources, Services
from ringback.server.signing_routes import ROTATE_SECRETS, SHOW_PUBLIC_KEYS, SHOW_SECRETS, SigningRoutes
from ringback.server.status_routes import SHOW_ENGINE, SHOW_METRICS, SHOW_STATUS, StatusRoutes
from ringback.server.transcriptions_route import TRANSCRIBE, TranscriptionsRoute
from ringback.server.usage_routes import BREAK_DOWN_USAGE, LIST_USAGE_FIELDS, SHOW_USAGE, UsageRoutes

__all__ = ["OPERATIONS", "ProbeSources", "Services", "application", "metrics", "probes"]


def application(services: Services) -> Application:
    """The ASGI application over these services, which its caller starts and stops."""
    return _assembled(
        _routes(services),
        [
            Middleware(
                CrossOriginMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=["*"],
                # Browsers add credentials by themselves (cookies, a proxy's Basic login): only pages that
                # have a key or token themselves may call.
                allow_credentials=False,
                expose_headers=_EXPOSED,
            ),
            Middleware(RequestIdMiddleware),
        ],
    )


def probes(probed: ProbeSources, authenticator: Authenticator | None = None) -> Application:
    """What a process serves that has no callers: probes and metrics."""
    return _assembled(_probe_routes(probed, authenticator), [Middleware(RequestIdMiddleware)])


def metrics(probed: ProbeSources) -> Application:
    """The routes at `metrics.listen`: they need no key there."""
    return _assembled([Route(METRICS_PATH, StatusRoutes(probed).exposed)], [Middleware(RequestIdMiddleware)])


def _assembled(routes: list[BaseRoute], middleware: list[Middleware]) -> Application:
    app = Application(
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
    """The answers at `/v1/listen` and `/v1/read` to other methods."""
    assert isinstance(error, Refusal)
    report_refusal(request, error.failure)
    return error_response(request, error.failure)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Also for a WebSocket handshake: Starlette would refuse it with an empty 403."""
    response = error_response(HTTPConnection(scope), not_found(scope["path"]))
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
    "ringback-warnings",
    "x-request-id",
]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """The handlers of the operations; one object each for all requests."""

    listen: ListenRoute
    read: ReadRoute
    transcriptions: TranscriptionsRoute
    projects: ProjectRoutes
    manage: KeyRoutes
    signing: SigningRoutes
    history: HistoryRoutes
    results: ResultRoute
    audio: AudioRoute
    live_words: LiveWordsRoute
    redelivery: RequestCommandRoutes
    deliveries: DeliveryRoutes
    destinations: DestinationRoutes
    usage: UsageRoutes
    account: AccountRoutes
    callbacks: CallbackTestRoute
    models: ModelRoutes
    openapi: OpenApiRoute


_TABLE: tuple[tuple[Operation, Callable[[_Handlers], Handler]], ...] = (
    (LISTEN, lambda handlers: handlers.listen.post),
    (READ, lambda handlers: handlers.read.post),
    (TRANSCRIBE, lambda handlers: handlers.transcriptions.post),
    (LIST_PROJECTS, lambda handlers: handlers.projects.list),
    (CREATE_PROJECT, lambda handlers: handlers.projects.create),
    (SHOW_PROJECT, lambda handlers: handlers.projects.show),
    (RENAME_PROJECT, lambda handlers: handlers.projects.rename),
    (DELETE_PROJECT, lambda handlers: handlers.projects.delete),
    (LIST_KEYS, lambda handlers: handlers.manage.list_keys),
    (CREATE_KEY, lambda handlers: handlers.manage.create_key),
    (SHOW_KEY, lambda handlers: handlers.manage.get_key),
    (CHANGE_KEY, lambda handlers: handlers.manage.change_key),
    (DELETE_KEY, lambda handlers: handlers.manage.delete_key),
    (SHOW_SECRETS, lambda handlers: handlers.signing.show),
    (ROTATE_SECRETS, lambda handlers: handlers.signing.rotate),
    (LIST_REQUESTS, lambda handlers: handlers.history.requests),
    (SHOW_REQUEST, lambda handlers: handlers.history.request),
    (ERASE_REQUEST, lambda handlers: handlers.redelivery.erase),
    (FETCH_RESULT, lambda handlers: handlers.results.result),
    (REDELIVER_REQUEST, lambda handlers: handlers.redelivery.redeliver_request),
    (CANCEL_REQUEST, lambda handlers: handlers.redelivery.cancel),
    (LIST_DELIVERIES, lambda handlers: handlers.deliveries.list),
    (REDELIVER_MATCHING, lambda handlers: handlers.redelivery.redeliver_matching),
    (LIST_DESTINATIONS, lambda handlers: handlers.destinations.of_project),
    (LIST_ALL_DESTINATIONS, lambda handlers: handlers.destinations.of_all),
    (SHOW_USAGE, lambda handlers: handlers.usage.summary),
    (LIST_USAGE_FIELDS, lambda handlers: handlers.usage.fields),
    (BREAK_DOWN_USAGE, lambda handlers: handlers.usage.breakdown),
    (LIST_MEMBERS, lambda handlers: handlers.account.members),
    (LIST_INVITES, lambda handlers: handlers.account.invites),
    (LIST_PURCHASES, lambda handlers: handlers.account.purchases),
    (SHOW_BALANCES, lambda handlers: handlers.account.balances),
    (BREAK_DOWN_BILLING, lambda handlers: handlers.account.billing_breakdown),
    (LIST_BILLING_FIELDS, lambda handlers: handlers.account.billing_fields),
    (LIST_DISTRIBUTION_CREDENTIALS, lambda handlers: handlers.account.distribution_credentials),
    (LIST_PROJECT_MODELS, lambda handlers: handlers.models.project_models),
    (SHOW_PROJECT_MODEL, lambda handlers: handlers.models.project_model),
    (TEST_CALLBACK, lambda handlers: handlers.callbacks.test),
    (LIST_MODELS, lambda handlers: handlers.models.models),
    (SHOW_MODEL, lambda handlers: handlers.models.model),
    (CHECK_TOKEN, lambda handlers: handlers.manage.check_token),
    (GRANT_TOKEN, lambda handlers: handlers.manage.grant_token),
    (OPEN_SESSION, lambda handlers: handlers.manage.open_session),
    (FETCH_AUDIO, lambda handlers: handlers.audio.audio),
    (SHOW_LIVE_WORDS, lambda handlers: handlers.live_words.words),
    (SHOW_PUBLIC_KEYS, lambda handlers: handlers.signing.public_keys),
    (SHOW_OPENAPI, lambda handlers: handlers.openapi.document),
    (SHOW_ASYNCAPI, lambda handlers: handlers.openapi.live_document),
)

OPERATIONS: tuple[Operation, ...] = (
    *(operation for operation, _ in _TABLE),
    SHOW_STATUS,
    SHOW_ENGINE,
    SHOW_METRICS,
)
"""All operations of the HTTP interface."""


def _routes(services: Services) -> list[BaseRoute]:
    authenticator = Authenticator(services.keys, services.clock, services.jwt_secret)
    handlers = _Handlers(
        listen=ListenRoute(services, authenticator),
        read=ReadRoute(services, authenticator),
        transcriptions=TranscriptionsRoute(services, authenticator),
        projects=ProjectRoutes(services, authenticator),
        manage=KeyRoutes(services, authenticator),
        signing=SigningRoutes(services, authenticator),
        history=HistoryRoutes(services, authenticator),
        results=ResultRoute(services, authenticator),
        audio=AudioRoute(services, authenticator),
        live_words=LiveWordsRoute(services, authenticator),
        redelivery=RequestCommandRoutes(services, authenticator),
        deliveries=DeliveryRoutes(services, authenticator),
        destinations=DestinationRoutes(services, authenticator),
        usage=UsageRoutes(services, authenticator),
        account=AccountRoutes(services, authenticator),
        callbacks=CallbackTestRoute(services, authenticator),
        models=ModelRoutes(services, authenticator),
        openapi=OpenApiRoute(OPERATIONS),
    )
    return [
        WebSocketRoute(LISTEN_PATH, LiveRoute(services, authenticator, listen_options).serve),
        WebSocketRoute(FLUX_PATH, LiveRoute(services, authenticator, flux_options).serve),
        Route(FLUX_PATH, no_upgrade, methods=[]),
        *(operation.route(handler(handlers)) for operation, handler in _TABLE),
        *_probe_routes(services.probe_sources, authenticator),
        *(page_routes() if services.serves_dashboard else ()),
    ]


def _probe_routes(probed: ProbeSources, authenticator: Authenticator | None) -> list[BaseRoute]:
    status = StatusRoutes(probed, authenticator)
    routes: list[BaseRoute] = [SHOW_STATUS.route(status.status), SHOW_ENGINE.route(status.engine)]
    if probed.serves_metrics:
        routes.append(SHOW_METRICS.route(status.metrics))
    return routes
