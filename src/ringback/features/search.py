"""`search`: where terms are said, by their sound: https://developers.deepgram.com/docs/search. Pure.

The words searched are the recogniser's, before anything is formatted or redacted; what is shown of a hit is
cut from the finished words (`snippet`).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ringback.sounds.likeness import Sound, likenesses, sounds_of
from ringback.sounds.windows import Window, windows
from ringback.transcript import Word, joined, overlap

MOST_HITS = 10
"""Of a query, on a channel."""

MOST_WORDS = 12
"""Of a longer query, what is searched for is its beginning."""

_LEAST_LIKENESS = 0.55
_CALIBRATION = (
    *((0.55, 0.19), (0.6, 0.29), (0.65, 0.41), (0.7, 0.55), (0.75, 0.69)),
    *((0.8, 0.79), (0.85, 0.91), (0.9, 0.95), (0.95, 0.98), (1.0, 1.0)),
)
"""Likeness → share of right ones among all hits that are at least so like (`bench/text/search.py`)."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A place that sounds like the query. Times in seconds, as of the words."""

    confidence: float
    """Of all hits with at least this confidence, this share is right; 1.0: the query is written here."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found for one query on one channel, by falling confidence."""

    query: str
    hits: tuple[SearchHit, ...]


def search(words: Sequence[Word], queries: Sequence[str]) -> tuple[SearchResult, ...]:
    """At most `MOST_HITS` hits for each query, none of them over another of the same query."""
    return _results(words, queries, 0)


def confidence(likeness: float) -> float:
    """Of a hit of this likeness: read off the calibration, straight between its points."""
    points, shares = zip(*_CALIBRATION, strict=True)
    return float(np.interp(likeness, points, shares))


class LiveSearch:
    """Searches a channel of a live stream, final by final; a hit is told in the final that it ends in."""

    def __init__(self, queries: Sequence[str]) -> None:
        self._queries = queries
        self._before: tuple[Word, ...] = ()
        self._reach = max((_sizes(query).stop - 2 for query in queries), default=0)

    def final(self, words: Sequence[Word]) -> tuple[SearchResult, ...]:
        """Hits that end in these words, which may have begun in the final before."""
        known = (*self._before, *words)
        found = _results(known, self._queries, len(self._before))
        self._before = known[max(0, len(known) - self._reach) :]
        return found


def snippet(hit: SearchHit, words: Sequence[Word]) -> str:
    """The finished words at the hit's time, and one to each side."""
    at = [i for i, word in enumerate(words) if word.start < hit.end and hit.start < word.end]
    return joined(words[max(0, at[0] - 1) : at[-1] + 2]) if at else ""


_BLOCK = 4_096
"""Windows that are compared at once: it bounds the memory for a recording of many hours."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    likeness: float
    first: int
    end: int


def _results(words: Sequence[Word], queries: Sequence[str], since: int) -> tuple[SearchResult, ...]:
    candidates = _candidates([word.text for word in words], queries, since)
    return tuple(
        SearchResult(
            query,
            tuple(
                SearchHit(confidence(each.likeness), words[each.first].start, words[each.end - 1].end)
                for each in _best(candidates[query])
            ),
        )
        for query in queries
    )


def _candidates(texts: Sequence[str], queries: Sequence[str], since: int) -> dict[str, list[_Candidate]]:
    """Every window that is like a query and ends behind the first `since` words."""
    found: dict[str, list[_Candidate]] = defaultdict(list)
    of_sizes: dict[range, list[tuple[str, Sound]]] = defaultdict(list)
    for query in dict.fromkeys(queries):
        beginning = " ".join(query.split()[:MOST_WORDS])
        of_sizes[_sizes(beginning)] += [(query, sound) for sound in sounds_of(beginning) if sound]
    for sizes, sounds in of_sizes.items():
        if not sounds:
            continue
        late = (window for window in windows(texts, sizes) if window.end > since)
        while block := list(islice(late, _BLOCK)):
            _compare(sounds, block, found)
    return found


def _compare(
    sounds: Sequence[tuple[str, Sound]], block: Sequence[Window], found: dict[str, list[_Candidate]]
) -> None:
    alike = likenesses([sound for _, sound in sounds], [window.sound for window in block])
    for row, column in np.argwhere(alike >= _LEAST_LIKENESS):
        window = block[column]
        found[sounds[row][0]].append(_Candidate(float(alike[row, column]), window.first, window.end))


def _best(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The most alike, none over another."""
    chosen: list[_Candidate] = []
    for each in sorted(candidates, key=lambda each: (-each.likeness, each.first, each.end)):
        if not any(overlap(each, other) for other in chosen):
            chosen.append(each)
            if len(chosen) == MOST_HITS:
                break
    return chosen


def _sizes(query: str) -> range:
    """How many words may hold the query: one more or fewer than it has, as the recogniser may have parted it
    otherwise; a number said in several may be written as one; in scripts that are written without spaces
    each character may be a word."""
    words = sum(1 for part in query.split() if sounds_of(part)[0])
    characters = sum(1 for character in query if unicodedata.category(character) == "Lo")
    fewest = 1 if words <= _MOST_NUMBER_WORDS else words - 1
    return range(fewest, max(words, min(characters, MOST_WORDS)) + 2)


_MOST_NUMBER_WORDS = 5
