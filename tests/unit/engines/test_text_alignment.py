"""When tokens were said: the path through where the decoder looked."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ringback.engines.text_alignment import _path_starts, _smoothed, token_starts

Floats = npt.NDArray[np.float32]


def looks(heads: int, tokens: int, frames: int, at: list[int]) -> Floats:
    """Each token looks at seven frames from its own on."""
    scores = np.random.default_rng(0).normal(0.0, 0.2, (heads, tokens, frames)).astype(np.float32)
    for token, frame in enumerate(at):
        scores[:, token, frame : frame + 7] += 8.0
    return scores


AT = [2, 10, 17, 30, 41]


@pytest.mark.parametrize("tokens", [[0, 1, 2, 3, 4], [0, 2, 4], [1, 3]])
def test_tokens_begin_where_the_heads_look_next(tokens: list[int]) -> None:
    """Between the frames of one and those of the next, wherever that is: no token is there."""
    starts = token_starts(looks(3, 5, 50, AT), tokens).tolist()
    assert starts[0] == 0
    for before, token, start in zip(tokens, tokens[1:], starts[1:], strict=False):
        assert AT[before] + 4 <= start <= AT[token] + 1


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_few_frames(frames: int) -> None:
    starts = token_starts(looks(2, 3, frames, []), range(3))
    assert starts.shape == (3,)
    assert (np.diff(starts) >= 0).all()
    assert (starts < frames).all()


def test_no_frames() -> None:
    assert token_starts(np.zeros((2, 3, 0), np.float32), range(3)).tolist() == [0, 0, 0]


def test_heads_that_look_everywhere_alike_give_numbers() -> None:
    starts = token_starts(np.zeros((2, 3, 9), np.float32), range(3))
    assert (np.diff(starts) >= 0).all()


@given(arrays(np.float32, (1, 2, 12), elements=st.floats(-5, 5, width=32)))
def test_a_median_of_seven_mirrored_at_both_ends(values: Floats) -> None:
    padded = np.pad(values, ((0, 0), (0, 0), (3, 3)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=2)
    assert np.array_equal(_smoothed(values), np.median(windows, axis=3))


@given(
    st.integers(1, 6).flatmap(
        lambda rows: st.integers(rows, 12).flatmap(
            lambda columns: arrays(
                np.float32, (rows, columns), elements=st.floats(-5, 5, width=16), unique=True
            )
        )
    )
)
def test_the_path_is_a_cheapest_one(costs: Floats) -> None:
    rows, columns = costs.shape
    starts = _path_starts(costs).tolist()
    assert starts[0] == 0
    assert all(first <= second for first, second in pairwise(starts))
    assert cheapest_with(costs, starts) == pytest.approx(cheapest(costs), abs=1e-3)
    assert all(0 <= start < columns for start in starts)
    assert len(starts) == rows


def cheapest(costs: Floats) -> float:
    """From corner to corner, a step down, right or both at a time."""
    rows, columns = costs.shape
    best = np.full((rows + 1, columns + 1), np.inf)
    best[0, 0] = 0.0
    for row in range(rows):
        for column in range(columns):
            before = min(best[row, column], best[row, column + 1], best[row + 1, column])
            best[row + 1, column + 1] = before + costs[row, column]
    return float(best[rows, columns])


def cheapest_with(costs: Floats, starts: list[int]) -> float:
    """The cheapest path that enters the rows there: each row is left where the next is entered, or before."""
    rows, columns = costs.shape
    best = {0: 0.0}
    for row in range(rows):
        entered = best.get(starts[row], np.inf)
        sums = entered + np.cumsum(costs[row, starts[row] :].astype(np.float64))
        best = {starts[row] + at: float(total) for at, total in enumerate(sums)}
        if row + 1 < rows:
            following = starts[row + 1]
            best = {following: min(best.get(following, np.inf), best.get(following - 1, np.inf))}
    return best[columns - 1]
