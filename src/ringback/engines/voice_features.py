"""Log-mel features as Kaldi computes them, which CAM++ was trained on: 80 bands of 25 ms every 10 ms."""

import numpy as np
import numpy.typing as npt

from ringback.audio.samples import SAMPLE_RATE, Samples

Features = npt.NDArray[np.float32]
"""Shape (frames, 80)."""

HOP = 160
"""Samples from one frame to the next; frame i is around sample 160 · i + 80."""

_BANDS, _FRAME, _FFT = 80, 400, 512
_AT_ONCE = 500
"""Frames that are computed at once: those of a chunk would take 50 MB for a moment."""
_LOWEST, _HIGHEST = 20.0, 8_000.0
"""Hz."""
_PRE_EMPHASIS = np.float32(0.97)
_FLOOR = np.float32(np.finfo(np.float32).eps)


def voice_features(samples: Samples) -> Features:
    """One row for each 10 ms; the edges are mirrored."""
    frames = (len(samples) + HOP // 2) // HOP
    before = (_FRAME - HOP) // 2
    padded = np.pad(samples, (before, _FRAME), "symmetric")
    slices = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::HOP][:frames]
    features = np.empty((frames, _BANDS), np.float32)
    for first in range(0, frames, _AT_ONCE):
        features[first : first + _AT_ONCE] = _features_of(slices[first : first + _AT_ONCE])
    return features


def _features_of(slices: Samples) -> Features:
    """`slices`: shape (frames, 400)."""
    levelled = slices - slices.mean(axis=1, keepdims=True)
    sharpened = np.empty_like(levelled)
    sharpened[:, 1:] = levelled[:, 1:] - _PRE_EMPHASIS * levelled[:, :-1]
    sharpened[:, 0] = levelled[:, 0] * (1 - _PRE_EMPHASIS)
    spectrum = np.fft.rfft(sharpened * _WINDOW, _FFT)[:, :-1]
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    features: Features = np.log(np.maximum(power @ _FILTERS, _FLOOR))
    return features


def _filters() -> npt.NDArray[np.float32]:
    """What each frequency gives to each band, shape (256, 80): triangles on the mel scale."""
    mels = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), _BANDS + 2)
    below, centre, above = mels[:-2], mels[1:-1], mels[2:]
    bins = _mel(np.arange(_FFT // 2) * SAMPLE_RATE / _FFT)[:, None]
    triangles = np.minimum((bins - below) / (centre - below), (above - bins) / (above - centre))
    filters: npt.NDArray[np.float32] = np.maximum(0.0, triangles).astype(np.float32)
    return filters


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    mels: npt.NDArray[np.float64] = 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)
    return mels


_WINDOW: Samples = (np.hanning(_FRAME) ** 0.85).astype(np.float32)
"""Kaldi's "povey"."""
_FILTERS = _filters()
