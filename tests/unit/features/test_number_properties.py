"""What holds for any words and any options: nothing lost, nothing invented, all in order and in its time."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.entities import find_entities, open_from
from ringback.features.numbers import SPOKEN_DIGITS, VOCABULARY, atoms_of
from ringback.features.spans import Context, Entity, NumberFormats
from ringback.features.vocabulary import words as words_of
from ringback.features.writing import write
from ringback.transcript import Word, joined
from support.number_words import said_in_words

SAID = sorted(
    words_of(
        "one two five nine ten twelve twenty ninety hundred thousand million oh zero double triple "
        "point first third twentieth dollars cents dollar percent pounds euros january may march "
        "second at a p m am pm dot o'clock com dash slash underscore plus minus negative and to the "
        "is of code id card phone social total price street main half quarter over between from "
        "call email john www milligrams degrees celsius q box"
    )
)
WRITTEN = sorted(
    words_of(
        "4 12 555 2024 1,200 3.30 9am 5:45 $12 $2.5 4-1-1-1 555-1234 21st 20% +44 acme.com x@y.org 1980s A4"
    )
)
PUNCTUATION = ["", "", "", "", ",", ".", "?", "..."]

tokens = st.one_of(
    st.sampled_from(SAID),
    st.sampled_from(WRITTEN),
    st.text(min_size=1, max_size=6).filter(lambda t: bool(t.strip())),
)
texts = st.lists(st.tuples(tokens, st.sampled_from(PUNCTUATION)).map("".join), max_size=14)
formats = st.builds(NumberFormats, st.booleans(), st.booleans(), st.booleans())
languages = st.sampled_from(["en", "en-US", "fr", "de", "es", "sv", "zh"])


def spoken(said: list[str]) -> tuple[Word, ...]:
    return tuple(Word(text, i * 0.5, i * 0.5 + 0.4, 0.9) for i, text in enumerate(said))


@given(texts, formats, languages)
@settings(max_examples=60, deadline=None)
def test_output_words_lie_within_the_times_of_their_input_words(
    said: list[str], requested: NumberFormats, language: str
) -> None:
    words = spoken(said)
    entities = find_entities(words, language)
    written = write(words, entities, requested)
    at = 0
    for word in written.words:
        covered = [each for each in words[at:] if each.start >= word.start and each.end <= word.end]
        assert covered[0] is words[at]
        assert (word.start, word.end) == (covered[0].start, covered[-1].end)
        at += len(covered)
    assert at == len(words)
    assert joined(written.words) == " ".join(word.text for word in written.words)


@given(texts, formats, languages)
@settings(max_examples=60, deadline=None)
def test_entities_are_in_order_and_their_parts_unbroken(
    said: list[str], requested: NumberFormats, language: str
) -> None:
    words = spoken(said)
    entities = find_entities(words, language)
    end = 0
    for entity in entities:
        assert end <= entity.first < entity.end <= len(words)
        end = entity.end
        for parts in (entity.smart, entity.numerals, entity.measured):
            at = entity.first
            for part in parts:
                assert part.first == at < part.end
                at = part.end
            assert not parts or at == entity.end
    written = write(words, entities, requested)
    outside = set(range(len(words))) - {i for e in entities for i in range(e.first, e.end)}
    assert all(any(word is words[i] for word in written.words) for i in outside)


@given(texts)
@settings(max_examples=60, deadline=None)
def test_no_digit_that_was_written_is_lost_or_invented(said: list[str]) -> None:
    words = spoken(said)
    for entity in find_entities(words):
        if not _is_written(words, entity):
            continue
        text = "".join(part.text or _said(words, part.first, part.end) for part in entity.smart)
        if entity.smart:
            assert _digits(text) == _digits(_said(words, entity.first, entity.end))


DIGITS = sorted(words_of("oh zero one two three four five six seven eight nine"))
CUES = ("my account number is", "call", "the card is", "social security", "", "the code is")
digit_words = st.lists(st.sampled_from(DIGITS), min_size=3, max_size=16)


@given(st.sampled_from(CUES), digit_words)
@settings(max_examples=60, deadline=None)
def test_a_run_of_spoken_digits_keeps_every_digit_in_order(cue: str, said: list[str]) -> None:
    words = spoken([*cue.split(), *said])
    entities = find_entities(words)
    for requested in (NumberFormats(smart_format=True), NumberFormats(numerals=True)):
        out = write(words, entities, requested).words
        assert _spoken_digits([word.text for word in out]) == _spoken_digits(said)


@given(st.integers(10, 999_999), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_spoken_value_is_written_with_its_own_digits(value: int, with_and: bool, hyphened: bool) -> None:
    """Every digit of the value, in order, and no other; also with hyphens, and “and” behind the hundreds."""
    said = said_in_words(value, " and " if with_and else " ", "-" if hyphened else " ")
    words = spoken(f"we counted {said} of them".split())
    for requested in (NumberFormats(smart_format=True), NumberFormats(numerals=True)):
        text = joined(write(words, find_entities(words), requested).words)
        assert text.replace(",", "") == f"we counted {value} of them"


@given(texts, texts, languages)
@settings(max_examples=60, deadline=None)
def test_the_open_tail_is_a_place_in_the_words(said: list[str], before: list[str], language: str) -> None:
    words = spoken(said)
    context = Context(tuple(before), spoken(before))
    assert 0 <= open_from(words, find_entities(words, language, context), language, context) <= len(words)
    find_entities(words, language, context)


def test_atoms_cover_every_word_in_order() -> None:
    words = spoken([*SAID, *WRITTEN, "twenty-one", "nine-to-five", "—", "U.S."])
    assert sorted({atom.word for atom in atoms_of(words)}) == list(range(len(words)))


def _is_written(words: tuple[Word, ...], entity: Entity) -> bool:
    """Whether all its numbers were written in digits, so that they can be compared."""
    atoms = atoms_of(words[entity.first : entity.end])
    return not any(
        atom.text in VOCABULARY or atom.text in ("double", "triple", "half", "a") for atom in atoms
    )


def _said(words: tuple[Word, ...], first: int, end: int) -> str:
    return " ".join(word.text for word in words[first:end])


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _spoken_digits(texts: list[str]) -> str:
    found = ""
    for text in texts:
        known = VOCABULARY.get(text)
        found += str(known[1]) if known is not None and known[0] in SPOKEN_DIGITS else _digits(text)
    return found
