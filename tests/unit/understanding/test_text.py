"""Sentences and their segments."""

from ringback.understanding.text import NumberedSentence, segment, segments


def numbered(*counts: int) -> list[NumberedSentence]:
    found, first = [], 0
    for count in counts:
        found.append(NumberedSentence(" ".join(["w"] * count), first, first + count - 1))
        first += count
    return found


def test_segments_cover_all_sentences_and_stay_below_their_size() -> None:
    sentences = numbered(3, 4, 5, 20, 1, 1)
    found = list(segments(sentences, 10))
    assert [(each.first, each.end, each.start_word, each.end_word) for each in found] == [
        (0, 2, 0, 6),
        (2, 3, 7, 11),
        (3, 4, 12, 31),
        (4, 6, 32, 33),
    ]
    assert list(segments([], 10)) == []


def test_a_segment_may_be_just_full_and_begins_with_a_sentence_of_any_length() -> None:
    assert [(each.first, each.end) for each in segments(numbered(5, 5, 5, 5), 10)] == [(0, 2), (2, 4)]
    assert [(each.first, each.end) for each in segments(numbered(20, 1), 10)] == [(0, 1), (1, 2)]


def test_a_segment_of_two_speakers_reaches_over_the_words_of_both() -> None:
    both = [NumberedSentence("a b c", 0, 4), NumberedSentence("d", 2, 2)]
    assert (segment(both, 0, 2).start_word, segment(both, 0, 2).end_word) == (0, 4)
