"""The most probable text: beside searches that try everything, over a vocabulary of a few words."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.text_search import FoundText, Tokens, best_of_beams, best_texts
from ringback.engines.token_choice import Scores, TokenRules

WORDS = 3
END = WORDS
ZERO = 500
"""Room for many beams: a search looks at twice as many tokens."""
VOCABULARY = ZERO + 3
RULES = TokenRules(END, ZERO, np.arange(END + 1, ZERO))
SEEDS = st.integers(0, 1 << 32)


class RandomTexts:
    """A decoder of which each text has scores of its own, which depend on all its tokens."""

    def __init__(self, *seeds: int, ending: float = 0.0) -> None:
        """`ending`: added to the score of the end."""
        self._ending = ending
        self.texts: list[tuple[int, Tokens]] = [(seed, ()) for seed in seeds]
        self.steps = 0

    def first(self) -> Scores:
        return np.stack([self.scores(*text) for text in self.texts])

    def next_scores(self, places: Sequence[int], tokens: Sequence[int]) -> Scores:
        self.steps += 1
        assert len(places) == len(tokens)
        assert all(token < END or token >= ZERO for token in tokens)
        self.texts = [
            (self.texts[place][0], (*self.texts[place][1], token))
            for place, token in zip(places, tokens, strict=True)
        ]
        return self.first()

    def scores(self, seed: int, text: Tokens) -> Scores:
        scores = np.random.default_rng([seed, *text]).normal(0, 2, VOCABULARY).astype(np.float32)
        scores[END] += self._ending
        return scores

    def probabilities(self, seed: int, text: Tokens) -> Mapping[int, float]:
        """Of the tokens that may follow."""
        scores = self.scores(seed, text)
        RULES.apply(scores, text)
        shares = np.exp(scores.astype(np.float64))
        return {int(token): float(shares[token] / shares.sum()) for token in np.flatnonzero(shares)}


def greedily(decoder: RandomTexts, seed: int, most: int) -> FoundText:
    """One text, by itself."""
    text: Tokens = ()
    total = 0.0
    among_text: list[float] = []
    while True:
        shares = decoder.probabilities(seed, text)
        token = max(shares, key=lambda each: shares[each])
        total += np.log(shares[token])
        if token == END:
            break
        text = (*text, token)
        if token < END:
            among_text.append(shares[token] / sum(shares.get(word, 0.0) for word in range(WORDS)))
        if len(text) == most:
            break
    return FoundText(text, total / max(1, len(text)), among_text)


def assert_same(found: FoundText, expected: FoundText) -> None:
    assert found.tokens == expected.tokens
    assert found.log_probability == pytest.approx(expected.log_probability, abs=1e-4)
    assert list(found.probabilities) == pytest.approx(list(expected.probabilities), abs=1e-4)


@given(st.lists(st.tuples(SEEDS, st.integers(1, 12)), min_size=1, max_size=6))
def test_each_text_is_what_it_would_be_alone(texts: list[tuple[int, int]]) -> None:
    """They end at different steps, and at caps of their own."""
    decoder = RandomTexts(*(seed for seed, _ in texts))
    found = best_texts(decoder.first(), RULES, [most for _, most in texts], decoder.next_scores)
    assert len(found) == len(texts)
    for each, (seed, most) in zip(found, texts, strict=True):
        assert_same(each, greedily(decoder, seed, most))


def test_only_texts_that_go_on_are_computed() -> None:
    calls: list[tuple[list[int], list[int]]] = []
    texts = iter([{0: {END: 5.0}, 1: {1: 5.0}, 2: {2: 5.0}}, {0: {END: 5.0}, 1: {0: 5.0}}, {0: {END: 5.0}}])

    def next_scores(places: Sequence[int], tokens: Sequence[int]) -> Scores:
        calls.append((list(places), list(tokens)))
        return rows(next(texts))

    first = rows({place: {ZERO + place: 5.0} for place in range(3)})
    found = best_texts(first, RULES, [9, 9, 2], next_scores)
    assert [each.tokens for each in found] == [(ZERO,), (ZERO + 1, 1), (ZERO + 2, 2)]
    assert calls == [([0, 1, 2], [ZERO, ZERO + 1, ZERO + 2]), ([1], [1])]


def rows(of_each: Mapping[int, Mapping[int, float]], other: float = -30.0) -> Scores:
    """Scores of each text; what is not named is improbable."""
    scores = np.full((len(of_each), VOCABULARY), other, np.float32)
    for place, chosen in of_each.items():
        for token, score in chosen.items():
            scores[place, token] = score
    return scores


def test_nothing_is_computed_for_a_cap_of_one() -> None:
    decoder = RandomTexts(1, 2)
    found = best_texts(decoder.first(), RULES, [1, 1], decoder.next_scores)
    assert [len(each.tokens) for each in found] == [1, 1]
    assert decoder.steps == 0


def test_the_mean_is_over_the_tokens_and_has_the_end() -> None:
    word = np.log(1 / (1 + np.exp(-1)))
    steps = iter([rows({0: {1: 0.0, 2: -1.0}}), rows({0: {END: 1.0, 0: 0.0}})])
    (found,) = best_texts(rows({0: {ZERO: 3.0}}), RULES, [9], lambda *_: next(steps))
    assert found.tokens == (ZERO, 1)
    assert found.log_probability == pytest.approx((word + word) / 2, abs=1e-4)
    assert list(found.probabilities) == pytest.approx([np.exp(word)], abs=1e-4)


def complete(
    decoder: RandomTexts, seed: int, most: int, text: Tokens = (), total: float = 0.0
) -> Iterator[FoundText]:
    """All texts that end, or reach the cap."""
    if len(text) == most:
        yield FoundText(text, total / most)
        return
    for token, share in decoder.probabilities(seed, text).items():
        if token == END:
            yield FoundText(text, (total + np.log(share)) / max(1, len(text)))
        else:
            yield from complete(decoder, seed, most, (*text, token), total + np.log(share))


@given(SEEDS, st.integers(1, 4), st.sampled_from([-4.0, 0.0, 3.0]))
def test_so_many_beams_that_they_are_all_texts_find_the_best(seed: int, most: int, ending: float) -> None:
    decoder = RandomTexts(seed, ending=ending)
    expected = max(complete(decoder, seed, most), key=lambda each: each.log_probability)
    found = best_of_beams(decoder.first(), RULES, most, 250, decoder.next_scores)
    assert_same(found, expected)


def beams_slowly(decoder: RandomTexts, seed: int, most: int, beams: int) -> FoundText:
    """Of the texts so far, each with each token, twice as many as there are beams are looked at."""
    live: list[tuple[float, Tokens]] = [(0.0, ())]
    ended: list[FoundText] = []
    while live and len(ended) < beams:
        longer = sorted(
            (
                (total + np.log(share), (*text, token))
                for total, text in live
                for token, share in decoder.probabilities(seed, text).items()
            ),
            reverse=True,
        )[: 2 * beams]
        for total, text in longer[:beams]:
            whole = text[:-1] if text[-1] == END else text
            if text[-1] == END or len(text) == most:
                ended.append(FoundText(whole, total / max(1, len(whole))))
        if len(longer[0][1]) == most:
            break
        live = [each for each in longer if each[1][-1] != END][:beams]
    return max(ended, key=lambda each: each.log_probability)


@given(SEEDS, st.integers(1, 9), st.integers(1, 5), st.sampled_from([-3.0, 0.0, 3.0]))
def test_beams_follow_the_best_texts(seed: int, most: int, beams: int, ending: float) -> None:
    decoder = RandomTexts(seed, ending=ending)
    expected = beams_slowly(decoder, seed, most, beams)
    assert_same(best_of_beams(decoder.first(), RULES, most, beams, decoder.next_scores), expected)


def test_beams_find_what_the_best_token_each_time_misses() -> None:
    """The best first word has many ways to go on, the second one a single one."""
    steps = {
        (): {ZERO: 0.0},
        (ZERO,): {0: np.log(0.55), 1: np.log(0.45)},
        (ZERO, 0): {0: np.log(0.4), 1: np.log(0.3), 2: np.log(0.3)},
        (ZERO, 1): {2: 0.0},
    }
    texts: list[Tokens] = [()]

    def next_scores(places: Sequence[int], tokens: Sequence[int]) -> Scores:
        texts[:] = [(*texts[place], token) for place, token in zip(places, tokens, strict=True)]
        return rows({place: steps.get(text, {END: 0.0}) for place, text in enumerate(texts)})

    (greedy,) = best_texts(rows({0: steps[()]}), RULES, [9], next_scores)
    assert greedy.tokens == (ZERO, 0, 0)
    texts[:] = [()]
    found = best_of_beams(rows({0: steps[()]}), RULES, 9, 2, next_scores)
    assert found.tokens == (ZERO, 1, 2)
    assert found.log_probability == pytest.approx(np.log(0.45) / 3, abs=1e-3)


def test_beams_stop_at_the_cap() -> None:
    decoder = RandomTexts(4, ending=-50.0)
    found = best_of_beams(decoder.first(), RULES, 5, 3, decoder.next_scores)
    assert len(found.tokens) == 5
    assert decoder.steps == 4


def test_beams_stop_once_as_many_texts_have_ended() -> None:
    decoder = RandomTexts(4, ending=50.0)
    best_of_beams(decoder.first(), RULES, 100, 2, decoder.next_scores)
    assert decoder.steps == 1


def test_beams_stop_once_no_text_can_go_on() -> None:
    steps = iter([rows({0: {1: 0.0}}, -np.inf), rows({0: {END: 0.0}}, -np.inf)])
    found = best_of_beams(rows({0: {ZERO: 0.0}}, -np.inf), RULES, 9, 3, lambda *_: next(steps))
    assert (found.tokens, found.log_probability) == ((ZERO, 1), 0.0)


def test_one_beam_writes_what_the_best_token_each_time_does() -> None:
    for seed in range(20):
        decoder = RandomTexts(seed)
        expected = greedily(decoder, seed, 8)
        found = best_of_beams(decoder.first(), RULES, 8, 1, decoder.next_scores)
        assert found.tokens == expected.tokens
        assert found.log_probability == pytest.approx(expected.log_probability, abs=1e-4)
