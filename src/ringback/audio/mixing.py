"""Several channels to one, as a stream; pure.

The mix is the mean of all channels. Where a channel is the inverse of another, as by a cable soldered the
wrong way round, the mean is silence although each channel is loud: there the loudest channel is used.
"""

import numpy as np

from ringback.audio.samples import Block


class Mixer:
    """Takes block after block, of any length; measures loudness over some tenths of a second."""

    def __init__(self) -> None:
        self._channels = np.zeros(0)  # Energy of each channel, the older the less …
        self._mean = 0.0  # … and of their mean.
        self._single: int | None = None  # The channel that is used in place of the mean.

    def mix(self, signal: Block, rate: int) -> Block:
        """The mix of `signal`, shape (channels, n), at `rate` Hz; shape (1, n)."""
        if len(signal) == 1:
            return signal
        mean: Block = signal.mean(axis=0, keepdims=True, dtype=np.float32)
        if not signal.shape[1]:
            return mean
        self._measure(signal, mean, rate)
        return mean if self._single is None else signal[self._single : self._single + 1]

    def _measure(self, signal: Block, mean: Block, rate: int) -> None:
        if len(self._channels) != len(signal):
            self._channels, self._mean, self._single = np.zeros(len(signal)), 0.0, None
        decay = 0.5 ** (signal.shape[1] / (rate * _HALF_LIFE))
        self._channels = self._channels * decay + np.einsum("ij,ij->i", signal, signal, dtype=np.float64)
        self._mean = self._mean * decay + float(np.einsum("ij,ij->", mean, mean, dtype=np.float64))
        # The energy of a mean of signals that have nothing to do with each other.
        expected = float(self._channels.sum()) / len(signal) ** 2
        if expected <= _SILENT * rate:
            return
        if self._mean < _CANCELLED * expected:
            if self._single is None or self._channels[self._single] < self._channels.max() / 2:
                self._single = int(self._channels.argmax())
        elif self._mean > _MIXABLE * expected:
            self._single = None


_HALF_LIFE = 0.2
"""Seconds after which loudness counts half."""
_CANCELLED, _MIXABLE = 0.02, 0.1
"""Share of the expected energy below which channels count as cancelling each other out (two channels: a mix
20 dB below either), and above which they no longer do."""
_SILENT = 1e-8
"""Mean square below which nothing is decided: rounding errors cancel out, too."""
