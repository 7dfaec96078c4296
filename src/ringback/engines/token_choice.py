"""Which token Whisper may write next: its rules for timestamps, as arrays of scores. Pure.

As OpenAI's whisper/decoding.py (MIT) has them: a text begins with a timestamp of at most a second; they come
in pairs, one that ends and one that begins, and do not go back; where all of them together are more probable
than any other token, one is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
"""One for each token of the vocabulary; what must not be written has minus infinity."""
_LATEST_FIRST = 50
"""Steps of 20 ms."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The special tokens of a vocabulary, and what is never written."""

    end_of_text: int
    """The first one that is no text."""
    first_timestamp: int
    suppressed: npt.NDArray[np.int64]
    """Among them the mark that no timestamps follow."""

    def apply(self, scores: Scores, written: Sequence[int]) -> None:
        """Forbid what may not follow on `written`, the tokens so far behind the prompt."""
        scores[self.suppressed] = -np.inf
        begin = self.first_timestamp
        if not written:
            scores[:begin] = -np.inf
            scores[begin + _LATEST_FIRST + 1 :] = -np.inf
            return
        last = written[-1]
        if last >= begin and (len(written) == 1 or written[-2] >= begin):
            scores[begin:] = -np.inf
            return
        if last >= begin:
            scores[: self.end_of_text] = -np.inf
            scores[begin:last] = -np.inf
        else:
            latest = next((token for token in reversed(written) if token >= begin), begin - 1)
            scores[begin : latest + 1] = -np.inf
        if log_sum(scores[begin:]) > scores[:begin].max():
            scores[:begin] = -np.inf


def log_sum(scores: Scores) -> float:
    """The logarithm of the sum of their exponentials."""
    top = scores.max()
    if top == -np.inf:
        return float(top)
    return float(top + np.log(np.exp(scores - top).sum()))
