"""Numbers in other languages than English, read by text2num. Pure.

Only `numerals` has them: Deepgram formats dates, amounts and the like in English alone
(https://developers.deepgram.com/docs/smart-format).
"""

from collections.abc import Sequence

from text_to_num import Occurence
from text_to_num import find_numbers as find_spoken_numbers

from ringback.features.spans import Entity, Part
from ringback.listen.text_languages import number_language
from ringback.transcript import Word

_OPENING = "\"'“‘«([¿¡"
_CLOSING = ".,?!;:…\"'”’»)]"
_SCALES = ("million", "milliard", "billion", "millón", "millones", "milion", "milh", "miljoen", "miljard")
_ARTICLES = ("eine", "einer")
"""Which text2num does not take for numbers before “Million”."""
_LEFT_ALONE = 2
"""A lone number below it may be an article or a pronoun: un, eine, uno."""


class WordToken:
    """A word as text2num asks for it. Punctuation behind a word ends a number."""

    def __init__(self, word: Word) -> None:
        opened = word.text.lstrip(_OPENING)
        self.bare = opened.rstrip(_CLOSING)
        self.closes = len(self.bare) < len(opened)

    def text(self) -> str:
        # A lone surrogate would make the library panic.
        return self.bare.lower().encode(errors="replace").decode()

    def nt_separated(self, previous: "WordToken") -> bool:
        return previous.closes

    def not_a_number_part(self) -> bool:
        return False


def find_numbers(words: Sequence[Word], language: str) -> tuple[Entity, ...]:
    """The spoken numbers of words; none where text2num does not know the language."""
    known = number_language(language)
    if known is None:
        return ()
    tokens = [WordToken(word) for word in words]
    found = find_spoken_numbers(tokens, known)
    return tuple(
        _entity(first, each.end, each.text, ordinal=each.is_ordinal)
        for place, each in enumerate(found)
        if each.value >= _LEFT_ALONE or _has_neighbour(found, place)
        if (first := _first_word(words, each)) is not None
    )


def _first_word(words: Sequence[Word], number: Occurence) -> int | None:
    """Where the number begins; None: it is the name of a scale alone. “Eine Million” is 1000000 together, but
    “eine halbe Million” and “1,5 Millionen” stay."""
    first, end = int(number.start), int(number.end)
    if not words[first].bare.startswith(_SCALES):
        return first
    if first > 0 and words[first - 1].bare in _ARTICLES:
        return first - 1
    return None if end == first + 1 else first


def _has_neighbour(found: Sequence[Occurence], place: int) -> bool:
    """Whether another number stands right beside: then it is one of a row of digits."""
    each = found[place]
    before = place > 0 and found[place - 1].end == each.start
    return before or (place + 1 < len(found) and found[place + 1].start == each.end)


def _entity(first: int, end: int, text: str, *, ordinal: bool) -> Entity:
    digits = "".join(character for character in text if character.isdigit())
    parts = (Part(first, end, text),)
    return Entity(first, end, "ordinal" if ordinal else "cardinal", digits, smart=parts, numerals=parts)
