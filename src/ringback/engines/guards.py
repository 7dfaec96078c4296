"""Checks of what Whisper decoded in a short window: hallucination, repetition, an early end. Pure.

Whisper was trained on windows of 30 s. In a shorter one it may write on past the speech, repeat itself or
stop early. These rules find each of that; `whisper` then decodes the segment again.
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
DRAFT_PADDING = 2.5
"""The same for drafts, which are cut at a repetition and not decoded again.

Drafts of 197 beginnings of clips (1 to 6 s) differ from the finals in 6.7 % of the words with 4 s, 6.3 % with
3 and 5.7 % with 2.5, at a tenth less work."""
FALLBACK_PADDING = 6.0
"""Seconds by which the window is wider when a segment is decoded again (Whisper's temperature fallback has
the same place).

As good as the 30 s that Whisper was trained on (118 clips: 4.3 and 4.4 % errors, one word apart), at a fifth
of the work."""
MAX_REMAINDER = 1.2
"""Seconds between the last timestamp and the end of the speech; more than that is decoded again."""

_WHISPER_CAP = 224
_MAX_COMPRESSION = 2.4
_MIN_LOG_PROBABILITY = -1.0
_TIMESTAMP_STEP = 0.02


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The usable part of what one decode wrote."""

    tokens: tuple[int, ...]
    """Text tokens, without timestamps."""
    decoded_until: float
    """Seconds from the segment's start up to which the text covers its speech."""


def token_cap(seconds: float, *, english: bool, draft: bool = False) -> int:
    """The most tokens that `seconds` of speech can need; in other scripts a letter may be two of them.

    A draft runs on to it more often, as its speech is cut off in the middle, and what the fastest speaker
    loses by a lower one the next draft or the final gives back."""
    if english and draft:
        return min(_WHISPER_CAP, math.ceil(6 * seconds) + 6)
    return min(_WHISPER_CAP, math.ceil((8 if english else 20) * seconds) + 8)


def max_length(cap: int, prompt: int) -> int:
    """The `max_length` with which CTranslate2 writes `cap` tokens behind a prompt of so many: it writes at
    most half of it, and a prompt that is longer than all of it makes CTranslate2 4.8.5 crash."""
    return max(2 * cap, cap + prompt + 1)


def usable_part(
    tokens: Sequence[int], eot: int, timestamp_begin: int, duration: float, cap: int | None
) -> DecodedText:
    """Drop what follows a timestamp at or past the segment's end; find how far the text reaches.

    `eot` is the first special token, `timestamp_begin` the token that means 0.00 s. `cap` is how many tokens
    there may be; None: what was cut off by it is kept, as a draft's is, of which no remainder is decoded. An
    interim result would lose words that the one before had.
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
        return DecodedText(tuple(text), min(last_time, duration))
    if cap is not None and len(tokens) >= cap and closed:
        # Cut off in the middle of a sentence, which is left to the remainder that is decoded again.
        return DecodedText(tuple(text[:closed]), last_time)
    # The text ends without a timestamp: it is complete, and taken to reach the segment's end.
    return DecodedText(tuple(text), duration)


def remainder_is_due(decoded_until: float, duration: float) -> bool:
    """Whether so much of the segment is not covered that the remainder must be decoded too."""
    return duration - decoded_until > MAX_REMAINDER


def needs_fallback(text: str, log_probability: float) -> bool:
    """Whether the text looks like a repetition loop, or like a guess: it should be decoded again."""
    return is_improbable(log_probability) or compression_ratio(text) > _MAX_COMPRESSION or repeats(text)


def is_improbable(log_probability: float) -> bool:
    """Whether the mean log-probability of the tokens is below Whisper's threshold."""
    return log_probability < _MIN_LOG_PROBABILITY


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes the text; repetition compresses well. Whisper's own measure."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def repeats(text: str) -> bool:
    """Whether the text starts over, or has the same phrase twice running."""
    return _first_repetition(text.split()) is not None


def before_repetition(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words before a repetition loop; the phrase that is repeated is kept once."""
    if not words:
        return ()
    # Text without spaces is one phrase: it is kept or dropped as a whole.
    starts = [i for i, word in enumerate(words) if word.spaced or i == 0]
    texts = [joined(words[start:end]) for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]
    end = _first_repetition(texts)
    return tuple(words) if end is None else tuple(words[: starts[end]])


def _first_repetition(words: Sequence[str]) -> int | None:
    """How many words there are before a repetition begins; None: there is none."""
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
    starts = [len(words) - k for k in range(3, len(words) // 2 + 1) if words[:k] == words[-k:]]
    return min(starts, default=None)


def _stutters(words: Sequence[str]) -> int | None:
    """Behind the first phrase that is repeated at once: one or two words three times, a longer one twice."""
    for end in range(1, len(words)):
        for n in range(1, min(12, end) + 1):
            times = 3 if n <= 2 else 2
            phrase = words[end - n : end]
            if all(phrase == words[end + n * (i - 1) : end + n * i] for i in range(1, times)):
                return end
    return None
