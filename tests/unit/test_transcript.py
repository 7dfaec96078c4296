"""Words: their bare form, their times, and what is made of several."""

import pytest

from ringback.transcript import (
    Alternative,
    NamedSpan,
    Sentence,
    Utterance,
    Word,
    base_language,
    joined,
    overlap,
)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Hello,", "hello"),
        ("“Don't!”", "don't"),
        ("well-known.", "well-known"),
        ("U.S.,", "u.s."),
        ("U.S.", "u.s."),
        ("e.g", "e.g"),
        ("10%.", "10%"),
        ("(@home)", "@home"),
        ("#1", "#1"),
        ("C&A", "c&a"),
        ("5‰", "5‰"),
        ("♪ la ♪", "la"),
        ("°C", "c"),
        ("…", ""),
        ("–", ""),
        ("不错。", "不错"),
        ("Straße?", "straße"),
    ],
)
def test_a_bare_word_has_no_capitals_and_no_marks_around_it(text: str, bare: str) -> None:
    assert Word(text, 0.0, 1.0, 1.0).bare == bare
    assert Word(text, 0.0, 1.0, 1.0, word="[SSN_1]").bare == "[SSN_1]"


def test_a_word_moves_as_a_whole() -> None:
    moved = Word("hi", 1.0, 1.5, 0.5, speaker=2).shifted(10.0)
    assert moved == Word("hi", 11.0, 11.5, 0.5, speaker=2)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [((0, 2), (1, 3), True), ((0, 2), (2, 3), False), ((2, 3), (0, 2), False), ((0, 9), (4, 5), True)],
)
def test_ranges_overlap_where_they_have_a_word_in_common(
    one: tuple[int, int], other: tuple[int, int], common: bool
) -> None:
    assert overlap(NamedSpan(*one, "name"), NamedSpan(*other, "name")) is common


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en-GB", "en"), ("EN", "en"), ("nb-NO", "no"), ("iw", "he"), ("cmn-Hans-CN", "zh"), ("fil", "tl")],
)
def test_a_tag_without_its_region_is_what_models_call_the_language(tag: str, language: str) -> None:
    assert base_language(tag) == language


def test_words_as_running_text() -> None:
    words = (
        Word("今", 0.0, 0.5, 0.5, spaced=False),
        Word("天", 0.5, 1.0, 1.0, spaced=False),
        Word("ok", 1, 2, 0),
    )
    assert joined(words) == Alternative(words).text == "今天 ok"
    assert joined([]) == ""
    assert Alternative(words).confidence == 0.5
    assert Alternative().confidence == 0.0
    assert (Utterance(0, words).start, Utterance(0, words).end) == (0.0, 2.0)
    assert joined(Sentence(words[1:]).words) == "天 ok"
