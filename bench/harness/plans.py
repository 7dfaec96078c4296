"""Streams made of real speech: clips one after the other, with pauses, and when each word of them ends.

The words' times are those that our own engine gives for each clip alone (recorded, not live; they are some
0.1 s from the truth). Every subject is measured against the same ones, by text: the times that it gives
itself do not count. Where a clip's sound begins and ends is read from its loudness.
"""

import http.client
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.harness.audio import RATE, decoded, wav_header
from bench.harness.clips import Clip
from bench.harness.server import HEADERS

LEAD, PAUSE = 0.5, 1.2
"""Seconds of quiet before the first phrase, and after each but the last."""
FINALIZED = 1
"""The phrase behind which a Finalize is sent: at once, before its pause."""
_AUDIBLE = 0.01
_GRAIN = RATE // 100


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    end: float


@dataclass(frozen=True, slots=True)
class Phrase:
    """A clip without the quiet around it; 16 bits. The words' ends are in its own time."""

    samples: "np.ndarray[tuple[int], np.dtype[np.int16]]"
    said: str
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A phrase of a stream: seconds, and which of the stream's words are its own."""

    start: float
    end: float
    words: range


@dataclass(frozen=True, slots=True)
class Plan:
    """One stream."""

    audio: Path
    seconds: float
    said: str
    words: tuple[SpokenWord, ...]
    """All of them, in the stream's time."""
    phrases: tuple[Placed, ...]

    @property
    def finalize(self) -> int:
        """The byte behind which a Finalize is sent."""
        return 2 * round(self.phrases[FINALIZED].end * RATE)


def phrase(clip: Clip, port: int) -> Phrase:
    """What our server on this port makes of a clip, as a recording."""
    samples = np.rint(decoded(clip.path) * 32767).astype(np.int16)
    whole = samples[: len(samples) // _GRAIN * _GRAIN].reshape(-1, _GRAIN)
    loud = np.sqrt(np.mean((whole / 32768.0) ** 2, axis=1))
    audible = np.flatnonzero(loud > _AUDIBLE * loud.max() + 0.001)
    samples = samples[audible[0] * _GRAIN : (audible[-1] + 1) * _GRAIN]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    body = wav_header(2 * len(samples), RATE, 1, 16) + samples.tobytes()
    connection.request("POST", "/v1/listen", body, HEADERS)
    response = json.loads(connection.getresponse().read())
    connection.close()
    words = response["results"]["channels"][0]["alternatives"][0]["words"]
    return Phrase(samples, clip.text, tuple(SpokenWord(plain(w["word"]), w["end"]) for w in words))


def plans(
    phrases: Sequence[Phrase], folder: Path, count: int, seconds: float, pause: float = PAUSE
) -> list[Plan]:
    """So many streams of at least this length, and of more phrases than `FINALIZED`; each begins with another
    phrase, as far as there are others."""
    rotated = ([*phrases[first:], *phrases[:first]] for first in (3 * n % len(phrases) for n in range(count)))
    return [
        _joined(turn, folder / f"{seconds}-{pause}-{n}.raw", seconds, pause) for n, turn in enumerate(rotated)
    ]


def plain(word: str) -> str:
    return re.sub(r"[^a-z0-9']", "", word.lower())


def _joined(phrases: Iterable[Phrase], path: Path, seconds: float, pause: float) -> Plan:
    # Not dead silence: a line always hisses.
    hiss = np.random.default_rng(1)
    pieces = [_quiet(LEAD, hiss)]
    at = len(pieces[0])
    said: list[str] = []
    words: list[SpokenWord] = []
    placed: list[Placed] = []
    for taken in cycle(phrases):
        if at >= seconds * RATE and len(placed) > FINALIZED:
            break
        if placed:
            pieces.append(_quiet(pause, hiss))
            at += len(pieces[-1])
        start, before = at / RATE, len(words)
        words += [SpokenWord(word.text, start + word.end) for word in taken.words]
        pieces.append(taken.samples)
        at += len(taken.samples)
        said.append(taken.said)
        placed.append(Placed(start, at / RATE, range(before, len(words))))
    path.write_bytes(np.concatenate(pieces).astype("<i2").tobytes())
    return Plan(path, at / RATE, " ".join(said), tuple(words), tuple(placed))


def _quiet(seconds: float, hiss: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    return hiss.integers(-6, 7, int(seconds * RATE), dtype=np.int16)
