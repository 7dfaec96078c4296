"""Ranges and lists: numbers that share a unit which is said once, “forty to fifty dollars”. Pure, English.

| said | of one kind | written alike |
|---|---|---|
| “forty to fifty”, “forty or maybe fifty”, `40 - 50` | yes | yes |
| “between forty and fifty” | yes | yes |
| “forty fifty”, “forty, fifty”, “forty and fifty”: the second greater, at most twice the first | yes | no |

What both are, the words of one of them say: a currency, a percent sign, AM or PM, a month, “years old”.
Mostly it stands behind both (`share_kinds` goes backwards), in `$5 or 6` and `June 3rd or 4th` in front.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ringback.features.amounts import CENTS, CURRENCIES
from ringback.features.readings import ordinal_ending
from ringback.features.spans import Entity, Part
from ringback.features.vocabulary import MONTHS, words
from ringback.transcript import Word


class Digits(Protocol):
    """A number in `words[first:end]`."""

    @property
    def first(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def digits(self) -> str: ...


def is_range(said: Sequence[Word], one: Digits, other: Digits) -> bool:
    """Whether the words between say that these are the ends of a range, or a choice of two."""
    between = _between(said, one, other)
    if between is None or len(between) != 1:
        return False
    begun = said[one.first - 1].bare if one.first else ""
    if begun in _HEDGES and one.first > 1:
        begun = said[one.first - 2].bare
    return between[0] in _JOINING or (between[0] == "and" and begun == "between")


def is_shared(said: Sequence[Word], one: Digits, other: Digits) -> bool:
    """Whether what is said of `other` goes for `one`, too: a range, a rough one, or a list."""
    return is_range(said, one, other) or (
        _between(said, one, other) in ([], ["and"]) and _is_near(one.digits, other.digits)
    )


def _between(said: Sequence[Word], one: Digits, other: Digits) -> list[str] | None:
    """What joins them; None: a sentence ends between them, or too much is said."""
    if not one.end <= other.first <= one.end + _MOST_BETWEEN:
        return None
    if any(word.text.endswith((".", "?", "!", ";", ":")) for word in said[one.end - 1 : other.first]):
        return None
    joining = [word.bare or word.text for word in said[one.end : other.first]]
    return [text for text in joining if text not in _HEDGES]


_MOST_BETWEEN = 3
_JOINING = words("to or through till until - – —")
_HEDGES = words(
    "maybe even perhaps possibly about around approximately roughly like say some up just the uh um er"
)


def _is_near(digits: str, other: str) -> bool:
    """“forty fifty”, “two three hundred”: not `12 50`."""
    if not 1 <= len(digits) <= len(other) <= _LONGEST:
        return False
    value = int(digits)
    return any(value < int(end or 0) <= 2 * value for end in (other, other.rstrip("0")))


_LONGEST = 12
"""Digits of an amount, a year, a percentage: what is longer shares nothing."""


def phrase_ends(said: Sequence[Word], end: int) -> bool:
    """Whether nothing behind `words[:end]` shows that the last number counts something else."""
    if end >= len(said) or not said[end - 1].text[-1:].isalnum():
        return True
    return said[end].bare in _PHRASE_ENDS


_PHRASE_ENDS = words(
    "a an per each for and or in on at with today tomorrow please now right if but so because then when"
)


def share_kinds(said: Sequence[Word], found: Sequence[Entity]) -> list[Entity]:
    """The entities, each that shares its unit with another one as what that one is."""
    shared = list(found)
    for place in range(len(shared) - 2, -1, -1):
        shared[place] = _like_the_next(said, shared[place], shared[place + 1])
    for place in range(1, len(shared)):
        shared[place] = _like_the_last(said, shared[place - 1], shared[place])
    return shared


def _like_the_next(said: Sequence[Word], entity: Entity, following: Entity) -> Entity:
    """A number is written as the other end of its range is: “five to ten” as 5 to 10; measured, too."""
    if not _is_number(entity) or entity.measured or following.kind not in _SHARED:
        return entity
    ranged = is_range(said, entity, following)
    kind, smart, measured = entity.kind, entity.smart, entity.measured
    if following.measured and (ranged or _between(said, entity, following) in (["by"], ["and"])):
        measured = entity.smart or _in_digits(entity)
    if following.kind not in _NUMBERS and is_shared(said, entity, following):
        kind = following.kind if _may_be(said, entity, following) else kind
    if ranged and following.smart and kind == "money":
        smart = _in_currency(said, entity, following) or smart
    elif ranged and following.smart and entity.kind == "cardinal" and len(entity.digits) == 1:
        smart = smart or _in_digits(entity)
    return replace(entity, kind=kind, smart=smart, measured=measured)


def _is_number(entity: Entity) -> bool:
    return entity.kind in _NUMBERS and 1 <= len(entity.digits) <= _LONGEST


_NUMBERS = ("cardinal", "ordinal")
_SHARED = ("cardinal", "percent", "time", "money", "date")
_LAST_HOUR = 23
_LAST_DAY = 31


def _may_be(said: Sequence[Word], entity: Entity, following: Entity) -> bool:
    """Whether the number's value allows what the other one is."""
    value, first = int(entity.digits), said[following.first].bare
    if following.kind == "date":
        year = len(following.digits) >= _YEAR and len(following.smart) <= 1
        return 1 <= value <= _LAST_DAY and first not in MONTHS and not year
    return entity.kind == "cardinal" and (following.kind != "time" or value <= _LAST_HOUR)


def _in_currency(said: Sequence[Word], entity: Entity, following: Entity) -> tuple[Part, ...]:
    """“ten or twelve dollars” as $10 or $12: the currency is said once, behind both. Empty: it is not."""
    symbol = _symbol_behind(said, following)
    number, *scale = entity.smart or _in_digits(entity)
    text = number.text or ""
    fits = text[:1].isdigit() and ("." not in text or len(following.smart) > 1)
    if not symbol or not fits or _shares_scale(said, entity, following):
        return ()
    return (replace(number, text=f"{symbol}{text}"), *scale)


def _symbol_behind(said: Sequence[Word], following: Entity) -> str:
    """The sign of a currency that is said behind it, or behind what follows it in turn."""
    last, sign = said[following.end - 1], (following.smart[0].text or "")[:1]
    if last.bare in CURRENCIES:
        return CURRENCIES[last.bare]
    return sign if sign in CURRENCIES.values() and last.bare not in CENTS and sign not in last.text else ""


def _shares_scale(said: Sequence[Word], entity: Entity, following: Entity) -> bool:
    """“five to six hundred dollars” are $500 to $600, so there is no $5 in it; “ninety to one hundred”."""
    scales = [_SCALES[word.bare] for word in said[following.first : following.end] if word.bare in _SCALES]
    alone = not any(word.bare in _SCALES for word in said[entity.first : entity.end])
    counted = following.digits[: _LONGEST + 1]
    return bool(scales) and alone and int(entity.digits) * scales[0] < int(counted)


_SCALES = {"hundred": 100, "thousand": 1000}


def _like_the_last(said: Sequence[Word], before: Entity, entity: Entity) -> Entity:
    """`$5 or 6`, “from june third to fifth”: what the number is was said with the one before."""
    if not _is_number(entity) or before.kind not in _SHARED:
        return entity
    if before.kind == "date":
        return _like_the_last_date(said, before, entity)
    ends = entity.kind == "cardinal" and phrase_ends(said, entity.end) and is_range(said, before, entity)
    if not ends or (before.kind == "time" and int(entity.digits) > _LAST_HOUR):
        return entity
    return replace(entity, kind=before.kind)


def _like_the_last_date(said: Sequence[Word], before: Entity, entity: Entity) -> Entity:
    """Another day of the month, or another year of the century."""
    ranged = is_range(said, before, entity)
    if len(before.digits) >= _YEAR:
        years = ranged and entity.kind == "cardinal" and len(entity.digits) == 2
        return replace(entity, kind="date") if years and phrase_ends(said, entity.end) else entity
    day = said[before.first].bare in MONTHS and 1 <= int(entity.digits) <= _LAST_DAY
    if entity.kind == "cardinal":
        ends = day and ranged and phrase_ends(said, entity.end)
        return replace(entity, kind="date") if ends else entity
    if not day or not is_shared(said, before, entity):
        return entity
    number = f"{entity.digits}{ordinal_ending(int(entity.digits))}"
    written = entity.smart or (Part(entity.first, entity.end, number),)
    return replace(entity, kind="date", smart=written)


_YEAR = 4
"""Digits of a year."""


def _in_digits(entity: Entity) -> tuple[Part, ...]:
    return (Part(entity.first, entity.end, entity.digits),)
