"""Words without `punctuate`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.edits import apply_edits
from ringback.features.plain import plain
from ringback.transcript import Word, joined


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("Hello,", "hello"),
        ("“Quoted”?!", "quoted"),
        ("it's", "it's"),
        ("dogs'", "dogs"),
        ("well-known.", "well-known"),
        ("U.S.", "u.s."),
        ("U.S.,", "u.s."),
        ("a.m", "a.m"),
        ("end.", "end"),
        ("50%.", "50%"),
        ("$5,000.50.", "$5,000.50"),
        ("R&D", "r&d"),
        ("¿Qué?", "qué"),
        ("你好。", "你好"),
        ("किताबें।", "किताबें"),
        ("♪", ""),
        ("...", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_bare_words(word: str, bare: str) -> None:
    assert Word(word, 0, 1, 1).bare == bare


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=12))
def test_a_bare_word_is_bare(text: str) -> None:
    once = Word(text, 0, 1, 1).bare
    assert Word(once, 0, 1, 1).bare == once


def test_plain_text_has_no_lone_punctuation() -> None:
    words = [Word(text, float(i), i + 0.5, 0.9) for i, text in enumerate(("-", "Hello,", "World!", "♪"))]
    assert joined(apply_edits(words, plain(words))) == "hello world"


@pytest.mark.parametrize(
    ("text", "own", "expected"),
    [
        ("[SSN_1].", "[SSN_1].", "[SSN_1]"),
        ('"[REDACTED],', '"[REDACTED],', "[REDACTED]"),
        ("(617) 555-4987.", "(617) 555-4987", "(617) 555-4987"),
        ("****!", "****", "****"),
        ("Zendesk,", "Zendesk", "Zendesk"),
    ],
)
def test_what_features_wrote_stays_as_it_is(text: str, own: str, expected: str) -> None:
    words = [Word(text, 0.0, 1.0, 1.0, word=own)]
    written = apply_edits(words, plain(words))
    assert [(word.text, word.bare) for word in written] == [(expected, expected)]
