"""Sentiment by VADER, a lexicon with rules (https://github.com/cjhutto/vaderSentiment). Pure.

It reads words, not situations: a complaint without a bad word is neutral to it. A sentence takes a tenth of a
millisecond.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ringback.listen.understanding_parts import (
    JsonSentiments,
    JsonSentimentSegment,
    feeling_of,
    sentiment_of,
)
from ringback.understanding.text import NumberedSentence, segment

NAME = "vader-3.3"

LONGEST_SENTENCE = 2_000
"""Characters that are scored."""


def score_sentences(texts: Sequence[str]) -> tuple[float, ...]:
    """From -1 to 1, of each text."""
    analyzer = _analyzer()
    return tuple(float(analyzer.polarity_scores(text[:LONGEST_SENTENCE])["compound"]) for text in texts)


def sentiments_of(sentences: Sequence[NumberedSentence], scores: Sequence[float]) -> JsonSentiments:
    """Segments of sentences with one label, and the mean of the segments' scores, as the example of
    https://developers.deepgram.com/docs/text-sentiment-analysis has it."""
    found = []
    first = 0
    for index in range(1, len(sentences) + 1):
        if index == len(sentences) or feeling_of(scores[index]) != feeling_of(scores[first]):
            found.append(_segment(sentences, scores, first, index))
            first = index
    mean = sum(each.sentiment_score for each in found) / len(found) if found else 0.0
    return JsonSentiments(tuple(found), sentiment_of(mean))


def mean_score(scores: Sequence[float], weights: Sequence[int]) -> float:
    """The mean by weights; equal weights if all are 0."""
    total = sum(weights)
    if not total:
        return sum(scores) / len(scores)
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / total


def _segment(
    sentences: Sequence[NumberedSentence], scores: Sequence[float], first: int, end: int
) -> JsonSentimentSegment:
    whole = segment(sentences, first, end)
    words = [sentence.word_count for sentence in sentences[first:end]]
    mean = sentiment_of(mean_score(scores[first:end], words))
    return JsonSentimentSegment(
        whole.text, whole.start_word, whole.end_word, mean.sentiment, mean.sentiment_score
    )


@lru_cache(1)
def _analyzer() -> Any:
    """Loaded at first use: 30 ms, and 5 MB that stay."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415

    return SentimentIntensityAnalyzer()
