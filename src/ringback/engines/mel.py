"""Log-mel spectrograms for windows no longer than the speech.

faster-whisper's extractor computes the padding too, and in double precision; here the padding is filled
in, and only the speech is transformed.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

from ringback.audio.samples import SAMPLE_RATE, Samples

HOP = 160
"""Samples from one frame to the next: 10 ms."""
FFT = 400
FRAMES_PER_SECOND = SAMPLE_RATE // HOP

Mels = npt.NDArray[np.float32]


class MelExtractor:
    """Whisper's input for models with `bands` mel bands (80, or 128 from large-v3 on)."""

    def __init__(self, bands: int) -> None:
        self._filters: Mels = FeatureExtractor.get_mel_filters(SAMPLE_RATE, FFT, n_mels=bands).astype(
            np.float32
        )
        self._window: Samples = np.hanning(FFT + 1)[:-1].astype(np.float32)

    def batch(self, segments: Sequence[Samples], frames: int) -> Mels:
        """Shape (segments, bands, frames); each segment stands at the start of its window."""
        mels = np.empty((len(segments), self._filters.shape[0], frames), np.float32)
        for mel, segment in zip(mels, segments, strict=True):
            self._fill(mel, segment)
        return mels

    def _fill(self, mel: Mels, segment: Samples) -> None:
        frames = min(mel.shape[1], -(-(len(segment) + FFT // 2) // HOP))
        spectrum = self._log_mel(segment, frames)
        # Whisper cuts off 8 powers of ten below the loudest point; silence lies on that floor.
        floor = spectrum.max(initial=-10.0) - 8.0
        mel[:, :frames] = (np.maximum(spectrum, floor) + 4.0) / 4.0
        mel[:, frames:] = (max(-10.0, floor) + 4.0) / 4.0

    def _log_mel(self, segment: Samples, frames: int) -> Mels:
        needed = (frames - 1) * HOP + FFT
        padded = np.zeros(max(needed, len(segment) + FFT // 2), np.float32)
        padded[FFT // 2 : FFT // 2 + len(segment)] = segment
        mirrored = segment[1 : FFT // 2 + 1][::-1]
        padded[FFT // 2 - len(mirrored) : FFT // 2] = mirrored
        slices = np.lib.stride_tricks.sliding_window_view(padded[:needed], FFT)[::HOP]
        transformed = np.fft.rfft(slices * self._window)
        power = transformed.real**2 + transformed.imag**2
        mel: Mels = np.log10(np.maximum(self._filters @ power.T, 1e-10))
        return mel
