"""Dates, years, decades and quarters: said, written, and what is found in them."""

import pytest

from support.said import found_in, written_from

WRITTEN = [
    ("the ten eighties", "the 10 eighties", "cardinal:10"),
    ("the eleven hundreds", "the 1100s", "date:1100"),
    ("the twenty tens", "the 2010s", "date:2010"),
    ("the twenty hundreds", "the 2000s", "date:2000"),
    ("the thirty eighties", "the 30 eighties", "cardinal:30"),
    ("the twenty one hundreds", "the 21 hundreds", "cardinal:21"),
    ("the nineteen, eighties", "the 19, eighties", "cardinal:19"),
    ("it is 1999 point five", "it is 1,999.5", "cardinal:19995"),
    ("in ten sixty six", "in 1066", "date:1066"),
    ("the year ten fifty", "the year 1050", "date:1050"),
    ("in ten fifty", "in 1050", "date:1050"),
    ("at ten fifty", "at 10:50", "time:1050"),
    ("nineteen ninety five five", "19 95 five", "cardinal:19 cardinal:95 cardinal:5"),
    ("twenty ten people", "2010 people", "date:2010"),
    ("twenty oh one people", "2001 people", "date:2001"),
    ("it was nineteen eighty four", "it was 1984", "date:1984"),
    ("nineteen eighty four 12", "19 84 12", "cardinal:19 cardinal:84 cardinal:12"),
    ("nineteen eighty four twelve", "19 84 12", "cardinal:19 cardinal:84 cardinal:12"),
    ("the year nineteen hundred", "the year 1900", "date:1900"),
    ("the year one thousand", "the year 1000", "date:1000"),
    ("the year nine hundred", "the year 900", "cardinal:900"),
    ("the year twenty one hundred", "the year 2,100", "cardinal:2100"),
    ("the year two thousand point five", "the year 2,000.5", "cardinal:20005"),
    ("the year thousandth", "the year 1,000th", "ordinal:1000"),
    ("in nineteen hundred", "in 1900", "date:1900"),
    ("since seventeen hundred", "since 1700", "date:1700"),
    ("circa sixteen hundred", "circa 1600", "date:1600"),
    ("in sixteen hundred cases", "in 1,600 cases", "cardinal:1600"),
    ("two thousand eight class", "2008 class", "date:2008"),
    ("two thousand eight bus", "2008 bus", "date:2008"),
    ("two thousand eight classes", "2,008 classes", "cardinal:2008"),
    ("q four", "Q4", "date:4"),
    ("q one, twenty twenty six", "Q1, 2026", "date:1 date:2026"),
    ("q one twenty-twenty-six", "Q1 2026", "date:12026"),
    ("q one twenty twenty-six", "Q1 2026", "date:12026"),
    ("born you know it was on march third", "born you know it was on March 3", "dob:3"),
    ("born as you know it was on march third", "born as you know it was on March 3", "date:3"),
    ("in april, twenty twenty four", "in April, 20 24", "date:20 cardinal:24"),
    ("in march 1100", "in March 1100", "date:1100"),
    ("on Feb. 5 2024 we met", "on Feb. 5, 2024 we met", "date:52024"),
    ("march minus three degrees", "march -3 degrees", "cardinal:3"),
    ("march three million people", "march 3 million people", "cardinal:3"),
    ("march 31", "March 31", "date:31"),
    ("june 31 is no day", "June 31 is no day", "date:31"),
    ("june the fourth was a monday", "June 4 was a monday", "date:4"),
    ("may fourth was fine", "May 4 was fine", "date:4"),
    ("he left may three twenty twenty four", "he left May 3, 2024", "date:32024"),
    ("june ten o'clock", "june 10:00", "time:10"),
    ("in june ten am", "in june 10 AM", "time:10"),
    ("june ten pm", "june 10 PM", "time:10"),
    ("we have to march ten miles", "we have to march 10 miles", "cardinal:10"),
    ("they stop and march ten miles", "they stop and march 10 miles", "cardinal:10"),
    ("the march ten years ago", "the march 10 years ago", "cardinal:10"),
    ("the plan is march ten miles", "the plan is march 10 miles", "cardinal:10"),
    ("on march ten we left", "on March 10 we left", "date:10"),
    ("on march fifth 1400 people came", "on March 5 1400 people came", "date:5 cardinal:1400"),
    ("on march fifth 1500", "on March 5, 1500", "date:51500"),
    ("on march fifth twenty one hundred", "on March 5 2,100", "date:5 cardinal:2100"),
    ("on march fifth nineteen hundred", "on March 5, 1900", "date:51900"),
    ("on march fifth of nineteen ninety", "on March 5 of 1990", "date:5 date:1990"),
    ("the third june twenty twenty", "the 3rd June 2020", "date:32020"),
    ("3 may 2009", "3 May 2009", "date:32009"),
    ("on 3 mar 2009", "on 3 Mar 2009", "date:32009"),
    ("the third of may two thousand and nine", "the 3rd of May 2009", "date:32009"),
    ("born the third of may two thousand and nine", "born the 3rd of May 2009", "dob:32009"),
    ("monday the third", "monday the 3rd", "date:3"),
    ("monday the first", "monday the 1st", "date:1"),
    ("monday the thirty first", "monday the 31st", "date:31"),
    ("monday the thirty second", "monday the 32nd", "ordinal:32"),
    ("born on 3 dash 10 dash 85", "born on 3-10-85", "digits:31085"),
    ("born on 3-10-85", "born on 3/10/85", "dob:31085"),
    ("born 12 31 99", "born 12/31/99", "dob:123199"),
    ("born 31 12 99", "born 31/12/99", "dob:311299"),
    ("born 12 12 85", "born 12/12/85", "dob:121285"),
    ("born three ten nineteen eighty five", "born 3/10/1985", "dob:3101985"),
    ("born 03101985", "born 03/10/1985", "dob:03101985"),
    ("born oh three one oh eight five", "born 03/10/85", "dob:031085"),
    ("born, 5 10 85", "born, 5/10/85", "dob:51085"),
    ("his dob is 3. 10 12 85", "his dob is 3. 10/12/85", "cardinal:3 dob:101285"),
    ("born 3 10 1985", "born 3/10/1985", "dob:3101985"),
]
"""Said, written with `smart_format`, and each entity's kind and digits."""

STAY = [
    ("in 1999", "date:1999"),
    ("a hall for 1999 people", "cardinal:1999"),
    ("q five", "cardinal:5"),
    ("q three-four", ""),
    ("was it in May? 3 people came", "cardinal:3"),
    ("i will in May! 3 times", "cardinal:3"),
    ("it ended in May. 3 people came", "cardinal:3"),
    ("march 32", "cardinal:32"),
    ("may the fourth be with you", "ordinal:4"),
    ("april two, million", "cardinal:2"),
    ("40 June 2020", "cardinal:40 date:2020"),
    ("three of june", "cardinal:3"),
    ("3 may come", "cardinal:3"),
    ("monday the three", "cardinal:3"),
    ("tuesday third", "ordinal:3"),
    ("born 7 7 10 12 85", "cardinal:7 cardinal:7 cardinal:10 cardinal:12 cardinal:85"),
    ("we need 10 12 85", "cardinal:10 cardinal:12 cardinal:85"),
    ("born on 3-10 85", "cardinal:85"),
    ("born 13 31 99", "cardinal:13 cardinal:31 cardinal:99"),
    ("born 12 32 99", "cardinal:12 cardinal:32 cardinal:99"),
    ("born 1 2 85", "cardinal:1 cardinal:2 cardinal:85"),
    ("born 3101985", "cardinal:3101985"),
    ("born 3 10. 85", "cardinal:3 cardinal:10 cardinal:85"),
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
