"""Numbers in other languages than English."""

import pytest

from ringback.features.entities import find_entities
from ringback.features.languages import WordToken
from ringback.features.spans import NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined
from support.said import spoken

WRITTEN = [
    ("de", "es waren siebenundvierzig Leute", "es waren 47 Leute", "cardinal:47"),
    ("de", "der dritte Mann", "der 3. Mann", "ordinal:3"),
    ("de", "eine Million Leute", "1000000 Leute", "cardinal:1000000"),
    ("de", "ein Mann", "ein Mann", ""),
    ("de", "zwei Leute", "zwei Leute", ""),
    ("de", "wir sind eins zwei drei", "wir sind 1 2 3", "cardinal:1 cardinal:2 cardinal:3"),
    ("de", "eine halbe Million Leute", "eine halbe Million Leute", ""),
    ("de", "zwei Millionen Leute", "2000000 Leute", "cardinal:2000000"),
    ("es", "«cuarenta y siete» cajas", "«47» cajas", "cardinal:47"),
    ("es", "cuarenta, y siete", "40, y 7", "cardinal:40 cardinal:7"),
    ("fr", "VINGT personnes", "20 personnes", "cardinal:20"),
    ("fr", "un homme", "un homme", ""),
    ("fr", "trois hommes", "3 hommes", "cardinal:3"),
    ("xx", "vingt personnes", "vingt personnes", ""),
]


@pytest.mark.parametrize(("language", "said", "written", "found"), WRITTEN)
def test_numbers_are_written_in_digits(language: str, said: str, written: str, found: str) -> None:
    words = spoken(said)
    entities = find_entities(words, language)
    assert " ".join(f"{each.kind}:{each.digits}" for each in entities) == found
    for formats in (NumberFormats(numerals=True), NumberFormats(smart_format=True)):
        assert joined(write(words, entities, formats).words) == written


@pytest.mark.parametrize(
    ("text", "bare", "closes"),
    [("«vingt»,", "vingt", True), ("vingt", "vingt", False), ("(vingt", "vingt", False), ("...", "", True)],
)
def test_a_word_is_read_without_the_marks_around_it(text: str, bare: str, closes: bool) -> None:
    token = WordToken(Word(text, 0.0, 1.0, 0.9))
    assert (token.bare, token.closes) == (bare, closes)


def test_half_a_character_is_read_as_another() -> None:
    assert WordToken(Word("A\ud800", 0.0, 1.0, 0.9)).text() == "a?"
