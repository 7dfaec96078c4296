"""A batch in parts that fit the memory of the device that computes it."""

import sys
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from ringback.audio.samples import Samples

FULL_WINDOW = 30.0
"""Seconds; the window that Whisper was trained on."""
_MAX_SECONDS_ON_CPU = 48.0
"""In the windows of one part: two chunks of recordings, four clips. While a part is decoded, each second
takes 0.6 MB of the decoder's keys and values with tiny, 16 MB with large."""
_OUT_OF_MEMORY = ("out of memory", "failed to allocate", "cublas_status_alloc_failed")
"""How CTranslate2 and what it calls say so, in lower case."""
_SUCCESSES_TO_GROW = 100
R = TypeVar("R")


class BatchParts:
    """How many segments a device takes at once: on a GPU all, until its memory turned out not to be enough.

    A part that does not fit is computed again as two halves, so that a full card costs time and no
    transcript; later parts are no larger. After a hundred parts that fitted a larger one is tried again:
    another program may have had the memory.
    """

    def __init__(self, device: str) -> None:
        self._on_gpu = device == "cuda"
        self._most_seconds = float("inf")
        """Of audio in the windows of one part on a GPU."""
        self._fitted = 0
        self._lock = threading.Lock()

    def compute(
        self, batch: Sequence[Samples], window: float, compute: Callable[[Sequence[Samples]], Sequence[R]]
    ) -> list[R]:
        """What `compute` gives for each segment, in order, called with as many at once as memory allows in
        a window of so many seconds. Raises what `compute` raises, `RuntimeError` where the device has no
        memory for a single segment."""
        results: list[R] = []
        while len(results) < len(batch):
            part = batch[len(results) : len(results) + self._at_once(window)]
            try:
                computed = compute(part)
            except RuntimeError as error:
                if not self._on_gpu or len(part) == 1 or not _is_out_of_memory(error):
                    raise
                self._shrink(len(part), window)
            else:
                results += computed
                self._note_success()
        return results

    def _at_once(self, window: float) -> int:
        if not self._on_gpu:
            return max(1, int(_MAX_SECONDS_ON_CPU / window))
        with self._lock:
            return max(1, int(min(self._most_seconds / window, sys.maxsize)))

    def _shrink(self, count: int, window: float) -> None:
        with self._lock:
            self._most_seconds = min(self._most_seconds, count // 2 * window)
            self._fitted = 0
        # The serving process's log takes what this process writes.
        print(
            f"the device has no memory for {count} segments of {window:.1f} s at once: halved",
            file=sys.stderr,
            flush=True,
        )

    def _note_success(self) -> None:
        with self._lock:
            self._fitted += 1
            if self._fitted >= _SUCCESSES_TO_GROW:
                self._most_seconds *= 2
                self._fitted = 0


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in _OUT_OF_MEMORY)
