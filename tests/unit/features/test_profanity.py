"""Profanity as asterisks."""

from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.edits import apply_edits
from ringback.features.profanity import mask_profanity
from ringback.transcript import Word, joined

LISTS = files("ringback.features") / "profanity_words"


def words_of(text: str, *, spaced: bool = True) -> tuple[Word, ...]:
    pieces = text.split() if spaced else list(text)
    return tuple(Word(each, float(i), i + 0.5, 0.9, spaced) for i, each in enumerate(pieces))


def masked(text: str, language: str = "en", *, spaced: bool = True) -> str:
    words = words_of(text, spaced=spaced)
    return joined(apply_edits(words, mask_profanity(words, language)))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("This is Bullshit, man.", "This is ********, man."),
        ("Fucking hell! Shit's broken.", "******* hell! ****'* broken."),
        ("You motherfuckers, bitches and shitty fuckers", "You *************, ******* and ****** *******"),
        ("what a piece of shit", "what a ***** ** ****"),
        ("son-of-a-bitch", "***-**-*-*****"),
        ("What the f***?", "What the f***?"),
    ],
)
def test_words_and_phrases_are_masked_letter_by_letter(said: str, written: str) -> None:
    assert masked(said, "en-US") == written


@pytest.mark.parametrize(
    "clean",
    [
        "Dick Cheney read Moby Dick in Scunthorpe",
        "a shuttlecock, a cockpit and a peacock",
        "the Essex assassin passed the class assessment",
        "a sexual health clinic, sex education",
        "the rapist was charged; therapist notes say penis and vagina",
        "monger, spiced, spicer, niggardly, Maine coon",
        "she graduated magna cum laude",
        "a vacuum sucks, pegging the currency, scat singing",
        "tied up at the office, ball kicking",
        "damn it to hell",
        "",
    ],
)
def test_words_with_a_clean_meaning_stay(clean: str) -> None:
    assert masked(clean) == clean


def test_word_form_time_and_confidence() -> None:
    (word,) = words_of("Shit!")
    ((edit),) = mask_profanity([word], "en")
    assert [(each.text, each.bare, each.start, each.end, each.confidence) for each in edit.words] == [
        ("****!", "****", word.start, word.end, word.confidence)
    ]


@pytest.mark.parametrize(
    ("said", "language", "written"),
    [
        ("Das ist Scheisse!", "de-CH", "Das ist ********!"),
        ("quelle merde", "fr", "quelle *****"),
        ("fuck", "fr", "fuck"),
        ("fuck", "xx", "fuck"),
        ("fuck", "../en", "fuck"),
    ],
)
def test_other_languages_have_lists_of_their_own(said: str, language: str, written: str) -> None:
    assert masked(said, language) == written


def test_languages_without_spaces() -> None:
    assert masked("你这个他妈的人", "zh-CN", spaced=False) == "你这个***人"


def test_the_language_of_a_word_counts_more_than_that_asked_for() -> None:
    words = [Word("merde", 0.0, 1.0, 1.0, language="fr"), Word("merde", 1.0, 2.0, 1.0, language="en")]
    assert [edit.first for edit in mask_profanity(words, "multi")] == [0]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["shit", "Fuck,", "you", "piece", "of", "it's", "bull-shit!", "****"]), max_size=8
    )
)
def test_once_is_enough(texts: list[str]) -> None:
    words = words_of(" ".join(texts))
    once = apply_edits(words, mask_profanity(words, "en"))
    assert apply_edits(once, mask_profanity(once, "en")) == once


def test_the_lists_tell_where_they_are_from_and_are_clean() -> None:
    found = [file for file in LISTS.iterdir() if file.name.endswith(".txt")]
    assert len(found) == 27
    for file in found:
        text = file.read_text("utf-8")
        assert "CC-BY-4.0" in text
        entries = [line for line in text.splitlines() if not line.startswith("# ")]
        assert entries == sorted(set(entries)), file.name
        assert all(entry == entry.strip().lower() and entry for entry in entries), file.name
