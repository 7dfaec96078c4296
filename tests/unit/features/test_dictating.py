"""Dictated marks."""

import pytest

from ringback.features.dictating import dictate
from ringback.transcript import Word, joined


def words_of(text: str) -> tuple[Word, ...]:
    """`|`: a pause of a second before the next word."""
    words, at = [], 0.0
    for each in text.split():
        if each == "|":
            at += 1.0
            continue
        words.append(Word(each, at, at + 0.4, 0.9))
        at += 0.5
    return tuple(words)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Headache, comma, nausea. Period.", "Headache, nausea."),
        ("What is it? Question mark.", "What is it?"),
        ("Is it raining? Question mark", "Is it raining?"),
        ("Stop exclamation mark, go home, period.", "Stop! Go home."),
        ("dear anna comma new line thank you period", "Dear anna,\nthank you."),
        ("first point period new paragraph second point period", "First point.\n\nSecond point."),
        (
            "started two days ago period vital signs are normal",
            "Started two days ago. Vital signs are normal",
        ),
        ("with a headache comma nausea comma and vomiting period", "With a headache, nausea, and vomiting."),
        ("as follows colon one", "As follows: one"),
        ("we met. New line. Then we left.", "We met.\nThen we left."),
        ("dear sir comma new paragraph thanks", "Dear sir,\n\nThanks"),
        ("Dear sir, new paragraph. Thanks.", "Dear sir\n\nThanks."),
        ("the bank | period | then home", "The bank. Then home"),
        ("no exclamation mark", "No!"),
        ("no comma thank you", "No, thank you"),
        ("who is that question mark", "Who is that?"),
        ("i know that period", "I know that."),
        ("the road is long period", "The road is long."),
        ("Allergies: none. Period. Plan: rest. Period.", "Allergies: none. Plan: rest."),
        ("it hurts in this | colon today", "It hurts in this: today"),
        ("stop right there at both | new line and go", "Stop right there at both\nand go"),
        ("there is no | comma here", "There is no, here"),
        ("the patient | period and so on", "The patient. And so on"),
        ("any old period | then", "Any old. Then"),
        ("the old comma then", "The old, then"),
        ("we go, period then", "We go. Then"),
        ("a long, period then", "A long. Then"),
        ("all is well period I'm off", "All is well. I'm off"),
        ("hello… period bye", "Hello. Bye"),
        ("hello, new line bye", "Hello,\nbye"),
        ("hello period new line bye", "Hello.\nBye"),
        ("new paragraph hello", "\n\nHello"),
        ("new line hello", "\nHello"),
    ],
)
def test_commands(said: str, written: str) -> None:
    assert joined(dictate(words_of(said))) == written


@pytest.mark.parametrize(
    "said",
    [
        "the grace period ends today",
        "the jurassic period lasted long",
        "colon cancer is common",
        "he used a semi colon",
        "a period of time",
        "there is a question mark over it",
        "a brand new line of products",
        "the waiting period is over",
        "put the comma here",
        "there is no question mark here",
        "in this period we saw growth",
        "during that time period",
        "it was a very long period",
        "it hurts in this colon today",
        "stop right there at both new line and go",
        "there is no comma here",
        "the patient period of it all",
        "I say, colon cancer is bad",
        "a long period I'm off",
        "a long period Then",
        "the next period we go",
        "my colon is fine",
    ],
)
def test_words_that_are_no_commands(said: str) -> None:
    assert joined(dictate(words_of(said))) == said[:1].upper() + said[1:]


@pytest.mark.parametrize(
    ("before", "written"),
    [
        ("went home", "then slept"),
        ("went home period", "Then slept"),
        ("dear anna comma", "then slept"),
        ("who question mark", "Then slept"),
        ("oh exclamation mark", "Then slept"),
        ("bye new line", "then slept"),
        ("bye period new line", "Then slept"),
        ("bye new paragraph", "Then slept"),
        ("Bye.", "then slept"),
    ],
)
def test_words_behind_others_begin_a_sentence_where_one_was_ended(before: str, written: str) -> None:
    assert joined(dictate(words_of("then slept"), dictate(words_of(before))[-1])) == written


def test_a_mark_keeps_the_bare_form_of_its_word() -> None:
    assert [(word.text, word.bare) for word in dictate(words_of("Dear Anna comma new line thanks"))] == [
        ("Dear", "dear"),
        ("Anna,\n", "anna"),
        ("thanks", "thanks"),
    ]


def test_a_command_with_no_word_before_it() -> None:
    assert joined(dictate(words_of("Period. Next"))) == ". Next"
