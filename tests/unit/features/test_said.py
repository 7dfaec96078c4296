"""What is said, written as the text rules have it; and what they find in it (`support.said_tables`)."""

import pytest

from support.said import found_in, written_from
from support.said_tables import addresses, dates, money, ranges, runs, times, values

TABLES = (addresses, dates, money, ranges, runs, times, values)
WRITTEN = [row for table in TABLES for row in table.WRITTEN]
STAY = [row for table in TABLES for row in table.STAY]


@pytest.mark.parametrize(("said", "written", "found"), WRITTEN)
def test_it_is_written_as_it_is_meant(said: str, written: str, found: str) -> None:
    assert written_from(said) == written
    assert found_in(said) == found


@pytest.mark.parametrize(("said", "found"), STAY)
def test_it_stays_as_it_is_said(said: str, found: str) -> None:
    assert written_from(said) == said
    assert found_in(said) == found


@pytest.mark.parametrize("digits", ["9" * 5000, "٣" * 5000, "²²"])
def test_digits_without_end_share_nothing(digits: str) -> None:
    found_in(f"{digits} to {digits} dollars or {digits}-{digits} am or {digits}-{digits}")
    found_in(f"five to {digits} hundred dollars or june third to {digits} or {digits}th")
