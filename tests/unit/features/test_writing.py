"""Entities written into words: forms, times, punctuation, and which words of the output they became."""

from dataclasses import replace

import pytest

from ringback.features.edits import apply_edits
from ringback.features.plain import plain
from ringback.features.spans import Entity, NumberFormats, Part
from ringback.features.writing import write
from ringback.transcript import Word

SMART = NumberFormats(smart_format=True)
NUMERALS = NumberFormats(numerals=True)
MEASUREMENTS = NumberFormats(measurements=True)


def spoken(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, i * 1.0, i + 0.8, 0.5 + i / 100) for i, word in enumerate(text.split()))


CALL = spoken("Call 617 555 4987. Bye.")
PHONE = Entity(
    1,
    4,
    "phone_number",
    "6175554987",
    smart=(Part(1, 4, "(617) 555-4987"),),
    numerals=(Part(1, 2, "617"), Part(2, 3, "555"), Part(3, 4, "4987")),
)


def texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def test_an_entity_of_one_output_word_lies_over_all_its_words() -> None:
    written = write(CALL, (PHONE,), SMART)
    assert texts(written.words) == ["Call", "(617) 555-4987.", "Bye."]
    assert (written.words[1].start, written.words[1].end) == (1.0, 3.8)
    assert written.words[1].confidence == pytest.approx(0.52)
    assert written.ranges == ((1, 2),)


def test_words_that_no_entity_covers_are_the_same_objects() -> None:
    written = write(CALL, (PHONE,), SMART)
    assert written.words[0] is CALL[0]
    assert written.words[2] is CALL[4]


def test_a_part_that_changes_nothing_is_the_same_object() -> None:
    written = write(CALL, (PHONE,), NUMERALS)
    assert all(a is b for a, b in zip(written.words, CALL, strict=True))
    assert written.ranges == ((1, 4),)


def test_without_options_entities_keep_their_words() -> None:
    assert write(CALL, (PHONE,), NumberFormats()).words == CALL


def test_the_punctuation_around_an_entity_stays() -> None:
    words = spoken("It (617 555 4987), was")
    assert write(words, (PHONE,), SMART).words[1].text == "((617) 555-4987),"


def test_measurements_write_the_symbol_beside_any_other_option() -> None:
    words = spoken("take five milligrams.")
    dose = Entity(1, 3, "cardinal", "5", measured=(Part(1, 2, "5"), Part(2, 3, "mg")))
    assert texts(write(words, (dose,), MEASUREMENTS).words) == ["take", "5", "mg."]
    assert texts(write(words, (dose,), SMART).words) == ["take", "five", "milligrams."]


def test_a_label_stands_in_place_of_every_form() -> None:
    for formats in (NumberFormats(), SMART, NUMERALS, MEASUREMENTS):
        hidden = replace(PHONE, label="[PHONE_NUMBER_1]")
        (_, label, _) = write(CALL, (hidden,), formats).words
        assert label.text == label.bare == "[PHONE_NUMBER_1]."
        assert (label.start, label.end) == (1.0, 3.8)


def test_the_bare_form_of_a_formatted_word_is_its_own() -> None:
    phone = write(CALL, (PHONE,), SMART).words[1]
    assert phone.bare == "(617) 555-4987"
    amount = write(spoken("minus seventeen."), (Entity(0, 2, "cardinal", "17", (Part(0, 2, "-17"),)),), SMART)
    assert amount.words[0].bare == "-17"


def test_plain_words_keep_the_bare_form_that_a_feature_gave() -> None:
    asterisks = Word("****,", 0.0, 1.0, 1.0, word="****")
    assert apply_edits([asterisks], plain([asterisks]))[0].text == "****"
