"""A batch that does not fit a device's memory costs time, and no transcript."""

from collections.abc import Sequence

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.batch_parts import BatchParts

BATCH = [np.full(10, i, np.float32) for i in range(40)]
FULL = "CUDA failed with error out of memory"


class Card:
    """Memory for so many segments at once."""

    def __init__(self, segments: int) -> None:
        self.segments = segments
        self.parts: list[int] = []

    def compute(self, part: Sequence[Samples]) -> list[int]:
        self.parts.append(len(part))
        if len(part) > self.segments:
            raise RuntimeError(FULL)
        return [int(segment[0]) for segment in part]


def test_a_part_that_does_not_fit_is_halved_until_it_does(capfd: pytest.CaptureFixture[str]) -> None:
    parts, card = BatchParts("cuda"), Card(12)
    assert parts.compute(BATCH, 5.0, card.compute) == list(range(40))
    assert card.parts == [40, 20, 10, 10, 10, 10]
    assert "no memory for 40 segments" in capfd.readouterr().err


def test_later_parts_are_no_longer_in_seconds() -> None:
    parts, card = BatchParts("cuda"), Card(12)
    parts.compute(BATCH, 5.0, card.compute)
    card.parts.clear()
    assert parts.compute(BATCH[:10], 10.0, card.compute) == list(range(10))
    assert card.parts == [5, 5]


def test_memory_that_is_free_again_is_used_again() -> None:
    parts, card = BatchParts("cuda"), Card(12)
    parts.compute(BATCH, 5.0, card.compute)
    card.segments = 100
    for _ in range(100):
        parts.compute(BATCH[:10], 5.0, card.compute)
    card.parts.clear()
    parts.compute(BATCH, 5.0, card.compute)
    assert card.parts == [20, 20]


def test_a_segment_that_does_not_fit_alone_and_other_errors_are_told() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        BatchParts("cuda").compute(BATCH, 5.0, Card(0).compute)

    def broken(_: Sequence[Samples]) -> list[int]:
        raise RuntimeError("an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        BatchParts("cuda").compute(BATCH, 5.0, broken)


def test_a_processor_takes_as_many_as_one_full_window_costs() -> None:
    parts, card = BatchParts("cpu"), Card(100)
    assert parts.compute(BATCH, 10.0, card.compute) == list(range(40))
    assert card.parts == [9, 9, 9, 9, 4]
    card.parts.clear()
    parts.compute(BATCH[:2], 30.0, card.compute)
    assert card.parts == [1, 1]
