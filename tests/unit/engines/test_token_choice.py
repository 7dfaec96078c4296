"""Which token may come next: each rule by itself, and all of them beside a slow statement of the same."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ringback.engines.token_choice import Scores, TokenRules, log_sum

END = 10
"""0 to 9 are text."""
NO_TIMESTAMPS = 15
ZERO = 16
"""0.00 s."""
LAST = ZERO + 80
VOCABULARY = LAST + 1
SUPPRESSED = (3, 7, 12, NO_TIMESTAMPS)
RULES = TokenRules(END, ZERO, np.array(SUPPRESSED, np.int64))
EQUAL = -1.0


def scores_of(**chosen: float) -> Scores:
    """All equal, but for `t5=…`, a token of text, `at5=…`, a timestamp, and `end=…`; timestamps are rare."""
    scores = np.full(VOCABULARY, EQUAL, np.float32)
    scores[ZERO:] = -20.0
    for name, score in chosen.items():
        scores[token_of(name)] = score
    return scores


def token_of(name: str) -> int:
    if name == "end":
        return END
    return ZERO + int(name[2:]) if name.startswith("at") else int(name[1:])


def allowed(written: Sequence[int], scores: Scores | None = None) -> set[int]:
    """What may follow. Of the rest the scores stay what they were."""
    scores = scores_of() if scores is None else scores
    before = scores.copy()
    RULES.apply(scores, written)
    possible = np.flatnonzero(scores > -np.inf)
    assert np.array_equal(scores[possible], before[possible])
    return set(possible.tolist())


def text() -> set[int]:
    return set(range(END)) - set(SUPPRESSED)


def special() -> set[int]:
    """The end, and what else is neither text nor a timestamp."""
    return set(range(END, ZERO)) - set(SUPPRESSED)


def times(first: int, last: int = LAST - ZERO) -> set[int]:
    return set(range(ZERO + first, ZERO + last + 1))


def test_a_text_begins_with_a_timestamp_of_at_most_a_second() -> None:
    assert allowed([], scores_of(t5=50.0, end=50.0)) == times(0, 50)


def test_no_timestamp_follows_on_the_first() -> None:
    assert allowed([ZERO], scores_of(at0=9.0, at7=9.0)) == text() | special()
    assert allowed([ZERO + 50], scores_of(at60=9.0)) == text() | special()


def test_later_timestamps_follow_on_text() -> None:
    assert allowed([ZERO + 4, 1, 2]) == text() | special() | times(5)


def test_the_latest_timestamp_counts_wherever_it_stands() -> None:
    assert allowed([ZERO + 4, 1, ZERO + 30, ZERO + 31, 1, 2, 5]) == text() | special() | times(32)


def test_text_without_any_timestamp_leaves_all_of_them() -> None:
    assert allowed([1]) == text() | special() | times(0)


def test_no_text_follows_on_a_timestamp_that_ends_one() -> None:
    scores = scores_of(t5=50.0, end=5.0)
    assert allowed([ZERO + 4, 1, ZERO + 30], scores) == special() | times(30)


def test_text_follows_on_a_pair() -> None:
    scores = scores_of(at40=50.0)
    assert allowed([ZERO + 4, 1, ZERO + 30, ZERO + 30], scores) == text() | special()


def test_a_timestamp_is_written_where_all_together_are_more_probable_than_any_other_token() -> None:
    each = math.log(2.0) - math.log(76)
    scores = scores_of(t5=math.log(1.9), **{f"at{step}": each for step in range(5, 81)})
    assert each < math.log(1.9)
    assert allowed([ZERO + 4, 1], scores) == times(5)
    scores = scores_of(t5=math.log(2.1), **{f"at{step}": each for step in range(5, 81)})
    assert allowed([ZERO + 4, 1], scores) == text() | special() | times(5)


def test_the_end_counts_as_another_token() -> None:
    written = [ZERO + 4, 1, ZERO + 30]
    assert allowed(written, scores_of(end=3.0, at30=2.0, at31=2.0)) == special() | times(30)
    assert allowed(written, scores_of(end=2.5, at30=2.0, at31=2.0)) == times(30)


def test_timestamps_that_may_not_follow_do_not_count() -> None:
    assert allowed([ZERO + 4, 1], scores_of(at3=50.0, at4=50.0)) == text() | special() | times(5)
    written = [ZERO + 4, 1, ZERO + 30]
    assert allowed(written, scores_of(at29=50.0, end=5.0)) == special() | times(30)


def test_what_is_never_written_does_not_count() -> None:
    scores = scores_of(at9=0.0, t3=50.0, t12=50.0, t15=50.0)
    assert allowed([ZERO + 4, 1], scores) == times(5)


def test_text_that_may_not_follow_does_not_count() -> None:
    assert allowed([ZERO + 4, 1, ZERO + 30], scores_of(t5=50.0, at31=0.0)) == times(30)


def test_as_probable_is_not_more_probable() -> None:
    scores = np.full(VOCABULARY, -np.inf, np.float32)
    scores[[5, LAST]] = 1.0
    assert allowed([ZERO + 4, 1], scores) == {5, LAST}


def test_behind_the_last_timestamp_only_text_and_the_end_are_left() -> None:
    assert allowed([ZERO + 4, 1, LAST, LAST, 1]) == text() | special()
    assert allowed([ZERO + 4, 1, LAST], scores_of(end=5.0)) == special() | {LAST}


def slowly_allowed(written: Sequence[int], scores: Scores) -> tuple[set[int], float]:
    """The rules, token by token; and how much more probable all timestamps are than any other token."""
    possible = {token for token in range(VOCABULARY) if may_follow(token, written)}
    if not written:
        return possible, math.inf
    if not any(token >= ZERO for token in possible):
        return possible, -math.inf
    timestamps = math.fsum(math.exp(scores[token]) for token in possible if token >= ZERO)
    other = max(math.exp(scores[token]) for token in possible if token < ZERO)
    more = math.log(timestamps / other)
    return ({token for token in possible if token >= ZERO} if more > 0 else possible), more


def may_follow(token: int, written: Sequence[int]) -> bool:
    if token in SUPPRESSED:
        return False
    marks = [mark for mark in written if mark >= ZERO]
    is_mark = token >= ZERO
    match [each >= ZERO for each in written[-2:]]:
        case []:
            return ZERO <= token <= ZERO + 50
        case [True] | [True, True]:
            return not is_mark
        case [False, True]:
            return token >= marks[-1] if is_mark else token >= END
        case _:
            return not is_mark or not marks or token > marks[-1]


WRITTEN = st.lists(st.integers(0, END - 1) | st.integers(ZERO, LAST), max_size=8)


@given(WRITTEN, st.integers(0, 1 << 32), st.sampled_from([-6.0, -4.0, -2.0, 0.0, 2.0]))
def test_the_rules_hold_for_any_text(written: list[int], seed: int, of_timestamps: float) -> None:
    scores = np.random.default_rng(seed).normal(0, 2, VOCABULARY).astype(np.float32)
    scores[ZERO:] += of_timestamps
    expected, more = slowly_allowed(written, scores)
    assume(abs(more) > 1e-4)
    assert allowed(written, scores) == expected


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20))
def test_the_logarithm_of_a_sum(values: list[float]) -> None:
    expected = math.log(math.fsum(map(math.exp, values)))
    assert log_sum(np.array(values, np.float32)) == pytest.approx(expected, abs=1e-4)


def test_the_logarithm_of_a_sum_does_not_overflow() -> None:
    for far in (3e38, 1e4, -1e4):
        assert log_sum(np.array([far, far], np.float32)) == pytest.approx(far + math.log(2), rel=1e-6)
    assert log_sum(np.array([0.0, -3e38], np.float32)) == 0.0


def test_what_is_impossible_adds_nothing() -> None:
    assert log_sum(np.array([-np.inf, 2.0, -np.inf], np.float32)) == 2.0
    assert log_sum(np.full(5, -np.inf, np.float32)) == -math.inf
