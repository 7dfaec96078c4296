"""Real speech with known text, and how much of it was heard wrongly."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whisper_normalizer.english import EnglishTextNormalizer

REPOSITORY = Path(__file__).parent.parent.parent
CORPUS = REPOSITORY.parent / "shared" / "corpus"
COMMITTED = REPOSITORY / "tests" / "audio"


@dataclass(frozen=True, slots=True)
class Clip:
    path: Path
    seconds: float
    text: str


def clips(shortest: float = 5.0, longest: float = 15.0) -> list[Clip]:
    """English clips of these lengths, longest first (the best order for every subject).

    From the shared corpus when it lies beside the checkout; else from the committed clips.
    """
    found = [clip for clip in _read(_source()) if shortest <= clip.seconds <= longest]
    return sorted(found, key=lambda clip: -clip.seconds)


def source() -> str:
    """Where `clips` come from, for the first line of a benchmark and for its results."""
    if _source() == COMMITTED:
        return "the clips of tests/audio; docs/performance.md has figures of a larger corpus"
    return "the corpus beside the checkout"


def _source() -> Path:
    return CORPUS if (CORPUS / "manifest.json").exists() else COMMITTED


def _read(folder: Path) -> list[Clip]:
    return [
        Clip(folder / entry["path"], entry.get("dur") or entry["duration"], entry["text"])
        for entry in json.loads((folder / "manifest.json").read_text())
        # "(10 seconds of silence)" describes the clip, and is not spoken.
        if (entry.get("lang") or entry["language"]) == "en"
        and entry["text"]
        and not entry["text"].startswith("(")
    ]


def word_error_rate(said: Sequence[str], recognised: Sequence[str]) -> float:
    """Per cent of words wrong, missing or added, over all pairs, after Whisper's English normaliser."""
    normalised = EnglishTextNormalizer()
    wrong = words = 0
    for truth, guess in zip(said, recognised, strict=True):
        reference = normalised(truth).split()
        wrong += _distance(reference, normalised(guess).split())
        words += len(reference)
    return 100 * wrong / words


def _distance(reference: list[str], guess: list[str]) -> int:
    row = list(range(len(guess) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(guess, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
