"""Schedules say how long to wait, and when it is enough."""

from ringback.jobs.retry import GrowingSchedule, Schedule


def test_a_schedule_allows_its_retries_and_no_more() -> None:
    schedule = Schedule(retries=2, delay=30.0)
    assert [schedule.delay_after(tries) for tries in (1, 2, 3, 4)] == [30.0, 30.0, None, None]


def test_no_retries() -> None:
    assert Schedule(retries=0, delay=30.0).delay_after(1) is None


def test_a_growing_schedule_has_one_retry_per_delay() -> None:
    schedule = GrowingSchedule((5.0, 30.0))
    assert [schedule.delay_after(tries) for tries in (1, 2, 3)] == [5.0, 30.0, None]
