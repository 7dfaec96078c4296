"""The sums of requests by the hour: the figures behind usage reports, and the ledger's port for them.

A request is counted with its end (`Done.used`), in the same transaction, in the hour in which it was
accepted. The sums stay when its record is dropped. The reasons, and what erasing removes: ADR 0043. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

HOUR = 3600.0


class UsageKey(NamedTuple):
    """What sums are kept by. A tuple, because one is made and hashed at each request's end."""

    project: str
    hour: int
    """Since 1970, by the ledger's clock."""
    accessor: str
    """The id of the API key; empty where none is known."""
    endpoint: str
    """As Deepgram names it: `listen`, for one."""
    method: str
    """`sync`, `async` or `streaming`."""
    model: str
    """The name of the model that was promised."""
    model_id: str
    """The uuid of the model that ran; empty where none did."""
    language: str
    features: tuple[str, ...]
    """Query parameters that were true."""
    parameters: tuple[str, ...]
    """Query parameters that were set to another value than their default, `features` included."""
    tags: tuple[str, ...]
    """Sorted, without duplicates."""
    succeeded: bool
    """False: the answer was an error."""

    def without_tags(self) -> "UsageKey":
        return self._replace(tags=())


class UsageAmount(NamedTuple):
    """The sums of some requests."""

    requests: int = 0
    seconds: float = 0.0
    """Of audio."""
    channel_seconds: float = 0.0
    """The same, every channel counted."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Of an operator's language model."""

    def plus(self, more: "UsageAmount") -> "UsageAmount":
        return UsageAmount(
            self.requests + more.requests,
            self.seconds + more.seconds,
            self.channel_seconds + more.channel_seconds,
            self.input_tokens + more.input_tokens,
            self.output_tokens + more.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Used:
    """What one request adds to the sums."""

    key: UsageKey
    amount: UsageAmount


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which sums to add up. A field that is None or empty does not filter."""

    project: str
    first_hour: int
    last_hour: int
    """Included."""
    accessor: str | None = None
    endpoint: str | None = None
    method: str | None = None
    model_id: str | None = None
    model: str | None = None
    """With `model_id`: its name, for requests that ended before a model ran."""
    succeeded: bool | None = None
    tags: tuple[str, ...] = ()
    """The requests had all of them."""
    any_of: tuple[str, ...] = ()
    """At least one of these parameters was set."""
    none_of: tuple[str, ...] = ()
    """None of these parameters was set."""


class UsageDimension(StrEnum):
    """What sums can be broken down by: fields of `UsageKey`."""

    ACCESSOR = "accessor"
    ENDPOINT = "endpoint"
    METHOD = "method"
    MODEL = "model"
    FEATURES = "features"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """The sums of a day of UTC, and of a group within it."""

    day: int
    """Since 1970."""
    group: tuple[str, ...]
    """The dimension's value: any number of features or tags, one value of the others; () without a
    dimension."""
    amount: UsageAmount


@dataclass(frozen=True, slots=True)
class UsedLabels:
    """The labels that requests had, each once."""

    methods: frozenset[str]
    models: frozenset[tuple[str, str, str]]
    """Name, language and uuid."""
    features: frozenset[str]
    tags: frozenset[str]
    complete: bool
    """False: there are more sets of tags than were read."""


class UsageReader(Protocol):
    """For usage reports."""

    async def daily_usage(
        self, where: UsageFilter, by: UsageDimension | None, most: int
    ) -> Sequence[DailyUsage]:
        """The sums per day, and in each day per value of `by`, in this order; the first `most`."""
        ...

    async def used_labels(self, where: UsageFilter, most: int) -> UsedLabels:
        """The labels of the period's requests; of different sets of tags, `most` are read."""
        ...


class UsageCounter(Protocol):
    """For usage that is not counted with a job's end."""

    async def count_usage(self, used: Sequence[Used]) -> None:
        """Add these to the sums."""
        ...


def summed(used: Iterable[Used]) -> Mapping[UsageKey, UsageAmount]:
    """The sums of these."""
    sums: dict[UsageKey, UsageAmount] = {}
    for one in used:
        sums[one.key] = sums.get(one.key, UsageAmount()).plus(one.amount)
    return sums


def hour_of(moment: float) -> int:
    """The hour since 1970 of a moment in Unix seconds."""
    return int(moment // HOUR)
