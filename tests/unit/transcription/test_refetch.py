"""When audio that could not be fetched is fetched again."""

import pytest

from ringback.transcription.refetch import FOR_CALLBACK, FOR_CALLER, delay_until_refetch


def delays(retry_after: float | None, *, caller_waits: bool) -> list[float]:
    found: list[float] = []
    while (delay := delay_until_refetch(len(found) + 1, retry_after, caller_waits=caller_waits)) is not None:
        found.append(delay)
    return found


def test_tries_are_bounded_in_number_and_time() -> None:
    assert delays(None, caller_waits=False) == list(FOR_CALLBACK.delays) == [2, 10, 30, 120, 300]
    assert delays(None, caller_waits=True) == list(FOR_CALLER.delays) == [1, 3]


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (0.0, [2, 10, 30, 120, 300]),
        (-5.0, [2, 10, 30, 120, 300]),
        (60.0, [60, 60, 60, 120, 300]),
        (86_400.0, [900, 900, 900, 900, 900]),
    ],
)
def test_a_host_may_ask_for_more_time_within_bounds(retry_after: float, expected: list[float]) -> None:
    assert delays(retry_after, caller_waits=False) == expected


@pytest.mark.parametrize(
    ("retry_after", "expected"), [(0.0, [1, 3]), (2.0, [2, 3]), (10.0, [10, 10]), (11.0, [])]
)
def test_a_waiting_caller_is_not_kept_long(retry_after: float, expected: list[float]) -> None:
    assert delays(retry_after, caller_waits=True) == expected
