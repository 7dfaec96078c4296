"""Usage: hours and requests by day and by group, and the features, models and tags of requests.

https://developers.deepgram.com/reference/manage/usage. The figures are the ledger's hourly sums (ADR 0043);
this server has neither text-to-speech nor agents, so their figures are 0. Tokens are those that the
operator's language model has counted.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback.jobs.usage import HOUR, DailyUsage, UsageDimension, UsageFilter, UsageReader, hour_of
from ringback.listen.options import ListenOptions
from ringback.server.auth import Authenticator, Caller
from ringback.server.operations import PROJECT_PATH, Operation, Uuid
from ringback.server.permissions import Permission
from ringback.server.query_parameters import (
    END,
    START,
    TAG,
    ChoiceParameter,
    QueryParameter,
    TextParameter,
    bad_query,
)
from ringback.server.request_lookup import ACCESSOR, DEPLOYMENT, ENDPOINT, METHOD, STATUS
from ringback.server.request_parsing import answer, caller_of_project
from ringback.server.services import Services

GROUP = "Usage"

Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]

GROUPS_MOST = 10_000
"""Groups of one answer, over all its days; and sets of tags that `fields` reads."""

_DIMENSIONS: Mapping[str, UsageDimension | None] = {
    "accessor": UsageDimension.ACCESSOR,
    "endpoint": UsageDimension.ENDPOINT,
    "feature_set": UsageDimension.FEATURES,
    "models": UsageDimension.MODEL,
    "method": UsageDimension.METHOD,
    "tags": UsageDimension.TAGS,
    "deployment": None,
}
"""The values by which a request is counted.

A request with several features or tags is counted once, under all of them together.
"""

_DEPLOYMENT = "self-hosted"


@dataclass(frozen=True, slots=True)
class _Period:
    start: str
    end: str
    where: UsageFilter | None
    """None: the filter names something that this server never has."""


class Resolution(msgspec.Struct):
    units: str = "day"
    amount: int = 1


class Completeness(msgspec.Struct):
    complete: bool
    """False: there are more groups than an answer has, and those of the last days are missing."""


class TokenCounts(msgspec.Struct, frozen=True, rename={"in_": "in"}):
    in_: int = 0
    out: int = 0


class SpeechCounts(msgspec.Struct, frozen=True):
    characters: int = 0
    requests: int = 0


class UsageDay(msgspec.Struct):
    start: Day
    end: Day
    hours: float
    """The audio's length."""
    total_hours: float
    """The same, the sum of all channels."""
    requests: int
    # Without these two the Python SDKs 3 and 4 cannot read the answer.
    tokens: TokenCounts = TokenCounts()
    tts: SpeechCounts = SpeechCounts()


class UsageSummary(msgspec.Struct):
    """Hours and requests per day."""

    start: Day
    end: Day
    resolution: Resolution
    results: list[UsageDay]
    ringback: Completeness


class UsageGrouping(msgspec.Struct):
    """The group of a figure: null for all but what `grouping` names."""

    start: Day
    end: Day
    accessor: str | None
    endpoint: str | None
    feature_set: str | None
    models: str | None
    method: str | None
    tags: str | None
    deployment: str | None


class UsageGroup(msgspec.Struct, kw_only=True):
    hours: float
    total_hours: float
    agent_hours: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tts_characters: int = 0
    requests: int
    grouping: UsageGrouping


class UsageBreakdown(msgspec.Struct):
    """Hours and requests per day and group."""

    start: Day
    end: Day
    resolution: Resolution
    results: list[UsageGroup]
    ringback: Completeness


class UsedModel(msgspec.Struct):
    name: str
    language: str
    version: str
    model_id: Uuid


class UsageFields(msgspec.Struct):
    """The labels of the period's requests."""

    tags: list[str]
    models: list[UsedModel]
    processing_methods: list[str]
    features: list[str]
    languages: list[str]
    ringback: Completeness


GROUPING = ChoiceParameter("grouping", tuple(_DIMENSIONS), "What the figures are broken down by.")
MODEL = TextParameter("model", "The uuid of the model that ran.")
FEATURE_FILTERS: tuple[QueryParameter, ...] = tuple(
    ChoiceParameter(name, ("true", "false"), "Only requests that set it, or only those that did not.")
    for name in ListenOptions.__struct_fields__
    if name not in {"model", "tag", "warnings", "extra"}
)
_USAGE = f"{PROJECT_PATH}/usage"
_FILTERS: tuple[QueryParameter, ...] = (
    *(START, END, ACCESSOR, METHOD, STATUS, TAG, ENDPOINT, DEPLOYMENT, MODEL),
    *FEATURE_FILTERS,
)
SHOW_USAGE = Operation(
    "GET", _USAGE, "getUsage", GROUP, "Hours and requests per day", UsageSummary, query=_FILTERS
)
BREAK_DOWN_USAGE = Operation(
    "GET",
    f"{_USAGE}/breakdown",
    "getUsageBreakdown",
    GROUP,
    "The same by group",
    UsageBreakdown,
    query=(GROUPING, *_FILTERS),
)
LIST_USAGE_FIELDS = Operation(
    "GET",
    f"{_USAGE}/fields",
    "listUsageFields",
    GROUP,
    "Models, tags and features that were used",
    UsageFields,
    query=_FILTERS,
)


class UsageRoutes:
    """The routes; all take `start`, `end` and the same filters."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: UsageReader = services.store
        self._catalogue = services.catalogue
        self._clock = services.clock
        self._authenticator = authenticator

    async def summary(self, request: Request) -> Response:
        """Hours and requests per day."""
        period = await self._period(request)
        found, complete = await self._daily(period, None)
        days = [_summed(each) for each in found]
        return answer(UsageSummary(period.start, period.end, Resolution(), days, complete))

    async def breakdown(self, request: Request) -> Response:
        """The same, and in each day by what `grouping` names."""
        grouping = GROUPING.of(request)
        period = await self._period(request)
        found, complete = await self._daily(period, None if grouping is None else _DIMENSIONS[grouping])
        groups = [_broken_down(each, grouping) for each in found]
        return answer(UsageBreakdown(period.start, period.end, Resolution(), groups, complete))

    async def fields(self, request: Request) -> Response:
        """Which models, tags, features, languages and methods the requests of the period had."""
        period = await self._period(request)
        if period.where is None:
            return answer(UsageFields([], [], [], [], [], Completeness(True)))
        used = await self._store.used_labels(period.where, GROUPS_MOST)
        return answer(
            UsageFields(
                tags=sorted(used.tags),
                models=self._used_models(used.models),
                processing_methods=sorted(used.methods),
                features=sorted(used.features),
                languages=sorted({language for _name, language, _uuid in used.models}),
                ringback=Completeness(used.complete),
            )
        )

    async def _period(self, request: Request) -> _Period:
        """The filter of a request. Raises `Refusal`."""
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        since, until = _bounds(request, self._clock.now())
        return _Period(_day(since), _day(until), self._filter(request, caller, since, until))

    def _filter(self, request: Request, caller: Caller, since: float, until: float) -> UsageFilter | None:
        for name in _NOT_KEPT & request.query_params.keys():
            raise bad_query(
                f"Usage is kept in sums, not by `{name}`: ask for the requests, which take it."
                if name == "request_id"
                else f"Usage does not keep which requests set `{name}`."
            )
        accessor, own = ACCESSOR.of(request), caller.narrowed_to_key(Permission.READ_REQUESTS)
        status, model = STATUS.of(request), MODEL.of(request)
        any_of, none_of = _feature_filter(request)
        where = UsageFilter(
            caller.project,
            first_hour=hour_of(since),
            last_hour=math.ceil(until / HOUR) - 1,
            accessor=accessor or own,
            endpoint=ENDPOINT.of(request),
            method=METHOD.of(request),
            model_id=model,
            model=self._names().get(model or ""),
            succeeded=None if status is None else status == "succeeded",
            tags=tuple(TAG.of(request)),
            any_of=any_of,
            none_of=none_of,
        )
        foreign = own is not None and accessor not in (None, own)
        return None if foreign or DEPLOYMENT.of(request) not in (None, _DEPLOYMENT) else where

    async def _daily(
        self, period: _Period, by: UsageDimension | None
    ) -> tuple[Sequence[DailyUsage], Completeness]:
        if period.where is None:
            return (), Completeness(True)
        found = await self._store.daily_usage(period.where, by, GROUPS_MOST + 1)
        return found[:GROUPS_MOST], Completeness(len(found) <= GROUPS_MOST)

    def _names(self) -> Mapping[str, str]:
        return {model.uuid: model.name for model in self._catalogue.models()}

    def _used_models(self, used: Iterable[tuple[str, str, str]]) -> list[UsedModel]:
        """If no model ran, the requested one, if the server still has it."""
        versions = {model.uuid: model.version for model in self._catalogue.models()}
        uuids = {name: uuid for uuid, name in self._names().items()}
        named = {(name, language, uuid or uuids.get(name, "")) for name, language, uuid in used}
        return [
            UsedModel(name, language, versions.get(uuid, ""), uuid)
            for name, language, uuid in sorted(named)
            if uuid
        ]


def period_of(request: Request, now: float) -> tuple[Day, Day]:
    """The days from `start` to `end`; the last 30 without them. Raises `Refusal`."""
    since, until = _bounds(request, now)
    return _day(since), _day(until)


def _bounds(request: Request, now: float) -> tuple[float, float]:
    until = END.of(request) or now
    return START.of(request) or max(0.0, until - _MONTH), until


def _feature_filter(request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`punctuate=true` and the like: at least one of those that are true must have been used, and none of
    those that are false (https://developers.deepgram.com/reference/manage/usage/breakdown)."""
    found: dict[str, set[str]] = {"true": set(), "false": set()}
    for name, text in request.query_params.multi_items():
        if name in _FEATURES:
            if text not in found:
                raise bad_query(f"`{name}` must be `true` or `false`.")
            found[text].add(name)
    return tuple(sorted(found["true"])), tuple(sorted(found["false"]))


_FEATURES = frozenset(parameter.name for parameter in FEATURE_FILTERS)
_NOT_KEPT = frozenset({"request_id", "extra"})


def _summed(used: DailyUsage) -> UsageDay:
    day, amount = _day_of(used), used.amount
    return UsageDay(
        start=day,
        end=day,
        hours=amount.seconds / HOUR,
        total_hours=amount.channel_seconds / HOUR,
        requests=amount.requests,
        tokens=TokenCounts(amount.input_tokens, amount.output_tokens),
    )


def _broken_down(used: DailyUsage, grouping: str | None) -> UsageGroup:
    day, amount = _day_of(used), used.amount
    group = _DEPLOYMENT if grouping == "deployment" else ",".join(used.group)
    named = {name: group if name == grouping else None for name in _DIMENSIONS}
    return UsageGroup(
        hours=amount.seconds / HOUR,
        total_hours=amount.channel_seconds / HOUR,
        tokens_in=amount.input_tokens,
        tokens_out=amount.output_tokens,
        requests=amount.requests,
        grouping=UsageGrouping(start=day, end=day, **named),
    )


def _day_of(used: DailyUsage) -> str:
    return _day(used.day * _DAY)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


_DAY = 86_400.0
_MONTH = 30 * _DAY
