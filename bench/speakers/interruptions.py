"""Conversations with music, noise or silence between some of their turns, in which no one speaks."""

import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from bench.harness.audio import RATE, decoded
from bench.harness.clips import CORPUS
from bench.speakers.talks import Talk, Turn

SOUNDS = (
    "moh_reno_project-system",
    "digital_silence_30s",
    "sb_noise4",
    "moh_macroform-the_simplicity",
    "digital_silence_30s",
    "moh_macroform-robot_dity",
    "sb_noise5",
)
"""Hold music, noise and silence of the corpus, in this order, over and over."""
SECONDS = 20.0
"""Of each at the most."""
EVERY = 4
"""Turns from one interruption to the next."""
MOST = 4
"""Conversations, the first ones."""


def interrupted(talks: Iterable[Talk], folder: Path, corpus: Path = CORPUS) -> Iterator[Talk]:
    """The first ones without speech of two at once, each written to `folder` with its interruptions;
    none where the corpus is not on this machine."""
    paths = [corpus / "nospeech" / f"{name}.flac" for name in SOUNDS]
    if not all(path.exists() for path in paths):
        return
    sounds = [decoded(path)[: int(SECONDS * RATE)] for path in paths]
    for talk in islice((talk for talk in talks if not _overlap(talk)), MOST):
        turns = sorted(talk.turns, key=_start)
        samples, moved = _interrupted(decoded(talk.path), turns, sounds)
        path = folder / f"{talk.name}_interrupted.wav"
        write_wav(path, samples)
        yield Talk(path.stem, path, tuple(moved))


def _overlap(talk: Talk) -> bool:
    """Whether two speak at once."""
    return any(one.end > other.start for one, other in pairwise(sorted(talk.turns, key=_start)))


def _start(turn: Turn) -> float:
    return turn.start


def _interrupted(
    samples: "np.ndarray", turns: Sequence[Turn], sounds: Sequence["np.ndarray"]
) -> tuple["np.ndarray", list[Turn]]:
    """A sound behind every fourth turn, and the turns at their new times."""
    parts: list[np.ndarray] = []
    moved: list[Turn] = []
    taken = added = 0
    for number, turn in enumerate(turns):
        moved.append(replace(turn, start=turn.start + added / RATE, end=turn.end + added / RATE))
        if number % EVERY == EVERY - 1:
            sound = sounds[number // EVERY % len(sounds)]
            until = int(turn.end * RATE)
            parts += [samples[taken:until], sound]
            taken, added = until, added + len(sound)
    return np.concatenate([*parts, samples[taken:]]), moved


def write_wav(path: Path, samples: "np.ndarray") -> None:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((samples * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())
