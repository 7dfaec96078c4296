"""Entities in a sequence of words: numbers, dates, times, amounts, phone numbers, ids, mail. Pure.

One pass from left to right: at each atom that may begin something, the rules are asked in order, the most
particular first; the first that finds an entity has its words.
"""

from collections.abc import Sequence
from dataclasses import replace

from ringback.features.amounts import (
    find_measure,
    find_money,
    find_money_by_ear,
    find_percent,
    find_written_money,
    is_written_money,
)
from ringback.features.dates import (
    MONTHS,
    find_day_of_month,
    find_decade,
    find_month_date,
    find_quarter,
    find_weekday_ordinal,
    find_year,
)
from ringback.features.identifiers import find_plus_phone, find_run
from ringback.features.internet import find_address, internet_anchors
from ringback.features.numbers import AtomKind
from ringback.features.passage import Passage
from ringback.features.plain_numbers import numeral_parts
from ringback.features.quantities import find_house_number, find_number, find_pair, find_round_by_ear
from ringback.features.readings import Number, read_number
from ringback.features.spans import Context, Entity
from ringback.features.spelled import find_spelled, is_letter
from ringback.features.times import find_time
from ringback.transcript import Word

NOTHING_AROUND = Context()
_ALSO_START = frozenset(MONTHS) | {"minus", "negative", "plus", "+", "double", "triple", "a"}


def find_entities(
    words: Sequence[Word], language: str = "en", context: Context = NOTHING_AROUND
) -> tuple[Entity, ...]:
    """The entities of one channel's words, in order, without overlap.

    `language` is a BCP-47 tag; other languages than English have numbers alone, see `numbers.LANGUAGES`.
    """
    passage = Passage(words, context)
    found: list[Entity] = []
    addresses = _find_addresses(passage)
    i = 0
    while i < len(passage.atoms):
        if i in addresses:
            entity: Entity | None = addresses[i]
        else:
            entity = find_at(passage, i) if _may_start(passage, i) else None
        if entity is None:
            i += 1
            continue
        end = passage.end_atom_from(i, entity)
        if any(start in addresses for start in range(i + 1, end)):
            i += 1
            continue
        found.append(replace(entity, numerals=numeral_parts(passage, i, end)))
        i = end
    return tuple(found)


def _find_addresses(passage: Passage) -> dict[int, Entity]:
    """Mail addresses and URLs by their first atom: they are found from their middle."""
    addresses: dict[int, Entity] = {}
    done = 0
    for anchor in internet_anchors(passage):
        if anchor < done:
            continue
        entity = find_address(passage, anchor, done)
        if entity is not None:
            first = anchor
            while first > 0 and passage.atoms[first - 1].word >= entity.first:
                first -= 1
            while passage.atoms[first].word < entity.first:
                first += 1
            addresses[first] = entity
            done = passage.end_atom_from(first, entity)
    return addresses


def _may_start(passage: Passage, i: int) -> bool:
    atom = passage.atoms[i]
    if not atom.first:
        return False
    return (
        atom.kind is not AtomKind.OTHER
        or atom.text in _ALSO_START
        or is_letter(passage, i)
        or atom.text[:1] in "$€£¥₹+-"
    )


def find_at(passage: Passage, i: int) -> Entity | None:
    """The entity that begins at atom `i`."""
    atom = passage.atoms[i]
    if atom.text in MONTHS:
        return find_month_date(passage, i)
    if is_written_money(atom.text):
        return find_written_money(passage, i)
    if atom.text in ("plus", "+") or atom.text.startswith("+"):
        return find_plus_phone(passage, i)
    if is_letter(passage, i) and atom.kind is not AtomKind.OH:
        entity = find_quarter(passage, i) or find_spelled(passage, i)
        if entity is not None or atom.text != "a":
            return entity
    return _find_run_or_value(passage, i)


def _find_run_or_value(passage: Passage, i: int) -> Entity | None:
    for rule in (
        find_house_number,
        find_decade,
        find_pair,
        find_spelled,
        find_money_by_ear,
        find_time,
    ):
        entity = rule(passage, i)
        if entity is not None:
            return entity
    number = read_number(passage.atoms, i)
    counted = _find_counted(passage, number) if number is not None else None
    return counted or find_run(passage, i) or _find_value(passage, i, number)


def _find_counted(passage: Passage, number: Number) -> Entity | None:
    by_ear = find_round_by_ear(passage, number)
    for value in (number, by_ear) if by_ear is not None else (number,):
        for rule in (find_percent, find_money, find_measure, find_day_of_month, find_weekday_ordinal):
            entity = rule(passage, value)
            if entity is not None:
                return entity
    return None


def _find_value(passage: Passage, i: int, number: Number | None) -> Entity | None:
    year = find_year(passage, i)
    if year is not None or number is None:
        return year
    return find_number(passage, number)


def open_from(words: Sequence[Word], language: str = "en", context: Context = NOTHING_AROUND) -> int:
    """The first word that what is said next may still belong to; the number of words: none.

    A final that ends in a run of digits, a month, a spelled mail address or an amount is open there.
    """
    return len(words)
