"""Whose daily limit of audio is reached, and when tomorrow begins."""

import pytest

from ringback.keys import KeyLimits
from ringback.quota import DailyLimits, Holder, seconds_to_tomorrow

HOLDER = Holder("project", "key")


@pytest.mark.parametrize(
    ("own", "server", "limit"), [(None, 0, 0), (None, 5, 5), (3, 5, 3), (7, 5, 7), (0, 5, 0), (3, 0, 3)]
)
def test_the_keys_own_limit_counts_and_0_is_none(own: int | None, server: int, limit: int) -> None:
    assert DailyLimits.of(KeyLimits(daily_audio_seconds=own), DailyLimits(server, 9)) == DailyLimits(limit, 9)


@pytest.mark.parametrize(
    ("limits", "key", "project", "reached"),
    [
        (DailyLimits(10, 0), 9.9, 99.0, None),
        (DailyLimits(10, 0), 10.0, 99.0, "this key"),
        (DailyLimits(0, 20), 99.0, 19.9, None),
        (DailyLimits(0, 20), 1.0, 20.0, "this project"),
        (DailyLimits(10, 20), 10.0, 20.0, "this key"),
    ],
)
def test_a_limit_is_reached_when_it_is_used(
    limits: DailyLimits, key: float, project: float, reached: str | None
) -> None:
    why = limits.reached(HOLDER, {"key": key, "project": project})
    assert why is reached if reached is None else why is not None and reached in why


@pytest.mark.parametrize(
    ("now", "seconds"), [(0.0, 86_400), (86_399.5, 1), (86_400.0, 86_400), (100.2, 86_300)]
)
def test_tomorrow_begins_at_midnight_utc(now: float, seconds: int) -> None:
    assert seconds_to_tomorrow(now) == seconds
