"""Entities in a sequence of words: numbers, dates, times, amounts, phone numbers, ids, mail. Pure.

One pass from left to right: at each atom that may begin something, the rules are asked in order, the most
particular first; the first that finds an entity has its words.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ringback.features.amounts import (
    find_dollar_and_cents,
    find_measure,
    find_money,
    find_money_by_ear,
    find_money_in_digits,
    find_percent,
    find_thousands,
    find_written_money,
    is_written_money,
)
from ringback.features.dates import (
    find_birth_date,
    find_day_of_month,
    find_decade,
    find_month_date,
    find_quarter,
    find_round_year,
    find_weekday_ordinal,
    find_year,
)
from ringback.features.identifiers import find_extension, find_plus_phone, find_run
from ringback.features.internet import find_address, internet_anchors
from ringback.features.languages import find_numbers
from ringback.features.numbers import AtomKind
from ringback.features.open_tail import open_atom
from ringback.features.passage import CUE_WORDS, Passage
from ringback.features.plain_numbers import numeral_parts
from ringback.features.postcodes import find_postcode
from ringback.features.quantities import find_house_number, find_number, find_pair, find_round_by_ear
from ringback.features.ranges import share_kinds
from ringback.features.readings import Number
from ringback.features.spans import Context, Entity, NumberFormats
from ringback.features.spelled import LETTER_NAMES, find_spelled, is_letter, is_prefix
from ringback.features.times import find_time
from ringback.features.vocabulary import MONTHS
from ringback.features.written import find_written
from ringback.features.written_ranges import find_written_range
from ringback.listen.text_languages import is_english
from ringback.transcript import Word

NOTHING_AROUND = Context()
_SIGNS = frozenset("$€£¥₹+-")
_ALSO_START = (
    frozenset(MONTHS)
    | frozenset(LETTER_NAMES)
    | {"minus", "negative", "plus", "+", "double", "triple", "a", "point"}
)


def find_entities(
    words: Sequence[Word],
    language: str = "en",
    context: Context = NOTHING_AROUND,
    *,
    numerals: bool = True,
) -> tuple[Entity, ...]:
    """The entities of one channel's words, in order, without overlap.

    `language` is a BCP-47 tag; other languages than English have numbers alone, see `languages`. Without
    `numerals` they lack their form of that name, a fifth of the work.
    """
    if not is_english(language):
        return find_numbers(words, language)
    return tuple(_find_in(Passage(words, context), numerals=numerals))


def each_speakers_own(
    entities: Sequence[Entity], words: Sequence[Word], language: str, formats: NumberFormats
) -> tuple[Entity, ...]:
    """The same, but those that several people said are looked for in the words of each: one who ends with
    “twenty” and one who goes on with “five hundred” have not said 2500. Those with a label stay whole."""
    found: list[Entity] = []
    for entity in entities:
        parts = _of_one_speaker(entity, words)
        if entity.label or len(parts) == 1:
            found.append(entity)
            continue
        for first, end in parts:
            before = Context(tuple(word.bare for word in words[max(0, first - CUE_WORDS) : first]))
            own = find_entities(words[first:end], language, before, numerals=formats.numerals)
            found += [each.moved(first) for each in own]
    return tuple(found)


def _of_one_speaker(entity: Entity, words: Sequence[Word]) -> list[tuple[int, int]]:
    """The words of an entity, parted where another person goes on."""
    turns = [i for i in range(entity.first + 1, entity.end) if words[i].speaker != words[i - 1].speaker]
    return list(pairwise([entity.first, *turns, entity.end]))


def _find_in(passage: Passage, *, numerals: bool) -> list[Entity]:
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
        if addresses and any(start in addresses for start in range(i + 1, end)):
            i += 1
            continue
        found.append(replace(entity, numerals=numeral_parts(passage, i, end)) if numerals else entity)
        i = end
    return share_kinds(passage.words, found)


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
    if atom.kind is not AtomKind.OTHER:
        return atom.first
    return atom.text in _ALSO_START or atom.text[:1] in _SIGNS or is_prefix(passage, i)


def find_at(passage: Passage, i: int) -> Entity | None:
    """The entity that begins at atom `i`."""
    atom = passage.atoms[i]
    if atom.text in MONTHS:
        return find_month_date(passage, i) or find_written_range(passage, i)
    if (written := find_written_range(passage, i)) is not None:
        return written
    if is_written_money(atom.text):
        return find_written_money(passage, i)
    if atom.text in ("plus", "+") or atom.text.startswith("+"):
        return find_plus_phone(passage, i)
    if is_letter(passage, i) and atom.kind is not AtomKind.OH:
        entity = find_quarter(passage, i) or find_spelled(passage, i) or _find_other_spelled(passage, i)
        if entity is not None or atom.text != "a":
            return entity
    if atom.kind is AtomKind.OTHER and is_prefix(passage, i):
        return find_spelled(passage, i)
    return _find_run_or_value(passage, i)


def _find_other_spelled(passage: Passage, i: int) -> Entity | None:
    return find_postcode(passage, i) or find_extension(passage, i)


def _find_run_or_value(passage: Passage, i: int) -> Entity | None:
    for rule in (
        find_dollar_and_cents,
        find_birth_date,
        find_house_number,
        find_decade,
        find_pair,
        find_spelled,
        find_postcode,
        find_money_by_ear,
        find_money_in_digits,
        find_time,
    ):
        entity = rule(passage, i)
        if entity is not None:
            return entity
    number = passage.number_at(i)
    counted = _find_counted(passage, number) if number is not None else None
    return counted or find_run(passage, i) or _find_value(passage, i, number)


def _find_counted(passage: Passage, number: Number) -> Entity | None:
    by_ear = find_round_by_ear(passage, number)
    for value in (number, by_ear) if by_ear is not None else (number,):
        for rule in _COUNTED:
            entity = rule(passage, value)
            if entity is not None:
                return entity
    return None


_COUNTED = (
    *(find_percent, find_money, find_measure, find_thousands),
    *(find_day_of_month, find_weekday_ordinal, find_round_year),
)
"""What a number may count."""


def _find_value(passage: Passage, i: int, number: Number | None) -> Entity | None:
    year = find_year(passage, i)
    if year is not None or number is None:
        return year or find_written(passage, i)
    return find_number(passage, number)


def open_from(
    words: Sequence[Word],
    entities: Sequence[Entity],
    language: str = "en",
    context: Context = NOTHING_AROUND,
) -> int:
    """The first word that what is said next may still belong to; the number of words: none.

    `entities`: as `find_entities` found them in these words. A final that ends in a run of digits, a month, a
    spelled mail address or an amount is open there.
    """
    if not is_english(language):
        return len(words)
    passage = Passage(words, context)
    first = open_atom(passage, entities[-1] if entities else None)
    return len(words) if first == len(passage.atoms) else passage.atoms[first].word
