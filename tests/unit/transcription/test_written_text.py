"""Texts: bytes to characters, characters to sentences whose words are numbered."""

import pytest

from ringback.errors import Refusal
from ringback.transcription.written_text import check_text, decode_text, sentences_of


def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        decode_text(data)
    assert caught.value.failure.status == 400
    return caught.value.failure.err_code


def test_words_are_numbered_over_the_whole_text_as_in_deepgrams_example() -> None:
    text = (
        "Hi. Thank you for calling from premier phone services. This call may be recorded for quality and "
        "training purposes."
    )
    found = [(each.text, each.start_word, each.end_word) for each in sentences_of(text)]
    assert found == [
        ("Hi.", 0, 0),
        ("Thank you for calling from premier phone services.", 1, 8),
        ("This call may be recorded for quality and training purposes.", 9, 18),
    ]


def test_an_empty_line_ends_a_sentence_and_a_line_break_does_not() -> None:
    found = sentences_of("Dear all,\nthis goes\non\r\n\r\nNext paragraph\n \nThe last.\n")
    assert [(each.text, each.start_word, each.end_word) for each in found] == [
        ("Dear all, this goes on", 0, 4),
        ("Next paragraph", 5, 6),
        ("The last.", 7, 8),
    ]


def test_text_without_punctuation_is_cut() -> None:
    found = sentences_of("word " * 150)
    assert [each.word_count for each in found] == [60, 60, 30]
    assert found[-1].end_word == 149


@pytest.mark.parametrize(
    "data", ["é.".encode(), b"\xef\xbb\xbf" + "é.".encode(), "é.".encode("utf-16")], ids=["plain", "8", "16"]
)
def test_a_byte_order_mark_names_the_encoding(data: bytes) -> None:
    assert decode_text(data) == "é."


@pytest.mark.parametrize(
    "data", [b"", b" \n\t ", b"\xff\xfe\x00", b"caf\xe9", b"MZ\0\0", b"\xfe\xff\xd8\x00"]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    assert refused(data) == "Bad Request"


def test_a_text_beyond_150_000_tokens_is_refused() -> None:
    assert check_text("a" * 600_000)
    assert refused(b"a" * 600_001) == "TOKEN_LIMIT_EXCEEDED"
