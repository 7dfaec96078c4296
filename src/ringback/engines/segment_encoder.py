"""Whisper's encoder over a batch of segments, in the way that is the least work on the device.

Only the engine process imports this module.
"""

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.batch_parts import FULL_WINDOW
from ringback.engines.mel import FRAMES_PER_SECOND, MelExtractor, Mels

ENCODED_PER_SECOND = 50
"""Encoder outputs per second of a window: one for two mel frames."""
_SILENCE = -1.0
"""The mels behind speech of common loudness: 8 powers of ten below its loudest point."""
_SILENCE_STEP = 600
"""Mel frames."""


class SegmentEncoder:
    """Encodes on a GPU all segments in one call, on a CPU one after the other.

    What one layer makes of four windows of 12 s is 15 MB and more, which leaves a processor's caches, and
    glibc gets as much from the kernel again at each layer: a call for the four takes 365 ms, four calls 260.
    """

    def __init__(self, model: Any, device: str) -> None:
        """`model`: CTranslate2's `Whisper`."""
        self._model = model
        self._one_by_one = device == "cpu"
        self._bands = model.n_mels
        self._mels = MelExtractor(self._bands)
        self._silent: Mels | None = None

    def encode(self, batch: Sequence[Samples], window: float) -> Any:
        """The encoder's output, shape (segments, 50 per second of the window, width), as a `StorageView`.

        Each segment stands at the start of a window of `window` seconds. On a CPU a segment that is shorter
        than the longest one has a window that is shorter by as much, and the output of silence behind it;
        but not in the full window, which is asked for to be exact.
        """
        frames = window_frames(window)
        if not self._one_by_one or len(batch) == 1:
            return self._encode(self._mels.batch(batch, frames))
        excess = [0.0] * len(batch)
        if window < FULL_WINDOW:
            longest = max(map(seconds_of, batch))
            excess = [longest - seconds_of(segment) for segment in batch]
        parts = [
            self._own_window(segment, window_frames(window - less), frames)
            for segment, less in zip(batch, excess, strict=True)
        ]
        return ctranslate2.StorageView.from_array(np.concatenate(parts))

    def _own_window(self, segment: Samples, own: int, frames: int) -> Mels:
        """Shape (1, frames / 2, width): a window of `own` mel frames, and silence behind it."""
        output = floats(self._encode(self._mels.batch([segment], own)))
        if own == frames:
            return output
        return np.concatenate((output, self._silence(frames)[:, own // 2 : frames // 2]), axis=1)

    def _silence(self, frames: int) -> Mels:
        """The output of a silent window of at least so many mel frames, computed once."""
        silence = self._silent
        if silence is None or silence.shape[1] < frames // 2:
            # A few lengths, so that it is computed a few times at the most. Two threads may both do so.
            window = min(-(-frames // _SILENCE_STEP) * _SILENCE_STEP, window_frames(FULL_WINDOW))
            silent = np.full((1, self._bands, window), _SILENCE, np.float32)
            silence = self._silent = floats(self._encode(silent)).copy()
        return silence

    def _encode(self, mels: Mels) -> Any:
        return self._model.encode(ctranslate2.StorageView.from_array(mels))


def chosen_rows(encoded: Any, chosen: Sequence[int]) -> Any:
    """These segments of an encoder output; all of them in order need no copy."""
    if list(chosen) == list(range(encoded.shape[0])):
        return encoded
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(floats(encoded)[list(chosen)]))


def floats(encoded: Any) -> Mels:
    """An encoder output as an array; on a CPU it is a view, where the model computes in single precision."""
    on_cpu = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    if on_cpu.dtype != ctranslate2.DataType.float32:
        on_cpu = on_cpu.to(ctranslate2.DataType.float32)
    array: Mels = np.asarray(on_cpu)
    return array


def window_frames(seconds: float) -> int:
    """Mel frames of a window; an even number, because the encoder halves it."""
    return min(2 * int(seconds * FRAMES_PER_SECOND / 2 + 1), int(FULL_WINDOW) * FRAMES_PER_SECOND)


def seconds_of(segment: Samples) -> float:
    return len(segment) / SAMPLE_RATE
