"""A passage twice as long takes twice the work, whatever is said in it: counted in calls, not in seconds."""

import sys
from types import FrameType

import pytest

from support.said import found_in

LONG = [
    ("42 17 ", "and two dollars"),
    ("twelve fifty ", "and two dollars"),
    ("one ", "at gmail dot com"),
    ("two hundred ", "at gmail dot com"),
]


@pytest.mark.parametrize(("repeated", "end"), LONG)
def test_work_grows_with_the_words(repeated: str, end: str) -> None:
    short, long = (_calls_for(repeated * count + end) for count in (200, 400))
    assert long < 2.4 * short


def _calls_for(said: str) -> int:
    """How many functions are called until everything in the passage is found."""
    calls = 0

    def count(_frame: FrameType, event: str, _value: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found_in(said)
    finally:
        sys.setprofile(before)
    return calls
