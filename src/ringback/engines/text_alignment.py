"""When each token was said, from where a decoder's heads looked while it was written. Pure.

As OpenAI's whisper/timing.py (MIT): the shares of attention, made comparable, smoothed and averaged, and
through them the path of the most attention (dynamic time warping).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_SMOOTHED = 7
"""Frames."""


def token_starts(scores: Floats, rows: Sequence[int]) -> npt.NDArray[np.int64]:
    """The frames at which the heads look for each of these tokens, along a path that does not go back.

    `scores`: shape (heads, tokens, frames), before the softmax, of all tokens of a text. Without frames all
    starts are 0.
    """
    if not scores.shape[2]:
        return np.zeros(len(rows), np.int64)
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    shares -= shares.mean(axis=1, keepdims=True)
    shares /= np.maximum(shares.std(axis=1, keepdims=True), np.float32(1e-20))
    return _path_starts(-_smoothed(shares[:, rows]).mean(axis=0))


def _smoothed(values: Floats) -> Floats:
    """The median of each frame and its neighbours, which are mirrored at both ends."""
    beside = _SMOOTHED // 2
    if values.shape[2] <= beside:
        return values
    padded = np.pad(values, ((0, 0), (0, 0), (beside, beside)), mode="reflect")
    lanes = [padded[:, :, at : at + values.shape[2]].copy() for at in range(_SMOOTHED)]
    for low, high in _MEDIAN_OF_7:
        smaller = np.minimum(lanes[low], lanes[high])
        np.maximum(lanes[low], lanes[high], out=lanes[high])
        lanes[low] = smaller
    return lanes[beside]


_MEDIAN_OF_7 = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)
"""Exchanges that bring the median of seven to its place (N. Devillard, "Fast median search", 1998)."""


def _path_starts(costs: Floats) -> npt.NDArray[np.int64]:
    """The column at which the cheapest path through the costs, from corner to corner, enters each row."""
    rows, columns = costs.shape
    steps_back = np.empty((rows, columns), np.bool_)
    """Whether the path comes to a place from the row above, and not along its own."""
    diagonal = np.empty((rows, columns), np.bool_)
    above = np.full(columns + 1, np.inf)
    above[0] = 0.0
    for row in range(rows):
        from_above = np.minimum(above[:-1], above[1:])
        so_far = np.cumsum(costs[row], dtype=np.float64)
        before = np.concatenate(([0.0], so_far[:-1]))
        best = so_far + np.minimum.accumulate(from_above - before)
        along = np.concatenate(([np.inf], best[:-1]))
        steps_back[row] = from_above < along
        diagonal[row] = above[:-1] < above[1:]
        above = np.concatenate(([np.inf], best))
    places = np.where(steps_back, np.arange(columns), 0)
    entered = np.maximum.accumulate(places, axis=1)
    starts = np.zeros(rows, np.int64)
    column = columns - 1
    for row in range(rows - 1, 0, -1):
        starts[row] = column = int(entered[row, column])
        if diagonal[row, column] and column:
            column -= 1
    return starts
