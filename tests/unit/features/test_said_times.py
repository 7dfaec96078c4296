"""Times of day: said, written, and what is found in them."""

import pytest

from support.said import found_in, written_from

WRITTEN = [
    ("at one am", "at 1 AM", "time:1"),
    ("at 1 am", "at 1 AM", "time:1"),
    ("at 12 pm", "at 12 PM", "time:12"),
    ("ten o'clock", "10:00", "time:10"),
    ("ten, o'clock", "10, o'clock", "cardinal:10"),
    ("sixteen o'clock", "16:00", "time:16"),
    ("nine a m", "9 AM", "time:9"),
    ("nine ay em", "9 AM", "time:9"),
    ("nine pee em", "9 PM", "time:9"),
    ("oh six hundred hours", "06:00 hours", "time:0600"),
    ("sixteen hundred hours", "16:00 hours", "time:1600"),
    ("sixteen hundred, hours", "1,600, hours", "cardinal:1600"),
    ("sixteen hundred people", "1,600 people", "cardinal:1600"),
    ("oh six thirty hours", "06:30 hours", "time:0630"),
    ("at oh six thirty", "at 06:30", "time:0630"),
    ("oh six thirty", "oh six 30", "cardinal:6 cardinal:30"),
    ("at oh six thirty in the morning", "at 06:30 in the morning", "time:0630"),
    ("by oh six thirty", "by oh six 30", "cardinal:6 cardinal:30"),
    ("zero five hundred hours", "05:00 hours", "time:0500"),
    ("at twenty two thirty", "at 22:30", "time:2230"),
    ("at twenty three fifteen", "at 23:15", "time:2315"),
    ("at twenty four fifteen", "at 24 15", "cardinal:24 cardinal:15"),
    ("at twenty fifteen", "at 20:15", "time:2015"),
    ("at thirty fifteen", "at 30 15", "cardinal:30 cardinal:15"),
    ("at twenty oh five", "at 20:05", "time:2005"),
    ("until twenty two thirty", "until 22 30", "cardinal:22 cardinal:30"),
    ("at 9:30am", "at 9:30 AM", "time:930"),
    ("at 9.30 a.m.", "at 9:30 AM.", "time:930"),
    ("at 9.30 a.m. sharp", "at 9:30 AM sharp", "time:930"),
    ("9am", "9 AM", "time:9"),
    ("9 a.m.", "9 AM.", "time:9"),
    ("at 23 30", "at 23:30", "time:2330"),
    ("at 23 59", "at 23:59", "time:2359"),
    ("at 9 30", "at 9:30", "time:930"),
    ("at 930", "at 9:30", "time:930"),
    ("at 935", "at 9:35", "time:935"),
    ("at 9 oh five", "at 9:05", "time:905"),
    ("at nine zero five", "at 9:05", "time:905"),
    ("at nine ten", "at 9:10", "time:910"),
    ("at nine fifty nine", "at 9:59", "time:959"),
    ("10, 15 am", "10:15 AM", "time:1015"),
    ("10, 5 am", "10, 5 AM", "cardinal:10 time:5"),
    ("10, 59 pm", "10:59 PM", "time:1059"),
    ("10, 15 a m", "10:15 AM", "time:1015"),
    ("by nine thirty", "by 9:30", "time:930"),
    ("by twelve thirty", "by 12:30", "time:1230"),
    ("at thirteen thirty", "at 13:30", "time:1330"),
    ("leaves thirteen thirty", "leaves 13:30", "time:1330"),
    ("departs nineteen thirty", "departs 19:30", "time:1930"),
    ("arrives fourteen fifteen", "arrives 14:15", "time:1415"),
    ("until nineteen fifteen", "until 19:15", "time:1915"),
    ("leaves at nine thirty", "leaves at 9:30", "time:930"),
    ("oh thirty", "oh 30", "cardinal:30"),
    ("at zero thirty", "at zero 30", "cardinal:0 cardinal:30"),
    ("the meeting is now nine thirty", "the meeting is now 9:30", "time:930"),
    ("the meeting we had was nine thirty", "the meeting we had was 9:30", "time:930"),
    ("nine thirty hours", "9:30 hours", "time:930"),
    ("at 3.30 percent", "at 3.30%", "percent:330"),
    ("at 3.30, percent", "at 3:30, percent", "time:330"),
    ("at 3.30 today", "at 3:30 today", "time:330"),
    ("alarm nine thirty", "alarm 9:30", "time:930"),
    ("nine thirty am ten", "9:30 AM 10", "time:930 cardinal:10"),
]
"""Said, written with `smart_format`, and each entity's kind and digits."""

STAY = [
    ("at 0 am", "cardinal:0"),
    ("at 13 pm", "cardinal:13"),
    ("nine a, m", "cardinal:9"),
    ("at oh, six", "cardinal:6"),
    ("9:30", "time:930"),
    ("23:59", "time:2359"),
    ("24:00", ""),
    ("9:60", ""),
    ("at 24 30", "cardinal:24 cardinal:30"),
    ("at 23 60", "cardinal:23 cardinal:60"),
    ("at 9 3", "cardinal:9 cardinal:3"),
    ("at 9 300", "cardinal:9 cardinal:300"),
    ("at 2359", "cardinal:2359"),
    ("at 2459", "cardinal:2459"),
    ("at 2360", "cardinal:2360"),
    ("at 932", "cardinal:932"),
    ("at 930 people", "cardinal:930"),
    ("at nine sixty", "cardinal:9 cardinal:60"),
    ("at nine ten point five", "cardinal:9 cardinal:105"),
    ("10, 15 people", "cardinal:10 cardinal:15"),
    ("10, 60 pm", "cardinal:10 cardinal:60"),
    ("the meeting we all had was nine thirty", "cardinal:9 cardinal:30"),
    ("at 3.30 million", "cardinal:330"),
    ("at 3.30 miles", "cardinal:330"),
    ("by 3.30", "cardinal:330"),
    ("at 9:30 people", "time:930"),
    ("nine thirty sharp", "cardinal:9 cardinal:30"),
    ("at nine thirty 5", "cardinal:9 cardinal:30 cardinal:5"),
]
"""Written as they are said; and their entities."""


@pytest.mark.parametrize(("said", "written", "found"), WRITTEN)
def test_it_is_written_as_it_is_meant(said: str, written: str, found: str) -> None:
    assert written_from(said) == written
    assert found_in(said) == found


@pytest.mark.parametrize(("said", "found"), STAY)
def test_it_stays_as_it_is_said(said: str, found: str) -> None:
    assert written_from(said) == said
    assert found_in(said) == found
