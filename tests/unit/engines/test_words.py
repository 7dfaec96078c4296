"""Tokens in time become words in time."""

import itertools

import pytest

from ringback.engines.words import Piece, words_of
from ringback.transcript import joined


def pieces(*texts: str, seconds: float = 0.3) -> list[Piece]:
    return [Piece(text, i * seconds, (i + 1) * seconds, (0.5,)) for i, text in enumerate(texts)]


def texts(*parts: str, by_spaces: bool = True) -> list[str]:
    return [word.text for word in words_of(pieces(*parts), by_spaces=by_spaces, duration=99.0)]


def test_a_word_begins_at_a_space_and_keeps_its_punctuation() -> None:
    assert texts(" Hello", ",", " wor", "ld", "!") == ["Hello,", "world!"]


def test_a_hyphen_an_apostrophe_and_a_percent_sign_stay_inside_the_word() -> None:
    assert texts(" well", "-", "known", " don", "'t", " 10", "%") == ["well-known", "don't", "10%"]


def test_an_opening_quote_belongs_to_the_word_after_it() -> None:
    assert texts(" said", ' "', "yes", '"') == ["said", '"yes"']


def test_the_first_word_needs_no_space() -> None:
    assert texts("Hello", " there") == ["Hello", "there"]


def test_without_spaces_every_piece_is_a_word_and_joining_gives_the_text_back() -> None:
    words = words_of(pieces("今天", "天气", "，", "不错", "。"), by_spaces=False, duration=9.0)
    assert [word.text for word in words] == ["今天", "天气，", "不错。"]
    assert not any(word.spaced for word in words)
    assert joined(words) == "今天天气，不错。"


def test_times_are_the_spoken_part_s_and_confidence_is_the_mean_over_tokens() -> None:
    parts = [Piece(" ten", 1.0, 1.4, (0.9, 0.7)), Piece(",", 1.4, 2.6, (0.2,))]
    (word,) = words_of(parts, by_spaces=True, duration=3.0)
    assert (word.start, word.end) == (1.0, 1.4)
    assert word.confidence == pytest.approx(0.6)


def test_words_stay_within_the_segment_in_order_and_have_a_length() -> None:
    parts = [Piece(" a", 0.5, 0.5, (1.0,)), Piece(" b", 0.4, 0.6, (1.0,)), Piece(" c", 2.0, 4.0, (1.0,))]
    words = words_of(parts, by_spaces=True, duration=2.2)
    assert all(0 <= word.start < word.end <= 2.2 for word in words)
    assert all(before.end <= after.start for before, after in itertools.pairwise(words))


def test_a_word_stretched_over_the_pause_after_its_sentence_is_shortened() -> None:
    parts = [*pieces(" one", " two"), Piece(" three.", 0.6, 3.0, (1.0,)), Piece(" Four", 3.0, 3.3, (1.0,))]
    words = words_of(parts, by_spaces=True, duration=3.5)
    assert words[2].end == pytest.approx(1.2)
    assert words[3].start == 3.0


def test_a_first_word_stretched_over_the_pause_before_it_is_shortened() -> None:
    parts = [
        Piece(" one", 0.0, 3.0, (1.0,)),
        *(Piece(f" n{n}", 3 + n * 0.3, 3.3 + n * 0.3, (1,)) for n in range(3)),
    ]
    words = words_of(parts, by_spaces=True, duration=5.0)
    assert [(word.start, word.end) for word in words][:2] == [(2.4, 3.0), (3.0, 3.3)]
    said = [
        Piece(" Yes.", 0.0, 0.3, (1.0,)),
        Piece(" one", 0.3, 3.0, (1.0,)),
        Piece(" two", 3.0, 3.3, (1.0,)),
    ]
    assert [word.start for word in words_of(said, by_spaces=True, duration=5.0)] == [0.0, 2.4, 3.0]
    inside = [
        Piece(" one", 0.0, 0.3, (1.0,)),
        Piece(" two", 0.3, 3.0, (1.0,)),
        Piece(" six", 3.0, 3.3, (1.0,)),
    ]
    assert [word.start for word in words_of(inside, by_spaces=True, duration=5.0)] == [0.0, 0.3, 3.0]


def test_times_are_whole_milliseconds_and_a_space_is_remembered() -> None:
    parts = [Piece("a", 0.00049, 0.41234, (1.0, 1.0)), Piece(" b", 0.41234, 0.87654, (1.0,))]
    one, other = words_of(parts, by_spaces=True, duration=0.9)
    assert (one.start, one.end, one.spaced, one.confidence) == (0.0, 0.412, False, 1.0)
    assert (other.start, other.end, other.spaced) == (0.412, 0.877, True)


def test_without_spaces_an_opening_quote_belongs_to_the_word_after_it_too() -> None:
    assert texts("“", "不错", "”", by_spaces=False) == ["“不错”"]


def test_a_piece_of_nothing_but_space_is_no_word() -> None:
    assert texts(" ") == []
    assert words_of([], by_spaces=True, duration=1.0) == ()


def test_a_word_behind_the_end_is_moved_to_it_and_probabilities_stay_below_one() -> None:
    (word,) = words_of([Piece(" late", 5.0, 6.0, (1.0 + 1e-7,))], by_spaces=True, duration=2.0)
    assert (word.start, word.end, word.confidence) == (1.98, 2.0, 1.0)
    (word,) = words_of([Piece(" odd", 0.0, 1.0, (-1e-7,))], by_spaces=True, duration=2.0)
    assert word.confidence == 0.0


def test_a_typical_word_has_seven_tenths_of_a_second_at_most() -> None:
    """Of slow speech, too, only words of twice that are shortened."""
    slow = [Piece(f" n{n}", 1.5 + n, 2.5 + n, (1.0,)) for n in range(4)]
    (first, *_) = words_of([Piece(" one", 0.0, 1.5, (1.0,)), *slow], by_spaces=True, duration=9.0)
    assert (first.start, first.end) == (0.1, 1.5)
    (first, *_) = words_of([Piece(" one", 0.125, 1.5, (1.0,)), *slow], by_spaces=True, duration=9.0)
    assert (first.start, first.end) == (0.125, 1.5)


def test_words_of_no_length_are_not_moved() -> None:
    """Where alignment gives no times, one with a time is not the odd one."""
    parts = [Piece(f" n{n}", 0.0, 0.0, (1.0,)) for n in range(4)] + [Piece(" end.", 0.5, 3.0, (1.0,))]
    assert words_of(parts, by_spaces=True, duration=4.0)[-1].end == 3.0


def test_several_opening_marks_belong_to_the_word_after_them() -> None:
    assert texts(" said", " (", "“", "yes", "”)", " no") == ["said", "(“yes”)", "no"]
    assert texts("“", "(", "不错", ")”", by_spaces=False) == ["“(不错)”"]


def test_a_piece_with_spaces_in_it_is_one_word_with_one_space() -> None:
    assert texts(" ad  hoc", " yes") == ["ad hoc", "yes"]
