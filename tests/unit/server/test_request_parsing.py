"""Moments, in and out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ringback.clock import rfc3339
from ringback.errors import Refusal
from ringback.server.query_parameters import IntegerParameter, MomentParameter
from ringback.server.request_parsing import unix_seconds

LIMIT = IntegerParameter("limit", 1, 1000, 10, "")


def asking(**parameters: str) -> Request:
    query = "&".join(f"{name}={text}" for name, text in parameters.items())
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(
    ("text", "end_of_day", "expected"),
    [
        ("2026-11-22", False, "2026-11-22T00:00:00.000Z"),
        ("2026-11-22", True, "2026-11-23T00:00:00.000Z"),
        ("2026-11-22T10:00:00Z", True, "2026-11-22T10:00:00.000Z"),
        ("2026-11-22T10:00:00", False, "2026-11-22T10:00:00.000Z"),
        ("2026-11-22T10:00:00+02:00", False, "2026-11-22T08:00:00.000Z"),
        ("2026-11-22T10:00:00.250%2B02:00", False, "2026-11-22T08:00:00.250Z"),
    ],
)
def test_moments_in_queries(text: str, end_of_day: bool, expected: str) -> None:
    """An offset's `+` is understood also by those who forget to encode it."""
    moment = MomentParameter("start", "", end_of_day).of(asking(start=text))
    assert moment is not None
    assert rfc3339(round(moment, 3)) == expected


@given(st.text(st.characters(codec="ascii", exclude_characters="&#"), max_size=30))
def test_any_other_text_is_refused_and_breaks_nothing(text: str) -> None:
    try:
        moment = MomentParameter("start", "").of(asking(start=text.replace("%", "%25")))
    except Refusal:
        return
    assert moment is None or moment >= 0


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=23)), timezone(timedelta(hours=-23))])
    )
)
def test_whatever_is_accepted_can_be_written(moment: datetime) -> None:
    try:
        seconds = unix_seconds(moment)
    except ValueError:
        return
    written = datetime.fromisoformat(rfc3339(seconds))
    assert abs(written - moment) <= timedelta(milliseconds=1)


@pytest.mark.parametrize("text", ["7", "7.0", "007"])
def test_whole_numbers(text: str) -> None:
    assert LIMIT.of(asking(limit=text)) == 7


@pytest.mark.parametrize("text", ["", "-7", "7.5", "1e2", "%D9%A7", "99999999999999999999", "inf"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(Refusal):
        LIMIT.of(asking(limit=text))
