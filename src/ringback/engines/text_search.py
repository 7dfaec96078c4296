"""The text that a decoder finds most probable: the best token each time, or several texts side by side.

As CTranslate2's src/decoding.cc (MIT) does it, with a length penalty of 1. Pure but for the decoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ringback.engines.token_choice import Scores, TokenRules, log_sum

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundText:
    """What is written for one segment."""

    tokens: Tokens
    """Without the end."""
    log_probability: float
    """The mean of the tokens' and the end's, over the tokens."""
    probabilities: Sequence[float] = ()
    """Of each token of text, among those of text, if they are known."""


NextScores = Callable[[Sequence[int], Sequence[int]], Scores]
"""Takes the texts that go on, by their places among those before, and the token that each goes on with; gives
the scores of what may follow, (texts, vocabulary)."""


def best_texts(
    first: Scores, rules: TokenRules, most_tokens: Sequence[int], next_scores: NextScores
) -> list[FoundText]:
    """The most probable token each time. `first`: what may come first, (texts, vocabulary). All scores are
    written over."""
    texts = [_WrittenText(rules, most) for most in most_tokens]
    going_on = texts
    scores = first
    while going_on:
        places = [place for place, text in enumerate(going_on) if text.goes_on(scores[place])]
        going_on = [going_on[place] for place in places]
        if going_on:
            scores = next_scores(places, [text.tokens[-1] for text in going_on])
    return [text.found() for text in texts]


class _WrittenText:
    """A text that is written token by token."""

    def __init__(self, rules: TokenRules, most_tokens: int) -> None:
        self.tokens: list[int] = []
        self._rules = rules
        self._most_tokens = most_tokens
        self._log_probabilities = 0.0
        self._probabilities: list[float] = []

    def goes_on(self, scores: Scores) -> bool:
        """Take the best token by these scores; False: the text has ended."""
        end = self._rules.end_of_text
        self._rules.apply(scores, self.tokens)
        token = int(scores.argmax())
        of_text = log_sum(scores[:end])
        self._log_probabilities += float(scores[token]) - float(np.logaddexp(of_text, log_sum(scores[end:])))
        if token == end:
            return False
        self.tokens.append(token)
        if token < end:
            self._probabilities.append(float(np.exp(scores[token] - of_text)))
        return len(self.tokens) < self._most_tokens

    def found(self) -> FoundText:
        mean = self._log_probabilities / max(1, len(self.tokens))
        return FoundText(tuple(self.tokens), mean, self._probabilities)


def best_of_beams(
    first: Scores, rules: TokenRules, most_tokens: int, beams: int, next_scores: NextScores
) -> FoundText:
    """The best of so many texts of one segment, once as many have ended. `first`: (1, vocabulary)."""
    texts: list[tuple[Tokens, float]] = [((), 0.0)]
    """That go on, each with the sum of its log-probabilities."""
    ended: list[tuple[Tokens, float]] = []
    scores = first
    for length in range(1, most_tokens + 1):
        for row, (text, total) in zip(scores, texts, strict=True):
            rules.apply(row, text)
            np.add(row, np.float32(total - log_sum(row)), out=row)
        going_on: list[tuple[int, int, float]] = []
        for rank, (place, token, total) in enumerate(_best(scores, 2 * beams)):
            ends = token == rules.end_of_text
            if rank < beams and (ends or length == most_tokens):
                ended.append((texts[place][0] if ends else (*texts[place][0], token), total))
            elif not ends and len(going_on) < beams:
                going_on.append((place, token, total))
        if length == most_tokens or len(ended) >= beams or not going_on:
            break
        texts = [((*texts[place][0], token), total) for place, token, total in going_on]
        scores = next_scores([place for place, _, _ in going_on], [token for _, token, _ in going_on])
    found = [FoundText(text, total / max(1, len(text))) for text, total in ended]
    return max(found, key=lambda each: each.log_probability)


def _best(scores: Scores, count: int) -> list[tuple[int, int, float]]:
    """Place, token and score of the best, in order; none that must not be written."""
    flat = scores.reshape(-1)
    count = min(count, len(flat))
    top = np.argpartition(flat, -count)[-count:]
    top = top[np.argsort(-flat[top], kind="stable")]
    width = scores.shape[1]
    return [(int(at) // width, int(at) % width, float(flat[at])) for at in top if flat[at] > -np.inf]
