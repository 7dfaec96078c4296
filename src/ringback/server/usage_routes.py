"""What was used: hours and requests by day, by group, and which features, models and tags there were.

https://developers.deepgram.com/reference/manage/usage. Everything is added up from the requests in the
ledger; this server has neither text-to-speech nor agents, and their figures are nought. Tokens are those that
the operator's language model has counted.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback.engines.base import ModelInfo
from ringback.jobs.job import Job, JobFilter
from ringback.jobs.store import JobPages
from ringback.listen.options import ListenOptions
from ringback.server.auth import Authenticator
from ringback.server.operations import PROJECT_PATH, Operation, Uuid
from ringback.server.permissions import Permission
from ringback.server.query_parameters import (
    END,
    START,
    ChoiceParameter,
    QueryParameter,
    TextParameter,
    bad_query,
)
from ringback.server.request_lookup import REQUEST_FILTERS, endpoint_of, filters_of
from ringback.server.request_parsing import answer, caller_of_project
from ringback.server.request_records import config_of, features_of, model_id_of
from ringback.server.services import Services
from ringback.transcription.request import order_of, result_of

TAG = "Usage"

Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]

USAGE_MOST, USAGE_PAGE = 2_000, 200
"""Requests of one kind that one report adds up, newest first, and how many of them are in memory at a time:
each brings its result along."""


@dataclass(frozen=True, slots=True)
class _RequestUsage:
    """One request."""

    day: str
    hours: float
    channels: int
    model: str
    """Its name."""
    model_id: str
    """Its uuid; empty where it is no longer known."""
    language: str
    accessor: str
    endpoint: str
    method: str
    tags: tuple[str, ...]
    features: tuple[str, ...]
    parameters: frozenset[str]
    """Query parameters that were set to something else than their default."""
    input_tokens: int
    output_tokens: int


_GROUPINGS: Mapping[str, Callable[[_RequestUsage], str]] = {
    "accessor": lambda used: used.accessor,
    "endpoint": lambda used: used.endpoint,
    "feature_set": lambda used: ",".join(used.features),
    "models": lambda used: used.model,
    "method": lambda used: used.method,
    "tags": lambda used: ",".join(used.tags),
    "deployment": lambda _: "self-hosted",
}
"""What a request counts under. One with several features or tags counts once, under all of them together."""


@dataclass(frozen=True, slots=True)
class _Report:
    start: str
    end: str
    used: Sequence[_RequestUsage]
    complete: bool
    """False: the oldest requests of the period are missing."""

    @property
    def completeness(self) -> "Completeness":
        return Completeness(self.complete)


class Resolution(msgspec.Struct):
    units: str = "day"
    amount: int = 1


class Completeness(msgspec.Struct):
    complete: bool
    """False: the oldest requests of the period are missing."""


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
    """That of all its channels."""
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
    """What a figure is of: null but for what `grouping` named."""

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
    """What the requests of the period had."""

    tags: list[str]
    models: list[UsedModel]
    processing_methods: list[str]
    features: list[str]
    languages: list[str]
    ringback: Completeness


GROUPING = ChoiceParameter("grouping", tuple(_GROUPINGS), "What the figures are broken down by.")
MODEL = TextParameter("model", "The uuid of the model that ran.")
FEATURE_FILTERS: tuple[QueryParameter, ...] = tuple(
    ChoiceParameter(name, ("true", "false"), "Only requests that set it, or only those that did not.")
    for name in ListenOptions.__struct_fields__
    if name not in {"model", "tag", "warnings"}
)
_USAGE = f"{PROJECT_PATH}/usage"
_FILTERS: tuple[QueryParameter, ...] = (*REQUEST_FILTERS, MODEL, *FEATURE_FILTERS)
SHOW_USAGE = Operation(
    "GET", _USAGE, "getUsage", TAG, "Hours and requests per day", UsageSummary, query=_FILTERS
)
BREAK_DOWN_USAGE = Operation(
    "GET",
    f"{_USAGE}/breakdown",
    "getUsageBreakdown",
    TAG,
    "The same by group",
    UsageBreakdown,
    query=(GROUPING, *_FILTERS),
)
LIST_USAGE_FIELDS = Operation(
    "GET",
    f"{_USAGE}/fields",
    "listUsageFields",
    TAG,
    "Models, tags and features that were used",
    UsageFields,
    query=_FILTERS,
)


class UsageRoutes:
    """The routes; all take the filters of the request history, and `start` and `end`."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._store: JobPages = services.store
        self._catalogue = services.catalogue
        self._clock = services.clock
        self._authenticator = authenticator

    async def summary(self, request: Request) -> Response:
        """Hours and requests per day."""
        report = await self._report(request)
        days = [_summed(day, used) for day, _, used in _grouped(report.used)]
        return answer(UsageSummary(report.start, report.end, Resolution(), days, report.completeness))

    async def breakdown(self, request: Request) -> Response:
        """The same, and within a day by what `grouping` names."""
        grouping = GROUPING.of(request)
        report = await self._report(request)
        groups = [
            _broken_down(day, grouping, group, used) for day, group, used in _grouped(report.used, grouping)
        ]
        return answer(UsageBreakdown(report.start, report.end, Resolution(), groups, report.completeness))

    async def fields(self, request: Request) -> Response:
        """Which models, tags, features, languages and methods the requests of the period had."""
        report = await self._report(request)
        used = report.used
        versions = {model.uuid: model.version for model in self._catalogue.models()}
        models = sorted({(each.model, each.language, each.model_id) for each in used if each.model_id})
        return answer(
            UsageFields(
                tags=_sorted(tag for each in used for tag in each.tags),
                models=[
                    UsedModel(name, language, versions.get(uuid, ""), uuid) for name, language, uuid in models
                ],
                processing_methods=_sorted(each.method for each in used),
                features=_sorted(name for each in used for name in each.features),
                languages=_sorted(each.language for each in used),
                ringback=report.completeness,
            )
        )

    async def _report(self, request: Request) -> _Report:
        caller = await caller_of_project(request, self._authenticator, Permission.READ_REQUESTS)
        until = END.of(request) or self._clock.now()
        since = START.of(request) or max(0.0, until - _MONTH)
        used: list[_RequestUsage] = []
        complete = True
        for where in filters_of(request, caller):
            complete &= await self._collect(replace(where, since=since, until=until), used)
        feature_filter = _feature_filter(request)
        model = MODEL.of(request)
        return _Report(
            _day(since),
            _day(until),
            [
                each
                for each in used
                if feature_filter.matches(each.parameters) and model in (None, each.model_id)
            ],
            complete,
        )

    async def _collect(self, where: JobFilter, used: list[_RequestUsage]) -> bool:
        """Adds the newest `USAGE_MOST`; whether those are all."""
        models = self._catalogue.models()
        position: str | None = None
        for _ in range(USAGE_MOST // USAGE_PAGE):
            page = await self._store.page(where, USAGE_PAGE, position)
            # Reads every result: not on the event loop.
            used += await asyncio.to_thread(lambda jobs: [_usage_of(job, models) for job in jobs], page.jobs)
            position = page.next
            if position is None:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _FeatureFilter:
    """`punctuate=true` and the like: of those that are true one must have been used, of those that are false
    none (https://developers.deepgram.com/reference/manage/usage/breakdown)."""

    one_of: frozenset[str]
    none_of: frozenset[str]

    def matches(self, parameters: frozenset[str]) -> bool:
        return not parameters & self.none_of and (not self.one_of or bool(parameters & self.one_of))


def _feature_filter(request: Request) -> _FeatureFilter:
    found: dict[str, set[str]] = {"true": set(), "false": set()}
    for name, text in request.query_params.multi_items():
        if name in _FEATURES:
            if text not in found:
                raise bad_query(f"`{name}` must be `true` or `false`.")
            found[text].add(name)
    return _FeatureFilter(frozenset(found["true"]), frozenset(found["false"]))


_FEATURES = frozenset(parameter.name for parameter in FEATURE_FILTERS)


def _usage_of(job: Job, models: Sequence[ModelInfo]) -> _RequestUsage:
    order = order_of(job.payload)
    ending = None if job.result is None else result_of(job.result)
    parameters = set(config_of(order.options))
    if order.callback is not None:
        parameters.add("callback")
    return _RequestUsage(
        day=_day(job.created_at),
        hours=0.0 if ending is None else ending.duration / 3600,
        channels=1 if ending is None else max(1, ending.channels),
        model=order.model,
        model_id=model_id_of(order, ending, models) or "",
        language="multi" if order.options.detect_language else order.options.language,
        accessor=job.accessor or "",
        endpoint=endpoint_of(job.kind),
        method=job.method,
        tags=job.tags,
        features=tuple(features_of(order.options)),
        parameters=frozenset(parameters),
        input_tokens=0 if ending is None else ending.input_tokens,
        output_tokens=0 if ending is None else ending.output_tokens,
    )


def _grouped(
    used: Iterable[_RequestUsage], grouping: str | None = None
) -> list[tuple[str, str, list[_RequestUsage]]]:
    """Day, group and the requests of both, in this order."""
    groups: dict[tuple[str, str], list[_RequestUsage]] = {}
    for each in used:
        groups.setdefault((each.day, _GROUPINGS[grouping](each) if grouping else ""), []).append(each)
    return [(day, group, found) for (day, group), found in sorted(groups.items())]


def _summed(day: str, used: Sequence[_RequestUsage]) -> UsageDay:
    return UsageDay(
        start=day,
        end=day,
        hours=_hours(used),
        total_hours=_total_hours(used),
        requests=len(used),
        tokens=TokenCounts(sum(each.input_tokens for each in used), sum(each.output_tokens for each in used)),
    )


def _broken_down(day: str, grouping: str | None, group: str, used: Sequence[_RequestUsage]) -> UsageGroup:
    named = {name: group if name == grouping else None for name in _GROUPINGS}
    return UsageGroup(
        hours=_hours(used),
        total_hours=_total_hours(used),
        tokens_in=sum(each.input_tokens for each in used),
        tokens_out=sum(each.output_tokens for each in used),
        requests=len(used),
        grouping=UsageGrouping(start=day, end=day, **named),
    )


def _hours(used: Sequence[_RequestUsage]) -> float:
    return sum((each.hours for each in used), 0.0)


def _total_hours(used: Sequence[_RequestUsage]) -> float:
    """Every channel counts."""
    return sum((each.hours * each.channels for each in used), 0.0)


def _sorted(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts))


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


_MONTH = 30 * 86_400.0
