"""Which texts are found: the rules for timestamps, the best token each time, and several texts at once."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.text_search import best_of_beams, best_texts
from ringback.engines.token_choice import Scores, TokenRules, log_sum

END, SPECIAL, ZERO, TOKENS = 4, 5, 6, 6 + 60
"""Of a small vocabulary: four words, the end, a token that is never written, timestamps from 0.00 s on."""
RULES = TokenRules(END, ZERO, np.array([SPECIAL]))


def allowed(scores: Scores, *written: int) -> set[int]:
    after = scores.copy()
    RULES.apply(after, written)
    assert all(after[token] == scores[token] for token in range(TOKENS) if after[token] > -np.inf)
    return {token for token in range(TOKENS) if after[token] > -np.inf}


FLAT = np.zeros(TOKENS, np.float32)
SPOKEN = FLAT.copy()
SPOKEN[: END + 1] = 9.0
"""Words and the end are far more probable than all timestamps together."""
WORDS, TIMES = set(range(END)), set(range(ZERO, TOKENS))


def test_a_text_begins_with_a_timestamp_of_at_most_a_second() -> None:
    assert allowed(SPOKEN) == set(range(ZERO, ZERO + 51))


def test_a_timestamp_at_the_beginning_is_followed_by_words() -> None:
    assert allowed(SPOKEN, ZERO) == WORDS | {END}


def test_a_timestamp_behind_words_is_followed_by_one_that_is_not_earlier_or_by_the_end() -> None:
    assert allowed(SPOKEN, ZERO, 1, ZERO + 7) == {END, *range(ZERO + 7, TOKENS)}


def test_two_timestamps_are_followed_by_words() -> None:
    assert allowed(SPOKEN, ZERO, 1, ZERO + 7, ZERO + 9) == WORDS | {END}


def test_behind_words_a_timestamp_is_later_than_the_one_before() -> None:
    assert allowed(SPOKEN, ZERO + 3, 1) == WORDS | {END} | set(range(ZERO + 4, TOKENS))


def test_timestamps_that_are_together_more_probable_than_any_word_are_written() -> None:
    assert allowed(FLAT, ZERO, 1) == TIMES - {ZERO}
    one_word = FLAT.copy()
    one_word[2] = np.log(58)
    assert allowed(one_word, ZERO, 1) == TIMES - {ZERO}
    one_word[2] = np.log(60)
    assert allowed(one_word, ZERO, 1) == WORDS | {END} | TIMES - {ZERO}


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40))
def test_the_sum_of_logarithms(values: list[float]) -> None:
    assert log_sum(np.array(values, np.float32)) == pytest.approx(
        float(np.log(np.exp(np.array(values, np.float64)).sum())), rel=1e-4, abs=1e-4
    )


def test_nothing_that_may_be_written_has_no_sum() -> None:
    assert log_sum(np.full(3, -np.inf, np.float32)) == -np.inf


def table(seed: int) -> Callable[[tuple[int, ...]], Scores]:
    """Scores of what follows on each text, the same each time."""

    def scores(text: tuple[int, ...]) -> Scores:
        random = np.random.default_rng([seed, *text])
        found = random.normal(0.0, 2.0, TOKENS).astype(np.float32)
        found[ZERO:] -= 6.0
        found[END] += 1.0
        return found

    return scores


class Decoder:
    """Decodes by such tables, one for each text."""

    def __init__(self, *seeds: int) -> None:
        self._tables = [table(seed) for seed in seeds]
        self._texts: list[tuple[int, ...]] = [() for _ in seeds]

    def first(self) -> Scores:
        return np.stack([scores(()) for scores in self._tables])

    def next_scores(self, places: Sequence[int], tokens: Sequence[int]) -> Scores:
        self._tables = [self._tables[place] for place in places]
        self._texts = [(*self._texts[place], token) for place, token in zip(places, tokens, strict=True)]
        return np.stack([scores(text) for scores, text in zip(self._tables, self._texts, strict=True)])


def slowly(seed: int, most: int) -> tuple[tuple[int, ...], float]:
    """The best token each time, stated once more."""
    text: tuple[int, ...] = ()
    total = 0.0
    while len(text) < most:
        scores = table(seed)(text)
        RULES.apply(scores, text)
        shares = scores - log_sum(scores)
        token = int(shares.argmax())
        total += float(shares[token])
        if token == END:
            break
        text = (*text, token)
    return text, total / len(text)


@pytest.mark.parametrize("seed", range(30))
def test_the_best_token_each_time_whatever_the_other_texts_do(seed: int) -> None:
    caps = [1 + (seed + place) % 9 for place in range(4)]
    decoder = Decoder(*range(seed, seed + 4))
    found = best_texts(decoder.first(), RULES, caps, decoder.next_scores)
    for place, text in enumerate(found):
        tokens, mean = slowly(seed + place, caps[place])
        assert text.tokens == tokens
        assert text.log_probability == pytest.approx(mean, abs=1e-4)
        words = [at for at, token in enumerate(tokens) if token < END]
        shares = [table(seed + place)(tokens[:at])[:END] for at in words]
        expected = [
            float(np.exp(share[tokens[at]] - log_sum(share))) for at, share in zip(words, shares, strict=True)
        ]
        assert text.probabilities == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_enough_beams_find_the_most_probable_of_the_texts_that_end_first(seed: int) -> None:
    """With as many beams as there are texts of two tokens, none is lost on the way."""
    decoder = Decoder(seed)
    found = best_of_beams(decoder.first(), RULES, 2, 300, decoder.next_scores)
    means = {}
    for first, second in itertools.product(range(TOKENS), range(TOKENS)):
        start, follow = table(seed)(()), table(seed)((first,))
        RULES.apply(start, ())
        RULES.apply(follow, (first,))
        if start[first] > -np.inf and follow[second] > -np.inf:
            total = float(start[first] - log_sum(start) + follow[second] - log_sum(follow))
            text = (first,) if second == END else (first, second)
            means[text] = total / len(text)
    best = max(means, key=lambda text: means[text])
    assert found.tokens == best
    assert found.log_probability == pytest.approx(means[best], abs=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_beams_find_no_less_than_one_text(seed: int) -> None:
    """Of sums, that is: a mean may be lower where the text is shorter."""
    one, five = Decoder(seed), Decoder(seed)
    (alone,) = best_texts(one.first(), RULES, [6], one.next_scores)
    found = best_of_beams(five.first(), RULES, 6, 5, five.next_scores)
    assert len(found.tokens) <= 6
    assert found.tokens[0] >= ZERO
    single = Decoder(seed)
    assert best_of_beams(single.first(), RULES, 6, 1, single.next_scores).tokens == alone.tokens
