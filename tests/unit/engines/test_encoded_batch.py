"""What a decoder attends to of several segments: each as it was, and nothing behind the shorter ones."""

import numpy as np
import pytest

from ringback.engines.whisper_decoder import EncodedBatch, Memory

HEADS, WIDTH = 2, 3


def memory_of(length: int) -> Memory:
    random = np.random.default_rng(length)
    return {
        "keys_0": random.normal(size=(1, HEADS, WIDTH, length)).astype(np.float32),
        "values_0": random.normal(size=(1, HEADS, length, WIDTH)).astype(np.float32),
    }


@pytest.mark.parametrize("lengths", [[4], [4, 7, 2], [3, 3]])
def test_each_segment_is_what_was_put(lengths: list[int]) -> None:
    batch = EncodedBatch(lengths)
    for place in reversed(range(len(lengths))):
        batch.put(place, memory_of(lengths[place]))
    assert len(batch) == len(lengths)
    assert {values.shape[0] for values in batch.memory.values()} == {len(lengths)}
    for place, length in enumerate(lengths):
        alone = batch.segment(place)
        assert list(alone.lengths) == [length]
        assert alone.hidden.shape == (1, 1, 1, length)
        assert not alone.hidden.any()
        for name, values in memory_of(length).items():
            assert np.array_equal(alone.memory[name], values)
            assert alone.memory[name].flags.c_contiguous


def test_what_a_shorter_segment_lacks_is_hidden() -> None:
    batch = EncodedBatch([2, 4])
    assert (batch.hidden[0, 0, 0] < -1e6).tolist() == [False, False, True, True]
    assert not batch.hidden[1].any()
