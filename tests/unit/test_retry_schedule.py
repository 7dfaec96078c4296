"""Retry schedules: how long to wait, when it is enough, and how they are written in the setting, for a key
and in a request."""

import pytest

from ringback.errors import Misconfigured, Refusal
from ringback.listen.options import Mode, parse
from ringback.retry_schedule import DEEPGRAM, STANDARD, RetrySchedule, parse_schedule
from ringback.settings import load


def test_a_schedule_allows_its_retries_and_no_more() -> None:
    schedule = RetrySchedule.constant(retries=2, delay=30.0)
    assert [schedule.delay_after(tries) for tries in (1, 2, 3, 4)] == [30.0, 30.0, None, None]


def test_no_retries() -> None:
    assert RetrySchedule.constant(retries=0, delay=30.0).delay_after(1) is None


def test_a_growing_schedule_has_one_retry_per_delay() -> None:
    schedule = RetrySchedule((5.0, 30.0))
    assert [schedule.delay_after(tries) for tries in (1, 2, 3)] == [5.0, 30.0, None]


@pytest.mark.parametrize(
    ("text", "delays"),
    [
        ("deepgram", (30.0,) * 10),
        ("standard", (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)),
        ("5", (5.0,)),
        ("0", (0.0,)),
        ("5s, 5m,2h", (5.0, 300.0, 7_200.0)),
        ("0.3s,1.5m", (0.3, 90.0)),
        ("168h", (604_800.0,)),
        (",".join(["1s"] * 50), (1.0,) * 50),
    ],
)
def test_schedules_in_writing(text: str, delays: tuple[float, ...]) -> None:
    assert parse_schedule(text).delays == delays


BAD = [
    "",
    " ",
    ",",
    "5s,",
    "-1",
    "1d",
    "5 s",
    "1e3",
    "169h",
    "604801",
    "٥s",
    "Standard",
    "often",
    ",".join(["1s"] * 51),
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"pause|seven days"):
        parse_schedule(text)


def test_the_two_that_have_names_differ() -> None:
    assert len(DEEPGRAM.delays) == 10
    assert len(STANDARD.delays) == 9


@pytest.mark.parametrize("mode", list(Mode))
def test_a_request_may_name_its_own(mode: Mode) -> None:
    language = ("language", "en")  # of a text it must be named
    assert parse([language, ("callback_schedule", "5s,5m")], mode).callback_schedule == "5s,5m"
    with pytest.raises(Refusal, match="callback_schedule=often"):
        parse([language, ("callback_schedule", "often")], mode)


def test_the_servers_is_checked_at_start() -> None:
    assert load(environ={"RINGBACK_CALLBACK_SCHEDULE": "10s,1m"}).callback.schedule == "10s,1m"
    with pytest.raises(
        Misconfigured, match=r"callback\.schedule = '10x': '10x' is not a pause: write standard,"
    ):
        load(environ={"RINGBACK_CALLBACK_SCHEDULE": "10x"})
