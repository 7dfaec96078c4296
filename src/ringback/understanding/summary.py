"""An extractive summary: the most central sentences of a text, in their order. Pure.

LexRank (Erkan and Radev 2004, https://arxiv.org/abs/1109.2128): a sentence is central that resembles many
central ones. Resemblance is the cosine of TF-IDF vectors.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ringback.understanding.text import NumberedSentence

NAME = "lexrank"

FEWEST_WORDS = 50
"""A shorter text is its own summary (https://developers.deepgram.com/docs/summarization)."""

SENTENCES, SENTENCES_OF_LONG, LONG_WORDS = 3, 4, 400
"""How many sentences a summary has; from `LONG_WORDS` words of text on, one more."""

LEAST_OF_SENTENCE = 5
"""Shorter ones ("Okay, thank you.") are no summary of anything."""

BLOCK, OF_BLOCK = 200, 20
"""Of a long text the most central sentences of each block of sentences are compared again: comparing all with
all would take the square of their number in memory."""

DAMPING, ROUNDS = 0.85, 50


def is_short(sentences: Sequence[NumberedSentence]) -> bool:
    """Whether the text is its own summary."""
    return sum(sentence.word_count for sentence in sentences) < FEWEST_WORDS


def summarise(sentences: Sequence[NumberedSentence]) -> str:
    """At most four sentences; of a short text the text itself."""
    if is_short(sentences):
        return " ".join(sentence.text for sentence in sentences)
    words = sum(sentence.word_count for sentence in sentences)
    texts = [sentence.text for sentence in sentences]
    candidates = [index for index, each in enumerate(sentences) if each.word_count >= LEAST_OF_SENTENCE]
    candidates = candidates or list(range(len(texts)))
    while len(candidates) > BLOCK:
        blocks = [candidates[first : first + BLOCK] for first in range(0, len(candidates), BLOCK)]
        candidates = [index for block in blocks for index in _central(texts, block, OF_BLOCK)]
    count = SENTENCES if words < LONG_WORDS else SENTENCES_OF_LONG
    return " ".join(texts[index] for index in _central(texts, candidates, count))


def _central(texts: Sequence[str], among: Sequence[int], most: int) -> list[int]:
    """The most central of these sentences, in their order; no two with the same words."""
    bags = [Counter(_terms(texts[index])) for index in among]
    scores = _scores(bags)
    # Rounded, so that no processor's last digit decides.
    order = sorted(range(len(among)), key=lambda place: (-round(float(scores[place]), 6), place))
    chosen: list[int] = []
    for place in order:
        if len(chosen) == most:
            break
        if all(bags[place] != bags[other] for other in chosen):
            chosen.append(place)
    return sorted(among[place] for place in chosen)


def _scores(bags: Sequence[Counter[str]]) -> NDArray[np.float64]:
    similar = _similarities(bags)
    count = len(bags)
    sums = similar.sum(axis=1, keepdims=True)
    steps = np.divide(similar, sums, out=np.full_like(similar, 1 / count), where=sums > 0)
    scores = np.full(count, 1 / count)
    for _ in range(ROUNDS):
        scores = (1 - DAMPING) / count + DAMPING * (scores @ steps)
    return scores * count


def _similarities(bags: Sequence[Counter[str]]) -> NDArray[np.float64]:
    """Cosines of all pairs of sentences; none of a sentence with itself."""
    places: dict[str, int] = {}
    for bag in bags:
        for term in bag:
            places.setdefault(term, len(places))
    vectors = np.zeros((len(bags), max(1, len(places))))
    spread = Counter(term for bag in bags for term in bag)
    for row, bag in enumerate(bags):
        for term, count in bag.items():
            vectors[row, places[term]] = count * math.log(1 + len(bags) / spread[term])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    similar = np.asarray(vectors @ vectors.T)
    np.fill_diagonal(similar, 0.0)
    return similar


def _terms(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON][:_MOST_TERMS]


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_MOST_TERMS = 40
_COMMON = frozenset(
    word
    for line in (
        "a about after all also am an and any are as at be because been but by can could did do does for",
        "from get go going got had has have he her here hers him his how i i'd i'll i'm i've if in into",
        "is it it's its just know let like me mean more my no not now of oh okay on one or our out really",
        "right said say she should so some than that that's the their them then there there's these they",
        "they're this those to uh um up us very was we we're well were what when where which who will",
        "with would yeah yes you you're your",
    )
    for word in line.split()
)
"""Words that say nothing of what a sentence is about."""
