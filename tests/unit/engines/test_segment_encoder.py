"""One call of the encoder per segment on a CPU, one for all on a GPU, and the same output."""

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines.segment_encoder import SegmentEncoder, chosen_rows, floats, window_frames

SEGMENTS = [np.full(16_000 * n, 0.1 * n, np.float32) for n in (1, 2, 3)]


class Model:
    """An encoder whose output is every other mel frame's bands; it counts the segments of each call."""

    n_mels = 80

    def __init__(self) -> None:
        self.calls: list[int] = []

    def encode(self, mels: Any) -> Any:
        array = np.asarray(mels)
        self.calls.append(len(array))
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(array[:, :, ::2].transpose(0, 2, 1)))


@pytest.mark.parametrize(
    ("device", "batch", "calls"),
    [("cpu", SEGMENTS[:1] * 3, [1, 1, 1]), ("cpu", SEGMENTS[:1], [1]), ("cuda", SEGMENTS, [3])],
)
def test_a_processor_gets_one_segment_at_a_time(
    device: str, batch: Sequence[Samples], calls: Sequence[int]
) -> None:
    model, whole = Model(), Model()
    encoded = floats(SegmentEncoder(model, device).encode(batch, 4.5))
    assert model.calls == calls
    assert encoded.shape == (len(batch), 226, 80)
    assert np.array_equal(encoded, floats(SegmentEncoder(whole, "cuda").encode(batch, 4.5)))


def test_a_shorter_segment_has_a_shorter_window_and_silence_behind_it() -> None:
    model = Model()
    encoder = SegmentEncoder(model, "cpu")
    encoded = floats(encoder.encode([SEGMENTS[2], SEGMENTS[0]], 7.0))
    alone = floats(SegmentEncoder(Model(), "cpu").encode(SEGMENTS[:1], 5.0))
    assert np.array_equal(encoded[1:, :251], alone)
    assert np.all(encoded[1, 251:] == -1.0)
    assert encoded.shape == (2, 351, 80)
    assert len(model.calls) == 3
    encoder.encode([SEGMENTS[2], SEGMENTS[0]], 12.0)
    assert len(model.calls) == 6, "silence of the longer window"
    encoder.encode([SEGMENTS[2], SEGMENTS[0]], 11.0)
    assert len(model.calls) == 8, "silence that was computed before"


def test_in_the_full_window_each_segment_has_all_of_it() -> None:
    model = Model()
    encoded = floats(SegmentEncoder(model, "cpu").encode([SEGMENTS[2], SEGMENTS[0]], 30.0))
    assert model.calls == [1, 1]
    assert np.array_equal(encoded, floats(SegmentEncoder(Model(), "cuda").encode(SEGMENTS[2::-2], 30.0)))


def test_rows_are_chosen_in_the_order_that_is_asked() -> None:
    encoded = SegmentEncoder(Model(), "cpu").encode(SEGMENTS, 4.0)
    assert chosen_rows(encoded, [0, 1, 2]) is encoded
    assert np.array_equal(floats(chosen_rows(encoded, [2, 0])), floats(encoded)[[2, 0]])


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 2), (1.0, 102), (1.011, 102), (30.0, 3000), (99.0, 3000)]
)
def test_a_window_has_an_even_number_of_frames_and_at_most_thirty_seconds(
    seconds: float, frames: int
) -> None:
    assert window_frames(seconds) == frames
