"""Recordings as the recogniser sees them."""

from pathlib import Path

import numpy as np

from ringback.audio.encodings import Decoding
from ringback.audio.recording import opened
from ringback.audio.samples import Samples


def samples_of(path: Path) -> Samples:
    """A whole recording, mixed down: for short clips only."""
    with opened(path, Decoding()) as decoder:
        return np.concatenate([block[0] for block in decoder.blocks()])
