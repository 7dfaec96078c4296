"""Dates, years, quarters: “january fifth nineteen ninety”, “in twenty ten”, “q three”. Pure, English."""

from collections.abc import Sequence

from ringback.features.identifiers import is_counted, read_run
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.readings import Number, ordinal_ending, read_year
from ringback.features.spans import Entity
from ringback.features.vocabulary import MONTHS, SHORT_MONTHS, words

DOUBTFUL_MONTHS = SHORT_MONTHS | {"may", "march"}
"""Months only with a day or a year, in a form that leaves no doubt."""
_WEEKDAYS = words("monday tuesday wednesday thursday friday saturday sunday")
_BEFORE_DATES = words(
    "on by until till in since before after from to through and between is was due dated of for the"
)
_BEFORE_YEARS = words(
    "in since by of from to until till before after during year around circa early late mid summer spring "
    "winter fall autumn starting ended began class launched founded established born season through back "
    "copyright and between"
)
_ONLY_BEFORE_YEARS = words("in of since year circa early late")
_BIRTH = words("dob birth born birthday birthdate")
_DECADE_NAMES = "hundreds tens twenties thirties forties fifties sixties seventies eighties nineties"
_DECADES = {name: 10 * place for place, name in enumerate(_DECADE_NAMES.split())}


def date_kind(passage: Passage, i: int) -> str:
    return "dob" if passage.cue(i, _BIRTH, 6) else "date"


def find_month_date(passage: Passage, i: int) -> Entity | None:
    """A date that begins with its month: “march tenth”, “april twenty twenty four”, `June 3rd, 2022`."""
    month = MONTHS.get(passage.text(i))
    if month is None or i + 1 >= len(passage.atoms) or _is_parted(passage, i):
        return None
    start = i + 2 if passage.text(i + 1) == "the" and passage.kind(i + 2) is AtomKind.ORDINAL else i + 1
    day = _read_day(passage, start)
    behind = None if day is None else _year_behind(passage, day.end)
    year = read_year(passage.atoms, i + 1) if behind is None and not passage.atoms[i].stop else None
    if year is not None and year[0] >= 1100:
        # “may twenty twenty four” is a month and a year; “june twelve twenty ten” is not.
        return _month_year(passage, i, month, year)
    if day is None or not _is_date(passage, i, day, behind):
        return None
    return _month_day(passage, i, month, day, behind)


def _month_day(
    passage: Passage, i: int, month: str, day: Number, year: tuple[int, int] | None
) -> Entity | None:
    comma = "," if year is not None and not passage.atoms[day.end - 1].stop else ""
    parts = [passage.part(i, i + 1, month), passage.part(i + 1, day.end, f"{day.whole}{comma}")]
    digits = str(day.whole)
    if year is not None:
        parts.append(passage.part(day.end, year[1], str(year[0])))
        digits += str(year[0])
    return passage.entity(date_kind(passage, i), digits, *parts)


def _is_parted(passage: Passage, i: int) -> bool:
    """Whether a sentence ends behind the month; `Feb.` has a point of its own."""
    stop = passage.atoms[i].stop
    return stop.startswith(("?", "!")) or (stop.startswith(".") and passage.text(i) not in SHORT_MONTHS)


def _read_day(passage: Passage, i: int) -> Number | None:
    number = passage.number_at(i)
    if number is None or number.fraction or number.scale or number.negative or not 1 <= number.whole <= 31:
        return None
    return number if passage.is_whole(number.first, number.end) else None


def _is_date(passage: Passage, i: int, day: Number, year: tuple[int, int] | None) -> bool:
    if day.ordinal:
        may_be_verb = (
            passage.text(i + 1) == "the" and passage.text(i) in DOUBTFUL_MONTHS
        )  # “may the fourth man”
        return not may_be_verb or passage.previous(i) in _BEFORE_DATES or not passage.follows(day.end)
    if passage.text(day.end) in (
        "percent",
        "dollars",
        "people",
        "million",
        "thousand",
        "o'clock",
        "am",
        "pm",
    ):
        return False
    if passage.text(i) in DOUBTFUL_MONTHS:
        alone = not passage.previous(i) and not passage.follows(day.end)
        return alone or year is not None or passage.previous(i) in _BEFORE_DATES - {"the", "and", "is", "to"}
    return True


def _year_behind(passage: Passage, i: int) -> tuple[int, int] | None:
    """A year behind a day; the model's comma may stand between."""
    if i >= len(passage.atoms) or passage.atoms[i - 1].stop not in ("", ","):
        return None
    year = read_year(passage.atoms, i) or _round_year(passage, i)
    return year if year is not None and 1500 <= year[0] < 2100 else None


def _round_year(passage: Passage, i: int) -> tuple[int, int] | None:
    """“nineteen hundred” where the phrase ends; “nineteen hundred people” is a count."""
    number = passage.number_at(i)
    if number is None or passage.text(number.end - 1) != "hundred" or passage.follows(number.end):
        return None
    return number.whole, number.end


def _month_year(passage: Passage, i: int, month: str, year: tuple[int, int]) -> Entity | None:
    if not passage.is_whole(i + 1, year[1]):
        return None
    return passage.entity(
        date_kind(passage, i),
        str(year[0]),
        passage.part(i, i + 1, month),
        passage.part(i + 1, year[1], str(year[0])),
    )


def find_day_of_month(passage: Passage, number: Number) -> Entity | None:
    """“the third of may two thousand and nine” as `3rd of May 2009`; `3 May 2009`."""
    end = number.end
    if _read_day(passage, number.first) != number or not passage.follows(end):
        return None
    of = number.ordinal and passage.text(end) == "of"
    name = end + 1 if of else end
    month = MONTHS.get(passage.text(name))
    if month is None or not passage.follows(name):
        return None
    if not of and passage.text(name) in DOUBTFUL_MONTHS and _year_behind(passage, name + 1) is None:
        return None
    ending = ordinal_ending(number.whole) if number.ordinal else ""
    parts = [passage.part(number.first, end, f"{number.whole}{ending}")]
    if of:
        parts.append(passage.part(end, end + 1, None))
    parts.append(passage.part(name, name + 1, month))
    digits = str(number.whole)
    year = _year_behind(passage, name + 1)
    if year is not None:
        parts.append(passage.part(name + 1, year[1], str(year[0])))
        digits += str(year[0])
    return passage.entity(date_kind(passage, number.first), digits, *parts)


def find_weekday_ordinal(passage: Passage, number: Number) -> Entity | None:
    """“monday the third” as `3rd`."""
    i = number.first
    if not number.ordinal or not 1 <= number.whole <= 31 or passage.text(i - 1) != "the":
        return None
    if passage.text(i - 2) not in _WEEKDAYS:
        return None
    return passage.single("date", number.digits, i, number.end, number.text())


def find_birth_date(passage: Passage, i: int) -> Entity | None:
    """“ten twelve eighty five”, “oh four one two nineteen eighty” behind a word for birth: 10/12/85."""
    if i > 0 and passage.atoms[i - 1].stop in ("", ",") and passage.digits_at(i - 1) is not None:
        return None  # the end of a longer number that is no date
    run = read_run(passage, i) if date_kind(passage, i) == "dob" else None
    if run is None or run.dashes or run.stops or not passage.is_whole(i, run.end):
        return None
    alone = run.end == i + 1 and passage.kind(i) is AtomKind.GROUPS
    pieces = passage.text(i).split("-") if alone else run.pieces
    parts = _numeric_date(run.digits, [len(piece) for piece in pieces])
    if parts is None:
        return None
    lower, higher = sorted((int(parts[0]), int(parts[1])))  # the month may be either
    if not 1 <= lower <= 12 or not lower <= higher <= 31:
        return None
    return passage.single("dob", run.digits, i, run.end, "/".join(parts))


def _numeric_date(digits: str, pieces: Sequence[int]) -> tuple[str, str, str] | None:
    """Month, day and year of a run of digits, by how many there are or by how they were said."""
    said = len(pieces) == 3 or (len(pieces) == 4 and pieces[2:] == [2, 2])
    if said and max(pieces[:2]) <= 2 and sum(pieces[2:]) in (2, 4) and len(digits) > 4:
        month, day = pieces[0], pieces[0] + pieces[1]
        return digits[:month], digits[month:day], digits[day:]
    return (digits[:2], digits[2:4], digits[4:]) if len(digits) in (6, 8) else None


def find_decade(passage: Passage, i: int) -> Entity | None:
    """“the nineteen eighties”, “eighteen hundreds”."""
    century, name = passage.atoms[i], passage.text(i + 1)
    if century.kind not in (AtomKind.TEEN, AtomKind.TENS) or not 11 <= century.value <= 20:
        return None
    if name not in _DECADES or not passage.follows(i + 1):
        return None
    decade = century.value * 100 + _DECADES[name]
    return passage.single("date", str(decade), i, i + 2, f"{decade}s")


def find_year(passage: Passage, i: int) -> Entity | None:
    """A year by itself: behind a word that asks for one, or when it is said as no other number is."""
    year = read_year(passage.atoms, i)
    if year is None or not passage.is_whole(i, year[1]):
        return None
    value, end = year
    number = passage.number_at(i)
    if number is not None and number.end > end:
        return None
    if passage.kind(i) is AtomKind.DIGITS:
        kind = "date" if passage.previous(i) in _BEFORE_YEARS else "cardinal"
        return passage.single(kind, str(value), i, end, passage.text(i))
    if not _is_year(passage, i, value, end):
        return None
    return passage.single("date", str(value), i, end, str(value))


def find_round_year(passage: Passage, number: Number) -> Entity | None:
    """“the year nineteen hundred”, “since seventeen hundred”."""
    if number.ordinal or number.fraction or number.written or not 1000 <= number.whole < 2100:
        return None
    previous, hundreds = passage.previous(number.first), passage.text(number.end - 1) == "hundred"
    if previous != "year" and not (
        hundreds and previous in ("in", "since", "circa") and not passage.follows(number.end)
    ):
        return None
    return passage.single("date", number.digits, number.first, number.end, str(number.whole))


def _is_year(passage: Passage, i: int, value: int, end: int) -> bool:
    """Whether spoken words that may be a year are one."""
    after_cue = passage.previous(i) in _BEFORE_YEARS
    if value < 1100 and value % 100 < 60:  # “ten thirty” is a time
        return passage.previous(i) in _ONLY_BEFORE_YEARS
    if passage.kind(i) is AtomKind.UNIT:  # two thousand and ten
        counts = passage.follows(end) and _is_plural(passage.text(end))
        return not counts and (after_cue or value % 100 != 0)
    if after_cue:
        return True
    if 0 < value % 100 - value // 100 <= _ROUGH and is_counted(passage, end):
        return False  # “twenty thirty percent”
    return not passage.follows(end) or passage.kind(end) in (AtomKind.OTHER, AtomKind.WRITTEN)


_ROUGH = 10
"""Between what is said side by side for “from one to the other”."""


def _is_plural(text: str) -> bool:
    return text.endswith("s") and not text.endswith(("ss", "is", "us", "as"))


def find_quarter(passage: Passage, i: int) -> Entity | None:
    """“q three” as `Q3`, “q one twenty twenty six” as `Q1 2026`."""
    if passage.text(i) != "q" or not passage.follows(i + 1) or passage.kind(i + 1) is not AtomKind.UNIT:
        return None
    unit = passage.atoms[i + 1].value
    if unit > 4 or not passage.is_whole(i, i + 2):
        return None
    parts = [passage.part(i, i + 2, f"Q{unit}")]
    digits = str(unit)
    year = read_year(passage.atoms, i + 2) if passage.follows(i + 2) else None
    if year is not None and passage.is_whole(i + 2, year[1]):
        parts.append(passage.part(i + 2, year[1], str(year[0])))
        digits += str(year[0])
    return passage.entity("date", digits, *parts)
