"""The sums of usage as rows and as values, and the parameters of queries about them; for both stores.

Columns hold lists as JSON arrays. An element is searched for as text: its JSON with its quotes, after a
bracket or a comma. A quote inside an element has a backslash before it, so no other text matches.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from ringback.jobs.usage import DailyUsage, UsageAmount, UsageDimension, UsageFilter, UsageKey, UsedLabels
from ringback.storage.rows import Row, tags_from_json, tags_to_json

_LISTS = frozenset({UsageDimension.FEATURES, UsageDimension.TAGS})


def usage_row(key: UsageKey, amount: UsageAmount) -> Row:
    return {
        "project": key.project,
        "hour": key.hour,
        "accessor": key.accessor,
        "endpoint": key.endpoint,
        "method": key.method,
        "model": key.model,
        "model_id": key.model_id,
        "language": key.language,
        "features": tags_to_json(key.features),
        "parameters": tags_to_json(key.parameters),
        "tags": tags_to_json(key.tags),
        "succeeded": key.succeeded,
        "requests": amount.requests,
        "seconds": amount.seconds,
        "channel_seconds": amount.channel_seconds,
        "input_tokens": amount.input_tokens,
        "output_tokens": amount.output_tokens,
    }


def usage_hour_rows(used: Mapping[UsageKey, UsageAmount]) -> list[Row]:
    """Sorted, so that all nodes lock these rows in the same order."""
    return [usage_row(key, used[key]) for key in sorted(used)]


def filter_parameters(where: UsageFilter) -> Row:
    """The filter's conditions as parameters, by their names in `usage.sql`."""
    return {
        "project": where.project,
        "first_hour": where.first_hour,
        "last_hour": where.last_hour,
        "accessor": where.accessor,
        "endpoint": where.endpoint,
        "method": where.method,
        "model": where.model,
        "model_id": where.model_id,
        "succeeded": where.succeeded,
        "tags": _elements(where.tags),
        "any_of": _elements(where.any_of),
        "none_of": _elements(where.none_of),
    }


def daily_usage_from(row: Row, by: UsageDimension | None) -> DailyUsage:
    text = row["label"]
    group = tags_from_json(text) if by in _LISTS else () if by is None else (text,)
    amount = UsageAmount(**{name: row[name] for name in UsageAmount._fields})
    return DailyUsage(row["day"], group, amount)


def labels_from(rows: Iterable[Row], most: int) -> UsedLabels:
    """From rows that have tags or all other labels. More than `most` of one sort: some are missing."""
    described: list[Row] = []
    tagged: list[Row] = []
    for row in rows:
        (described if row["tags"] is None else tagged).append(row)
    return UsedLabels(
        methods=frozenset(row["method"] for row in described),
        models=frozenset((row["model"], row["language"], row["model_id"]) for row in described),
        features=frozenset(chain.from_iterable(tags_from_json(row["features"]) for row in described)),
        tags=frozenset(chain.from_iterable(tags_from_json(row["tags"]) for row in tagged)),
        complete=max(len(described), len(tagged)) <= most,
    )


def _elements(texts: Sequence[str]) -> list[str]:
    return [msgspec.json.encode(text).decode() for text in texts]
