"""The sentences that what understands a text gets: all words, in order, cut where no full stops are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.edits import Edit, apply_edits
from ringback.features.written_sentences import MOST_WORDS, moved_sentences, written_sentences
from ringback.transcript import Word, joined


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(each, i * 0.5, i * 0.5 + 0.4, 0.9) for i, each in enumerate(text.split()))


def test_each_sentence_knows_its_words() -> None:
    found = written_sentences(words_of("How are you? I am well. Thanks"))
    assert [(each.first, each.end, each.text) for each in found] == [
        (0, 3, "How are you?"),
        (3, 6, "I am well."),
        (6, 7, "Thanks"),
    ]


def test_words_without_punctuation_are_cut() -> None:
    found = written_sentences(words_of("so " * (2 * MOST_WORDS + 5)))
    assert [(each.first, each.end) for each in found] == [
        (0, MOST_WORDS),
        (MOST_WORDS, 2 * MOST_WORDS),
        (2 * MOST_WORDS, 2 * MOST_WORDS + 5),
    ]


def test_sentences_follow_the_edits_of_their_words_and_empty_ones_are_gone() -> None:
    words = words_of("How are you? – I am well.")
    found = moved_sentences(written_sentences(words), [Edit(1, 2, ()), Edit(3, 4, ())])
    left_out = apply_edits(words, [Edit(1, 2, ()), Edit(3, 4, ())])
    assert [(each.first, each.end) for each in found] == [(0, 2), (2, 5)]
    assert [each.text for each in found] == ["How are you?", "– I am well."]
    assert len(left_out) == 5
    (one,) = moved_sentences(written_sentences(words_of("Yes. No.")), [Edit(0, 1, ())])
    assert (one.first, one.end, one.text) == (0, 1, "No.")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["so", "is", "it.", "What?", "1.5", "no,"]), max_size=200))
def test_no_word_is_lost(texts: list[str]) -> None:
    words = words_of(" ".join(texts))
    found = written_sentences(words)
    assert [each.first for each in found] == [0, *(each.end for each in found)][: len(found)]
    assert [word for each in found for word in words[each.first : each.end]] == list(words)
    assert all(each.text == joined(words[each.first : each.end]) for each in found)
    assert all(0 < each.end - each.first <= MOST_WORDS for each in found)
