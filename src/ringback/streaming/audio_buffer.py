"""The last seconds of a channel's audio, addressed by stream time."""

from collections import deque

import numpy as np

from ringback.audio.samples import Samples


class AudioBuffer:
    """Samples by their index in the stream; discarded block by block when they are not needed any more."""

    def __init__(self) -> None:
        self._blocks: deque[Samples] = deque()
        self._from = 0
        self.end = 0
        """One after the last sample."""

    def append(self, samples: Samples) -> None:
        self._blocks.append(samples)
        self.end += len(samples)

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` ≤ i < `end`, as far as they are still there."""
        pieces: list[Samples] = [np.zeros(0, np.float32)]
        at = self._from
        for block in self._blocks:
            if at < end and at + len(block) > start:
                pieces.append(block[max(0, start - at) : end - at])
            at += len(block)
        return np.concatenate(pieces)

    def discard_before(self, index: int) -> None:
        """Samples before this index will not be read again."""
        while self._blocks and self._from + len(self._blocks[0]) <= index:
            self._from += len(self._blocks.popleft())
