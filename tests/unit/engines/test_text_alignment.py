"""Where tokens begin: beside a plain statement of the same, and where heads look at one place clearly."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.engines.text_alignment import token_starts

Costs = npt.NDArray[np.float64]


def costs_of(scores: npt.NDArray[np.float32], rows: Sequence[int]) -> Costs:
    """What the path through the tokens and frames costs at each place."""
    shares = np.exp(scores.astype(np.float64))
    shares /= shares.sum(axis=2, keepdims=True)
    spread = shares.std(axis=1, keepdims=True)
    shares = (shares - shares.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    frames = scores.shape[2]
    if frames > 3:
        padded = np.pad(shares, ((0, 0), (0, 0), (3, 3)), mode="reflect")
        smooth = [np.median(padded[:, :, at : at + 7], axis=2) for at in range(frames)]
        shares = np.stack(smooth, axis=2)
    costs: Costs = -shares.mean(axis=0)[list(rows)]
    return costs


def cheapest(costs: Costs) -> float:
    """From corner to corner: one row on, one column on, or both."""
    rows, columns = costs.shape
    best = np.full((rows + 1, columns + 1), np.inf)
    best[0, 0] = 0.0
    for row in range(rows):
        for column in range(columns):
            before = min(best[row, column], best[row, column + 1], best[row + 1, column])
            best[row + 1, column + 1] = costs[row, column] + before
    return float(best[rows, columns])


def cost_of(starts: Sequence[int], costs: Costs) -> float:
    """Of the cheapest path that enters its rows at these columns."""
    total = 0.0
    for row, (first, after) in enumerate(zip(starts, (*starts[1:], costs.shape[1]), strict=True)):
        assert 0 <= first <= after <= costs.shape[1]
        total += float(costs[row, first:after].sum())
        if row + 1 < len(starts):
            # It comes to the next row aslant, or straight down, and then this row has that column, too.
            straight = float(costs[row, after])
            total += straight if first == after else min(0.0, straight)
    return total


def random_scores(seed: int, heads: int, tokens: int, frames: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 3, (heads, tokens, frames)).astype(np.float32)


@given(st.integers(0, 1 << 32), st.integers(1, 4), st.integers(2, 9), st.integers(1, 40), st.data())
@example(1, 2, 5, 3, None)
@example(2, 2, 5, 4, None)
@example(3, 6, 60, 1_500, None)
def test_the_path_is_the_cheapest(
    seed: int, heads: int, tokens: int, frames: int, data: st.DataObject | None
) -> None:
    scores = random_scores(seed, heads, tokens, frames)
    chosen = st.lists(st.integers(0, tokens - 1), min_size=1, max_size=tokens)
    rows = list(range(tokens)) if data is None else sorted(data.draw(chosen))
    costs = costs_of(scores, rows)
    starts = token_starts(scores, rows).tolist()
    assert starts[0] == 0
    assert len(starts) == len(rows)
    assert cost_of(starts, costs) == pytest.approx(cheapest(costs), abs=1e-3)


def looking_at(*frames: range, of: int) -> npt.NDArray[np.float32]:
    """A head's scores, where each token is said in these of so many frames."""
    scores = np.zeros((1, len(frames), of), np.float32)
    for token, said in enumerate(frames):
        scores[0, token, said.start : said.stop] = 8.0
    return scores


def test_tokens_begin_where_the_head_looks() -> None:
    scores = looking_at(range(15), range(15, 40), range(40, 55), range(55, 80), of=80)
    assert token_starts(scores, range(4)).tolist() == [0, 15, 40, 55]


def test_heads_are_averaged() -> None:
    clear = looking_at(range(15), range(15, 40), range(40, 60), of=60)
    vague = np.zeros_like(clear)
    assert token_starts(np.concatenate([vague, clear]), range(3)).tolist() == [0, 15, 40]


def test_only_the_rows_that_are_asked_for_have_starts() -> None:
    scores = looking_at(range(10), range(10, 30), range(30, 45), range(45, 70), of=70)
    assert token_starts(scores, [1, 3]).tolist()[0] == 0
    assert 30 <= token_starts(scores, [1, 3]).tolist()[1] <= 45


def test_a_glance_of_three_frames_is_smoothed_away() -> None:
    scores = looking_at(range(30), range(30, 60), of=60)
    before = token_starts(scores, range(2)).tolist()
    scores[0, 0, 45:48], scores[0, 1, 45:48] = 8.0, 0.0
    assert token_starts(scores, range(2)).tolist() == before == [0, 30]


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_more_tokens_than_frames_share_them(frames: int) -> None:
    starts = token_starts(random_scores(5, 2, 12, frames), range(12)).tolist()
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert max(starts) < frames


def test_without_frames_all_begin_at_once() -> None:
    starts = token_starts(np.zeros((6, 3, 0), np.float32), [0, 1, 2])
    assert starts.tolist() == [0, 0, 0]
    assert starts.dtype == np.int64


@pytest.mark.parametrize("frames", [1, 3, 4, 50])
def test_a_single_token_begins_at_the_beginning(frames: int) -> None:
    assert token_starts(random_scores(1, 6, 1, frames), [0]).tolist() == [0]


def test_a_token_and_its_end_may_be_the_same_row() -> None:
    starts = token_starts(random_scores(1, 6, 1, 50), [0, 0]).tolist()
    assert starts[0] == 0
    assert 0 <= starts[1] < 50


def test_scores_may_be_large() -> None:
    scores = looking_at(range(15), range(15, 40), of=40)
    assert token_starts(scores * 1_000 + 5_000, range(2)).tolist() == [0, 15]


def test_scores_stay_as_they_were() -> None:
    scores = random_scores(9, 2, 4, 30)
    before = scores.copy()
    token_starts(scores, range(4))
    assert np.array_equal(scores, before)
