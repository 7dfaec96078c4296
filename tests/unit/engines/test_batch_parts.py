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
    assert capfd.readouterr().err == (
        "the device has no memory for 40 segments of 5.0 s at once: halved\n"
        "the device has no memory for 20 segments of 5.0 s at once: halved\n"
    )


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


def test_a_larger_part_is_tried_after_a_hundred_that_fitted_and_not_before() -> None:
    parts, card = BatchParts("cuda"), Card(2)
    parts.compute(BATCH[:3], 5.0, card.compute)  # 3, 1, 1, 1: a part has 5 seconds now
    assert card.parts == [3, 1, 1, 1]
    card.segments = 100
    parts.compute(BATCH[:1] * 96, 5.0, card.compute)  # with them 99 have fitted
    card.parts.clear()
    parts.compute(BATCH[:5], 5.0, card.compute)
    assert card.parts == [1, 2, 2]


def test_parts_that_fitted_before_one_that_did_not_count_for_nothing() -> None:
    parts, card = BatchParts("cuda"), Card(1)
    parts.compute(BATCH[:1] * 60, 5.0, Card(100).compute)
    for _ in range(60):
        parts.compute(BATCH[:1], 5.0, card.compute)
    parts.compute(BATCH[:2], 5.0, card.compute)
    card.parts.clear()
    parts.compute(BATCH[:1] * 97, 5.0, card.compute)
    assert card.parts == [1] * 97


@pytest.mark.parametrize(
    "message", [FULL, "Failed to allocate 3 GB", "CUBLAS_STATUS_ALLOC_FAILED in gemm", "Out Of Memory"]
)
def test_the_ways_to_say_that_memory_is_full(message: str) -> None:
    def compute(part: Sequence[Samples]) -> list[int]:
        if len(part) > 1:
            raise RuntimeError(message)
        return [1]

    assert BatchParts("cuda").compute(BATCH[:2], 5.0, compute) == [1, 1]
    with pytest.raises(RuntimeError, match=message):
        BatchParts("cpu").compute(BATCH[:2], 5.0, compute)


def test_a_segment_that_does_not_fit_alone_and_other_errors_are_told() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        BatchParts("cuda").compute(BATCH, 5.0, Card(0).compute)

    def broken(part: Sequence[Samples]) -> list[int]:
        sizes.append(len(part))
        raise RuntimeError("an illegal memory access was encountered")

    sizes: list[int] = []
    with pytest.raises(RuntimeError, match="illegal"):
        BatchParts("cuda").compute(BATCH, 5.0, broken)
    assert sizes == [len(BATCH)]


def test_a_processor_takes_as_many_as_two_chunks_of_recordings_hold() -> None:
    parts, card = BatchParts("cpu"), Card(100)
    assert parts.compute(BATCH[:9], 19.0, card.compute) == list(range(9))
    assert card.parts == [2, 2, 2, 2, 1]
    card.parts.clear()
    parts.compute(BATCH[:3], 30.0, card.compute)
    assert card.parts == [1, 1, 1]
    card.parts.clear()
    parts.compute(BATCH[:2], 81.0, card.compute)
    assert card.parts == [1, 1]
    assert parts.compute([], 5.0, card.compute) == []
