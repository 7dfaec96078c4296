"""Recordings in which the language changes, made of clips in one language each."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.harness.audio import RATE, decoded, wav_header
from bench.harness.clips import COMMITTED, CORPUS

SHARES = (10, 20, 30, 40, 50, 60, 70, 80, 90)
"""Per cent of a pair's time that are in its first language."""
PAIR_SECONDS = 40.0
PAUSES = (0.3, 0.5, 0.75, 1.0)
"""Seconds of near silence between two clips."""


@dataclass(frozen=True, slots=True)
class LanguageClip:
    path: Path
    seconds: float
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """A clip within a mixture; times are seconds."""

    start: float
    end: float
    clip: LanguageClip


@dataclass(frozen=True, slots=True)
class Mixture:
    name: str
    samples: npt.NDArray[np.int16]
    parts: tuple[SpokenPart, ...]

    @property
    def wav(self) -> bytes:
        raw = self.samples.tobytes()
        return wav_header(len(raw), RATE, 1, 16) + raw

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    def seconds_of(self, language: str) -> float:
        return sum(part.end - part.start for part in self.parts if part.clip.language == language)


def language_clips() -> list[LanguageClip]:
    """Of the shared corpus when it lies beside the checkout; else the committed ones."""
    folder = CORPUS if (CORPUS / "manifest.json").exists() else COMMITTED
    return [
        LanguageClip(
            folder / entry["path"],
            entry.get("dur") or entry["duration"],
            entry.get("lang") or entry["language"],
            entry["text"],
        )
        for entry in json.loads((folder / "manifest.json").read_text())
        if entry["text"] and not entry["text"].startswith("(") and (entry.get("ch") or entry["channels"]) == 1
    ]


def switching(clips: Sequence[LanguageClip], count: int, seed: int = 1) -> Iterator[Mixture]:
    """Conversations of three to six clips, no two neighbours in the same language."""
    chance = random.Random(seed)
    usable = [clip for clip in clips if 1.0 <= clip.seconds <= 15.0]
    languages = sorted({clip.language for clip in usable})
    for number in range(count):
        chosen: list[LanguageClip] = []
        for _ in range(chance.randint(3, 6)):
            others = [each for each in languages if not chosen or each != chosen[-1].language]
            language = chance.choice(others)
            chosen.append(chance.choice([clip for clip in usable if clip.language == language]))
        yield joined(f"switching {number}", chosen, [chance.choice(PAUSES) for _ in chosen])


def pairs(clips: Sequence[LanguageClip], first: str, second: str, seed: int = 1) -> Iterator[Mixture]:
    """One language, then the other, in each of the `SHARES`."""
    chance = random.Random(seed)
    for share in SHARES:
        chosen = [
            *_lasting(clips, first, PAIR_SECONDS * share / 100, chance),
            *_lasting(clips, second, PAIR_SECONDS * (100 - share) / 100, chance),
        ]
        yield joined(f"{first} {share} %, then {second}", chosen, [0.5] * len(chosen))


def _lasting(
    clips: Sequence[LanguageClip], language: str, seconds: float, chance: random.Random
) -> list[LanguageClip]:
    """Clips of a language that last about so long together."""
    usable = [clip for clip in clips if clip.language == language and clip.seconds <= 15.0]
    chosen: list[LanguageClip] = []
    while (remaining := seconds - sum(clip.seconds for clip in chosen)) > 1.0 or not chosen:
        fitting = [clip for clip in usable if clip.seconds <= remaining + 1.0]
        chosen.append(chance.choice(fitting or sorted(usable, key=lambda clip: clip.seconds)[:1]))
    return chosen


def joined(name: str, clips: Sequence[LanguageClip], pauses: Sequence[float]) -> Mixture:
    noise = np.random.default_rng(len(clips))
    pieces: list[npt.NDArray[np.int16]] = []
    parts = []
    at = 0
    for clip, pause in zip(clips, pauses, strict=True):
        samples = _levelled(clip.path)
        parts.append(SpokenPart(at / RATE, (at + len(samples)) / RATE, clip))
        quiet = noise.normal(0, 3, int(pause * RATE)).astype(np.int16)
        pieces += [samples, quiet]
        at += len(samples) + len(quiet)
    return Mixture(name, np.concatenate(pieces), tuple(parts))


@lru_cache(maxsize=200)
def _levelled(path: Path) -> npt.NDArray[np.int16]:
    """As loud as every other clip."""
    samples = decoded(path)
    loud = float(np.sqrt(np.mean(np.square(samples)))) or 1.0
    levelled: npt.NDArray[np.int16] = np.clip(samples * (0.06 / loud) * 32767, -32768, 32767).astype(np.int16)
    return levelled
