"""Log-mel spectrograms for windows no longer than the speech.

As OpenAI's whisper/audio.py (MIT) computes them, but the padding is filled in: only the speech is
transformed, in single precision.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ringback.audio.samples import SAMPLE_RATE, Samples

HOP = 160
"""Samples from one frame to the next: 10 ms."""
FFT = 400
FRAMES_PER_SECOND = SAMPLE_RATE // HOP

Mels = npt.NDArray[np.float32]


_HZ_PER_MEL = 200.0 / 3
_LINEAR_UNTIL = 1_000.0
"""Hz: Slaney's scale is linear below, and above has 27 mels for a factor of 6.4."""
_LOG_STEP = np.log(6.4) / 27.0
_TOP = _LINEAR_UNTIL / _HZ_PER_MEL + np.log(SAMPLE_RATE / 2 / _LINEAR_UNTIL) / _LOG_STEP
"""Mels of the highest frequency."""


def mel_filters(bands: int) -> Mels:
    """What each frequency of the transform gives to each band, shape (bands, FFT / 2 + 1).

    Triangles between neighbours' centres on Slaney's scale, of the same area each, as librosa's default.
    """
    mels = np.linspace(0.0, _TOP, bands + 2)
    linear_top = _LINEAR_UNTIL / _HZ_PER_MEL
    hertz = np.where(
        mels < linear_top, _HZ_PER_MEL * mels, _LINEAR_UNTIL * np.exp(_LOG_STEP * (mels - linear_top))
    )
    below, centre, above = (each[:, None] for each in (hertz[:-2], hertz[1:-1], hertz[2:]))
    bins = np.fft.rfftfreq(FFT, 1.0 / SAMPLE_RATE)
    triangles = np.minimum((bins - below) / (centre - below), (above - bins) / (above - centre))
    filters: Mels = (np.maximum(0.0, triangles) * 2.0 / (above - below)).astype(np.float32)
    return filters


class MelExtractor:
    """Whisper's input for models with `bands` mel bands (80, or 128 from large-v3 on)."""

    def __init__(self, bands: int) -> None:
        self._filters = mel_filters(bands)
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
