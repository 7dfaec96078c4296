"""The grammar of numbers and what is made of them: one table of pairs for each kind."""

import pytest

from ringback.features.entities import find_entities
from ringback.features.spans import NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined

SMART = NumberFormats(smart_format=True)


def spoken(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text.split()))


def formatted(text: str, formats: NumberFormats = SMART) -> str:
    words = spoken(text)
    return joined(write(words, find_entities(words), formats).words)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("the total is one seventy one forty one", "the total is $171.41"),
        ("call me at 617-555-4987.", "call me at (617) 555-4987."),
        ("we met on march tenth twenty twenty two", "we met on March 10, 2022"),
        ("from nine a m to five p m", "from 9 AM to 5 PM"),
    ],
)
def test_numbers_are_written_as_they_are_meant(said: str, written: str) -> None:
    assert formatted(said) == written
