"""How the voice in a stretch of speech sounds, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.float32]
"""Shape (n, 192); rows of unit length, whose products are cosines."""

DIMENSIONS = 192


@dataclass(frozen=True, slots=True)
class Voice:
    """A stretch of speech in which, as far as the models can tell, one person speaks."""

    start: float
    end: float
    """Seconds from the start of the samples that it was found in."""
    middle: float
    """Of what the embedding is of, which may reach beyond both ends."""
    covered: float
    """Seconds of speech that the embedding is of; below one it is not to be relied on."""
    goes_on: bool
    """Whether no change of speaker was heard between the one before and this one."""
    embedding: bytes
    """32-bit floats, of unit length (`Embeddings`)."""

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def shifted(self, seconds: float) -> "Voice":
        start, end, middle = (at + seconds for at in (self.start, self.end, self.middle))
        return replace(self, start=start, end=end, middle=middle)


def embeddings_of(voices: Sequence[Voice]) -> Embeddings:
    """One row for each."""
    return np.frombuffer(b"".join(voice.embedding for voice in voices), np.float32).reshape(-1, DIMENSIONS)


def unit(rows: npt.NDArray[np.float32]) -> Embeddings:
    """The rows at unit length; a row of zeros stays one."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Embeddings = (rows / np.maximum(length, _SMALLEST)).astype(np.float32)
    return scaled


_SMALLEST = 1e-9
