"""The one form of audio that everything behind the decoder speaks."""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Hz."""

Samples = npt.NDArray[np.float32]
"""Mono at `SAMPLE_RATE`, −1.0 … 1.0, shape (n,)."""

Block = npt.NDArray[np.float32]
"""All channels at `SAMPLE_RATE` unless it is said otherwise, −1.0 … 1.0, shape (channels, n)."""
