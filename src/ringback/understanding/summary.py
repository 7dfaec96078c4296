"""An extractive summary: the most central sentences of a text, in their order. Pure.

LexRank (Erkan and Radev 2004, https://arxiv.org/abs/1109.2128): a sentence is central that resembles many
central ones. Resemblance is the cosine of TF-IDF vectors.

Without full stops (many transcripts of other programs, chats, lower-case speech) a sentence may
be the whole text. So long ones are cut into clauses (`clauses`), and a clause is then what is compared, and
what is taken. A summary never has more than `MOST_WORDS` words, and of a short text no more than half of it.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from ringback.understanding.clauses import MOST_OF_CLAUSE, clauses
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


MOST_WORDS = 120

LONGEST = 2_000
"""Characters of a summary; only texts without spaces reach it."""

CUT = " …"
"""Stands where something of the sentence is left out."""


def is_short(sentences: Sequence[NumberedSentence]) -> bool:
    """Whether the text is its own summary."""
    return sum(sentence.word_count for sentence in sentences) < FEWEST_WORDS


def has_long_sentences(sentences: Sequence[NumberedSentence]) -> bool:
    """Whether parts of sentences, and not only whole ones, may stand in the summary."""
    return any(sentence.word_count > MOST_OF_CLAUSE for sentence in sentences)


def summarise(sentences: Sequence[NumberedSentence]) -> str:
    """At most four sentences, or clauses of long ones; of a short text the text itself."""
    if is_short(sentences):
        return _shortened(" ".join(sentence.text for sentence in sentences))
    texts = [clause for sentence in sentences for clause in clauses(sentence.text)]
    candidates = [index for index, text in enumerate(texts) if len(text.split()) >= LEAST_OF_SENTENCE]
    candidates = candidates or list(range(len(texts)))
    while len(candidates) > BLOCK:
        blocks = [candidates[first : first + BLOCK] for first in range(0, len(candidates), BLOCK)]
        candidates = [index for block in blocks for index in _central(texts, block, OF_BLOCK)]
    words = sum(sentence.word_count for sentence in sentences)
    count = SENTENCES if words < LONG_WORDS else SENTENCES_OF_LONG
    chosen = _central(texts, candidates, count, min(MOST_WORDS, words // 2))
    return _shortened(_joined(texts, chosen))


def _joined(texts: Sequence[str], chosen: Sequence[int]) -> str:
    """The chosen ones, with a mark where one breaks off before its sentence ends."""
    parts = []
    for index, following in zip_longest(chosen, chosen[1:]):
        whole = _SENTENCE_END.search(texts[index]) or index + 1 in (following, len(texts))
        parts.append(texts[index] if whole else texts[index] + CUT)
    return " ".join(parts)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - len(CUT)].rstrip() + CUT


def _central(texts: Sequence[str], among: Sequence[int], most: int, words: float = math.inf) -> list[int]:
    """The most central of these sentences, in their order; no two with the same words, and with no more
    `words` in all than may be, but for the first."""
    bags = [Counter(_terms(texts[index])) for index in among]
    scores = _scores(bags)
    # Rounded, so that no processor's last digit decides.
    order = sorted(range(len(among)), key=lambda place: (-round(float(scores[place]), 6), place))
    chosen: list[int] = []
    for place in order:
        if len(chosen) == most:
            break
        length = len(texts[among[place]].split())
        if (length <= words or not chosen) and all(bags[place] != bags[other] for other in chosen):
            chosen.append(place)
            words -= length
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


_SENTENCE_END = re.compile(r"[.?!…][\"'”’»)\]]*$")
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
