"""What keeps short windows honest: pure rules over what Whisper wrote.

Trained on windows of 30 s, Whisper may run on, repeat itself or stop early when its window is shorter.
These rules find each of that; `whisper` decodes such a segment again.
"""

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ringback.transcript import Word, joined

PADDING = 4.0
"""Seconds of silence after the longest speech in a window: with less, the model runs on past the end.

With 3 s one short segment in ten has to be decoded again, with 4 s one in forty, which is cheaper."""
WIDER = 6.0
"""Seconds by which the window is wider when a doubtful segment is decoded again.

As good as the 30 s that Whisper was trained on (118 clips: 4.3 and 4.4 % errors, one word apart), at a fifth
of the work."""
LEFT_OVER = 1.2
"""Seconds between the last timestamp and the end of the speech beyond which the rest is decoded again."""

_WHISPER_CAP = 224
_MAX_COMPRESSION = 2.4
_MIN_LOG_PROBABILITY = -1.0
_TIMESTAMP_STEP = 0.02


@dataclass(frozen=True, slots=True)
class Draft:
    """The believable part of what a decode wrote."""

    tokens: tuple[int, ...]
    """Text tokens, without timestamps."""
    heard_until: float
    """Seconds from the segment's start up to which its speech is accounted for."""


def token_cap(seconds: float, *, english: bool) -> int:
    """The most tokens that `seconds` of speech can need; in other scripts a letter may be two of them."""
    return min(_WHISPER_CAP, math.ceil((8 if english else 20) * seconds) + 8)


def believable(tokens: Sequence[int], eot: int, timestamp_begin: int, duration: float, cap: int) -> Draft:
    """Drop what follows a timestamp at or past the segment's end; find how far the text reaches.

    `eot` is the first special token, `timestamp_begin` the token that means 0.00 s.
    """
    text: list[int] = []
    closed, last_time = 0, 0.0
    for token in tokens:
        if token < eot:
            text.append(token)
        elif token >= timestamp_begin:
            closed, last_time = len(text), (token - timestamp_begin) * _TIMESTAMP_STEP
            if last_time >= duration - _TIMESTAMP_STEP / 2:
                break
    if closed == len(text):
        return Draft(tuple(text), min(last_time, duration))
    if len(tokens) >= cap and closed:
        # Cut off in the middle of a sentence: that sentence belongs to the rest, which is decoded again.
        return Draft(tuple(text[:closed]), min(last_time, duration))
    # The text ends without a timestamp: the model has said all, but not until when.
    return Draft(tuple(text), duration)


def rest_is_due(heard_until: float, duration: float) -> bool:
    """Whether so much of the segment is unaccounted for that it must be decoded again."""
    return duration - heard_until > LEFT_OVER


def doubtful(text: str, log_probability: float) -> bool:
    """Whether this reads like a loop, or like a guess."""
    return is_guess(log_probability) or compression(text) > _MAX_COMPRESSION or loops(text)


def is_guess(log_probability: float) -> bool:
    """Whether the mean log-probability of the tokens says that the model did not know."""
    return log_probability < _MIN_LOG_PROBABILITY


def compression(text: str) -> float:
    """How many times smaller zlib makes the text; repetition compresses well."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def loops(text: str) -> bool:
    """Whether the text starts over, or says the same thing twice running."""
    return _before_loop(text.split()) is not None


def unlooped(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words up to where they loop: what is said again and again is kept once."""
    if not words:
        return ()
    # Without spaces a phrase cannot be told from the next: such text stands or falls as one.
    starts = [i for i, word in enumerate(words) if word.spaced or i == 0]
    texts = [joined(words[start:end]) for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]
    end = _before_loop(texts)
    return tuple(words) if end is None else tuple(words[: starts[end]])


def _before_loop(words: Sequence[str]) -> int | None:
    """How many words there are before something is said again; None: they do not loop."""
    bare = [word.lower().strip(_PUNCTUATION) for word in words]
    found = [
        end for end in (_first_same_letters(words), _starts_over(bare), _stutters(bare)) if end is not None
    ]
    return min(found, default=None)


_SAME_LETTERS = re.compile(r"(\S{1,4}?)\1{5,}")
_PUNCTUATION = ".,!?;:\"'…-"


def _first_same_letters(words: Sequence[str]) -> int | None:
    return next((i for i, word in enumerate(words) if _SAME_LETTERS.search(word)), None)


def _starts_over(words: Sequence[str]) -> int | None:
    """Where the words begin again, if the last k of them are the first k."""
    again = [len(words) - k for k in range(3, len(words) // 2 + 1) if words[:k] == words[-k:]]
    return min(again, default=None)


def _stutters(words: Sequence[str]) -> int | None:
    """Behind the first phrase that is repeated at once: one or two words three times, a longer one twice."""
    for end in range(1, len(words)):
        for n in range(1, min(12, end) + 1):
            times = 3 if n <= 2 else 2
            phrase = words[end - n : end]
            if all(phrase == words[end + n * (i - 1) : end + n * i] for i in range(1, times)):
                return end
    return None
