"""Lists of Deepgram's interface that are always empty here: members, invites, billing.

https://developers.deepgram.com/reference/manage. They are answered because SDKs and tools read them; requests
that would change them are refused with the reason (`not_served`).
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.server.auth import Authenticator
from ringback.server.operations import PROJECT_PATH, Operation
from ringback.server.path_lookup import project_of
from ringback.server.permissions import Permission
from ringback.server.query_parameters import END, START
from ringback.server.request_parsing import answer, caller_of_project
from ringback.server.services import Services
from ringback.server.usage_routes import Day, Resolution, period_of

TAG = "Account"


class Balances(msgspec.Struct):
    """Empty: this server bills nothing."""

    balances: list[Any]


class Members(msgspec.Struct):
    """Empty: keys are all that this server knows of people."""

    members: list[Any]


class Invites(msgspec.Struct):
    """Empty: there are no members, so there are no invites."""

    invites: list[Any]


class Purchases(msgspec.Struct):
    """Empty: this server bills nothing."""

    orders: list[Any]


class BillingBreakdown(msgspec.Struct):
    """Empty: this server bills nothing."""

    start: Day
    end: Day
    resolution: Resolution
    results: list[Any]


class BillingFields(msgspec.Struct):
    """Empty: this server bills nothing."""

    accessors: list[str]
    deployments: list[str]
    tags: list[str]
    line_items: dict[str, str]


class DistributionCredentials(msgspec.Struct):
    """Empty: nothing that this server needs requires a login."""

    distribution_credentials: list[Any]


LIST_MEMBERS = Operation("GET", f"{PROJECT_PATH}/members", "listMembers", TAG, "Members: none", Members)
LIST_INVITES = Operation("GET", f"{PROJECT_PATH}/invites", "listInvites", TAG, "Invites: none", Invites)
LIST_PURCHASES = Operation(
    "GET", f"{PROJECT_PATH}/purchases", "listPurchases", TAG, "Purchases: none", Purchases
)
SHOW_BALANCES = Operation("GET", f"{PROJECT_PATH}/balances", "listBalances", TAG, "Balances: none", Balances)
BREAK_DOWN_BILLING = Operation(
    "GET",
    f"{PROJECT_PATH}/billing/breakdown",
    "getBillingBreakdown",
    TAG,
    "What is billed: nothing",
    BillingBreakdown,
    query=(START, END),
)
LIST_BILLING_FIELDS = Operation(
    "GET", f"{PROJECT_PATH}/billing/fields", "listBillingFields", TAG, "Billing fields: none", BillingFields
)
LIST_DISTRIBUTION_CREDENTIALS = Operation(
    "GET",
    f"{PROJECT_PATH}/self-hosted/distribution/credentials",
    "listDistributionCredentials",
    TAG,
    "Distribution credentials: none",
    DistributionCredentials,
)


class AccountRoutes:
    """The routes."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._keys = services.keys
        self._clock = services.clock
        self._authenticator = authenticator

    async def balances(self, request: Request) -> Response:
        return await self._none(request, Balances([]))

    async def members(self, request: Request) -> Response:
        return await self._none(request, Members([]))

    async def invites(self, request: Request) -> Response:
        return await self._none(request, Invites([]))

    async def purchases(self, request: Request) -> Response:
        return await self._none(request, Purchases([]))

    async def billing_breakdown(self, request: Request) -> Response:
        await self._check(request)
        start, end = period_of(request, self._clock.now())
        return answer(BillingBreakdown(start, end, Resolution(), []))

    async def billing_fields(self, request: Request) -> Response:
        return await self._none(request, BillingFields([], [], [], {}))

    async def distribution_credentials(self, request: Request) -> Response:
        return await self._none(request, DistributionCredentials([]))

    async def _none(self, request: Request, document: msgspec.Struct) -> Response:
        """Lists that are empty for every project."""
        await self._check(request)
        return answer(document)

    async def _check(self, request: Request) -> None:
        """Raises `Refusal` unless the caller may ask this of the project."""
        await caller_of_project(request, self._authenticator, Permission.READ_PROJECT)
        await project_of(self._keys, request)
