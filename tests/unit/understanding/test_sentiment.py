"""Sentiment by VADER: labels, segments, the average, and what it can be trusted with."""

import pytest

from ringback.listen.understanding_parts import JsonSentiment, feeling_of, sentiment_of
from ringback.understanding.sentiment import LONGEST_SENTENCE, mean_score, score_sentences, sentiments_of
from ringback.understanding.text import NumberedSentence


def numbered(*texts: str) -> list[NumberedSentence]:
    found: list[NumberedSentence] = []
    for text in texts:
        first = found[-1].end_word + 1 if found else 0
        found.append(NumberedSentence(text, first, first + len(text.split()) - 1))
    return found


# Own call-centre sentences; see docs/understanding.md for what VADER makes of thirty of them.
@pytest.mark.parametrize(
    ("text", "feeling"),
    [
        ("Thank you so much, that is wonderful news!", "positive"),
        ("I love the new phone.", "positive"),
        ("This is the worst service I have ever had.", "negative"),
        ("I am very angry about this terrible bill.", "negative"),
        ("The appointment is on Tuesday at nine.", "neutral"),
        ("", "neutral"),
    ],
)
def test_plain_feelings_are_found(text: str, feeling: str) -> None:
    (score,) = score_sentences([text])
    assert feeling_of(score) == feeling


def test_one_word_of_great_length_is_scored_in_no_time() -> None:
    (score,) = score_sentences(["good " + "x" * 10_000_000])
    assert score == score_sentences(["good " + "x" * (LONGEST_SENTENCE - 5)])[0]


@pytest.mark.parametrize(
    ("score", "written"),
    [
        (1 / 3, JsonSentiment("neutral", 0.3333)),
        (0.33334, JsonSentiment("neutral", 0.3333)),
        (0.3334, JsonSentiment("positive", 0.3334)),
        (-0.34, JsonSentiment("negative", -0.34)),
        (-0.0, JsonSentiment("neutral", 0.0)),
        (7.0, JsonSentiment("positive", 1.0)),
        (-7.0, JsonSentiment("negative", -1.0)),
    ],
)
def test_the_label_follows_from_the_score_as_written(score: float, written: JsonSentiment) -> None:
    assert sentiment_of(score) == written


def test_segments_are_runs_of_one_feeling_and_cover_all_words() -> None:
    sentences = numbered("Hello there.", "Thank you, great.", "I hate it.", "Awful.", "Bye now then.")
    found = sentiments_of(sentences, [0.0, 0.8, -0.5, -0.9, 0.1])
    assert [(each.text, each.start_word, each.end_word, each.sentiment) for each in found.segments] == [
        ("Hello there.", 0, 1, "neutral"),
        ("Thank you, great.", 2, 4, "positive"),
        ("I hate it. Awful.", 5, 8, "negative"),
        ("Bye now then.", 9, 11, "neutral"),
    ]
    # Three words at -0.5 and one at -0.9.
    assert found.segments[2].sentiment_score == -0.6
    # The mean of the segments, as in Deepgram's example.
    assert found.average == JsonSentiment("neutral", round((0.0 + 0.8 - 0.6 + 0.1) / 4, 4))


def test_deepgrams_own_example_has_this_average() -> None:
    sentences = numbered("one", "two")
    found = sentiments_of(sentences, [0.7380304336547852, 0.057771213352680206])
    assert found.average == JsonSentiment("positive", 0.3979)


def test_of_no_words_the_average_is_neutral() -> None:
    found = sentiments_of([], [])
    assert (found.segments, found.average) == ((), JsonSentiment("neutral", 0.0))


def test_a_mean_without_weights_is_a_plain_one() -> None:
    assert mean_score([0.2, 0.4], [0, 0]) == pytest.approx(0.3)
    assert mean_score([0.2, 0.4], [1, 3]) == pytest.approx(0.35)
