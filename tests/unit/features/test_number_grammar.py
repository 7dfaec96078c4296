"""Any value, said in full in each of the usual ways, is written as that value is printed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.entities import find_entities
from ringback.features.spans import NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined
from support.number_words import (
    BELOW_TWENTY,
    said_as_ordinal,
    said_as_year,
    said_in_words,
    said_two_digits,
    written_ordinal,
)

MONTHS = ("January", "February", "April", "June", "July", "August", "September", "October", "December")
SMART = NumberFormats(smart_format=True)
NUMERALS = NumberFormats(numerals=True)
few = settings(max_examples=60, deadline=None)


def formatted(text: str, formats: NumberFormats = SMART) -> str:
    words = tuple(Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text.split()))
    return joined(write(words, find_entities(words), formats).words)


@given(st.integers(1_000_000, 999_999_999_999), st.sampled_from([" ", " and "]))
@few
def test_large_values(value: int, joint: str) -> None:
    written = formatted(f"it has {said_in_words(value, joint)} stars")
    name = {10**6: " million", 10**9: " billion"}
    scale = next((scale for scale in (10**9, 10**6) if not value % scale), 0)
    if scale and value // scale < 1000:
        assert written == f"it has {value // scale}{name[scale]} stars"
    else:
        assert written == f"it has {value:,} stars"


@given(st.integers(10, 9_999), st.sampled_from([" ", " and "]))
@few
def test_ordinals(value: int, joint: str) -> None:
    assert (
        formatted(f"the {said_as_ordinal(value, joint)} customer") == f"the {written_ordinal(value)} customer"
    )


@given(st.integers(0, 9_999), st.text("0123456789", min_size=1, max_size=4), st.sampled_from(["", "minus "]))
@few
def test_decimals(whole: int, fraction: str, sign: str) -> None:
    digits = " ".join(BELOW_TWENTY[int(digit)] for digit in fraction)
    said = f"it reads {sign}{said_in_words(whole)} point {digits} today"
    minus = "-" if sign else ""
    assert formatted(said) == f"it reads {minus}{whole:,}.{fraction} today"
    assert formatted(said, NUMERALS) == f"it reads {minus}{whole}.{fraction} today"


@given(st.integers(1, 99_999))
@few
def test_shares(value: int) -> None:
    assert formatted(f"it rose by {said_in_words(value)} percent again") == f"it rose by {value:,}% again"


@given(st.integers(0, 99_999), st.integers(1, 99), st.sampled_from([("dollars", "$"), ("euros", "€")]))
@few
def test_amounts_of_money(whole: int, cents: int, currency: tuple[str, str]) -> None:
    name, symbol = currency
    said = f"it was {said_in_words(whole)} {name}"
    assert formatted(f"{said} only") == f"it was {symbol}{whole:,} only"
    assert (
        formatted(f"{said} and {said_in_words(cents)} cents only")
        == f"it was {symbol}{whole:,}.{cents:02} only"
    )


@given(st.integers(1100, 2099))
@few
def test_years(year: int) -> None:
    assert formatted(f"it was in the year {said_as_year(year)}") == f"it was in the year {year}"


@given(st.sampled_from(MONTHS), st.integers(1, 31), st.integers(1500, 2099))
@few
def test_dates(month: str, day: int, year: int) -> None:
    said_day, said_year = said_as_ordinal(day), said_as_year(year)
    assert formatted(f"on {month} {said_day} {said_year}") == f"on {month} {day}, {year}"
    assert formatted(f"due {month} {said_day}") == f"due {month} {day}"
    british = formatted(f"the {said_day} of {month.lower()} {said_year}")
    assert british == f"the {written_ordinal(day)} of {month} {year}"
    if year % 100:
        assert formatted(f"{month} {said_day} {said_year} it was") == f"{month} {day}, {year} it was"


@given(st.integers(1, 12), st.integers(0, 59), st.sampled_from(["a m", "p m", "am", "pm"]))
@few
def test_times(hour: int, minute: int, half: str) -> None:
    said_minute = said_two_digits(minute) if minute else ""
    said = f"come at {said_in_words(hour)} {said_minute} {half} please"
    written = f"{hour}:{minute:02}" if minute else f"{hour}"
    assert formatted(said) == f"come at {written} {half.replace(' ', '').upper()} please"


@given(st.text("0123456789", min_size=10, max_size=10).filter(lambda text: text[0] not in "01"))
@few
def test_phone_numbers_behind_their_cue(digits: str) -> None:
    said = " ".join(BELOW_TWENTY[int(digit)] if digit != "0" else "oh" for digit in digits)
    printed = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    assert formatted(f"call me at {said} please") == f"call me at {printed} please"
    written = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    assert formatted(f"Call me at {written}, please.") == f"Call me at {printed}, please."


@given(st.text("0123456789", min_size=16, max_size=16))
@few
def test_cards_behind_their_cue(digits: str) -> None:
    said = " ".join(BELOW_TWENTY[int(digit)] for digit in digits)
    printed = " ".join(digits[i : i + 4] for i in range(0, 16, 4))
    assert formatted(f"my card number is {said} thanks") == f"my card number is {printed} thanks"


@given(st.text("123456789", min_size=4, max_size=9))
@few
def test_codes_behind_their_cue(digits: str) -> None:
    said = " ".join(BELOW_TWENTY[int(digit)] for digit in digits)
    assert (
        formatted(f"your confirmation code is {said} thanks") == f"your confirmation code is {digits} thanks"
    )
