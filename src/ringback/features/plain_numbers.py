"""What `numerals` alone writes: numbers in digits, digit by digit as said, without commas. Pure."""

import re

from ringback.features.numbers import SINGLE_DIGITS, AtomKind
from ringback.features.passage import Passage
from ringback.features.spans import Part
from ringback.features.vocabulary import MONTHS


def numeral_parts(passage: Passage, first: int, end: int) -> tuple[Part, ...]:
    """Parts over the words of `atoms[first:end]`; empty where nothing would change."""
    parts: list[Part] = []
    i = first
    while i < end:
        number = _number_at(passage, i, end)
        if number is None:
            parts.append(passage.part(i, i + 1, None))
            i = passage.next_word(i)
        else:
            text, after = number
            parts.append(passage.part(i, after, text))
            i = after
    return () if all(part.text is None for part in parts) else tuple(parts)


def _number_at(passage: Passage, i: int, end: int) -> tuple[str, int] | None:
    atom = passage.atoms[i]
    if _THOUSANDS.fullmatch(atom.text):
        return atom.text.replace(",", ""), i + 1
    if atom.kind is AtomKind.OH:
        return ("0", i + 1) if end - i > 1 or _digit_before(passage, i) else None
    number = passage.number_at(i)
    if number is None or number.end > end or not passage.is_whole(i, number.end):
        return None
    if number.end == i + 1 and _is_kept(passage, i, end):
        return None
    text = number.text(grouped=False)
    if number.scale:
        zeros = {"million": 6, "billion": 9, "trillion": 12}[number.scale]
        if number.fraction or number.written:
            return f"{text} {number.scale}", number.end
        text += "0" * zeros
    return text, number.end


_THOUSANDS = re.compile(r"-?[$€£¥₹]\d{1,3}(?:,\d{3})+(?:\.\d+)?")
"""`$1,250`; numbers without a sign are read as values."""


def _is_kept(passage: Passage, i: int, end: int) -> bool:
    """Whether it is a pronoun, an order or a moment rather than a number: “one”, “first”, “second”."""
    text = passage.text(i)
    if text in ("first", "second"):
        return passage.text(i - 1) not in MONTHS and passage.text(i + 1) != "of"
    in_row = _digit_before(passage, i) or _digit_behind(passage, i)
    return text == "one" and end - i == 1 and not in_row


def _digit_before(passage: Passage, i: int) -> bool:
    return passage.follows(i) and passage.kind(i - 1) in _DIGITS


def _digit_behind(passage: Passage, i: int) -> bool:
    return passage.follows(i + 1) and passage.kind(i + 1) in _DIGITS


_DIGITS = SINGLE_DIGITS | {AtomKind.DIGITS}
