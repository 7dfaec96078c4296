"""When the words of a stream were shown and when they were final, from what came and when: by text alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from math import ceil
from typing import Any

from bench.harness.clips import word_error_rate
from bench.harness.plans import FINALIZED, Plan, plain

ENDPOINT = 0.3
"""Seconds of silence after which a phrase may end: `endpointing=300`."""


@dataclass
class Lags:
    """Seconds, of all streams of one run."""

    first_partial: list[float] = field(default_factory=list)
    """First result with text, after the first sample of speech was spoken."""
    phrase_shown: list[float] = field(default_factory=list)
    """The first word of a phrase shown at all, after the phrase began."""
    word_shown: list[float] = field(default_factory=list)
    """A word in any result, after it was spoken."""
    word_final: list[float] = field(default_factory=list)
    """A word in a final, after it was spoken: the rest of its phrase must be waited for."""
    endpoint_final: list[float] = field(default_factory=list)
    """The last word of a phrase in a final, after the silence of an endpoint was spoken."""
    closing: list[float] = field(default_factory=list)
    """The last final after CloseStream was sent."""
    finalizing: list[float] = field(default_factory=list)
    """The answer to a Finalize."""
    late: float = 0.0
    """The most that a frame was sent after it was due."""
    changed: int = 0
    """Words of partials that the next result of the same span took back."""
    final_words: int = 0
    known_words: int = 0
    partials: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def add(self, plan: Plan, response: dict[str, Any]) -> None:
        """One stream, from what the load generator says of it."""
        results = [result for result in response["results"] if result["text"]]
        finals = [result for result in results if result["final"]]
        self.late = max(self.late, response["late"])
        self.first_partial += [result["at"] - plan.phrases[0].start for result in results[:1]]
        self._words(plan, results)
        self._endings(plan, finals, response)
        self.changed += taken_back(response["results"])
        self.partials += len(results) - len(finals)
        self.final_words += sum(len(result["text"].split()) for result in finals)
        self.known_words += len(plan.words)
        self.pairs.append((plan.said, " ".join(result["text"] for result in finals)))

    @property
    def word_error_rate(self) -> float:
        said, recognised = zip(*self.pairs, strict=True)
        return word_error_rate(said, recognised)

    def _words(self, plan: Plan, results: Sequence[dict[str, Any]]) -> None:
        """Result after result, what a reader sees: the finals so far, and the one that came."""
        first_seen: dict[int, float] = {}
        final: dict[int, float] = {}
        settled: list[str] = []
        for result in results:
            seen = settled + [plain(word) for word in result["text"].split()]
            for number in same(plan, seen):
                # A word cannot be recognised before it begins: that is another one that sounds alike.
                if result["at"] > plan.words[number].end - 1.0:
                    first_seen.setdefault(number, result["at"])
                    if result["final"]:
                        final.setdefault(number, result["at"])
            if result["final"]:
                settled = seen
        self.word_shown += [at - plan.words[number].end for number, at in first_seen.items()]
        self.word_final += [at - plan.words[number].end for number, at in final.items()]
        for number, phrase in enumerate(plan.phrases):
            first = [first_seen[word] for word in phrase.words if word in first_seen]
            self.phrase_shown += [min(first) - phrase.start] if first else []
            last = [final[word] for word in phrase.words if word in final]
            if number != FINALIZED and phrase is not plan.phrases[-1] and last:
                self.endpoint_final.append(max(last) - phrase.end - ENDPOINT)

    def _endings(self, plan: Plan, finals: Sequence[dict[str, Any]], response: dict[str, Any]) -> None:
        if "close_at" in response:
            after = [result["at"] for result in finals if result["at"] > response["close_at"]]
            self.closing += [at - response["close_at"] for at in after[-1:]]
        if "finalize_at" in response:
            answers = [result["at"] for result in response["results"] if result["finalized"]]
            self.finalizing += [at - response["finalize_at"] for at in answers[:1]]


def same(plan: Plan, seen: Sequence[str]) -> Iterable[int]:
    """Which words of the plan are among those seen, in order."""
    known = [word.text for word in plan.words]
    for block in SequenceMatcher(None, known, list(seen), autojunk=False).get_matching_blocks():
        yield from range(block.a, block.a + block.size)


def taken_back(results: Sequence[dict[str, Any]]) -> int:
    """Words of each partial that must change to make it a beginning of the result after it."""
    count = 0
    before: list[str] = []
    for result in results:
        words = [plain(word) for word in result["text"].split()]
        if before and words:
            count += _to_a_beginning(before, words)
        before = [] if result["final"] else words
    return count


def _to_a_beginning(before: Sequence[str], words: Sequence[str]) -> int:
    """The least edits that make `before` a beginning of `words`."""
    row = list(range(len(words) + 1))
    for i, word in enumerate(before, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(words, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return min(row)


def quantile(values: Sequence[float], share: float) -> float:
    """The least of the values that so large a share of them does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
