"""What several kinds of tests share: the corpus, and time that moves only when told to."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
CLIPS = Path(__file__).parent / "audio"
CORPUS = REPOSITORY.parent / "shared" / "corpus"


@dataclass(frozen=True)
class Clip:
    """A real recording; `text` is what is said in it, if that is known."""

    path: Path
    duration: float
    channels: int
    language: str
    text: str | None


@pytest.fixture(scope="session")
def corpus() -> list[Clip]:
    """All clips of the shared corpus, which lies beside a working checkout but not on a user's machine."""
    manifest = CORPUS / "manifest.json"
    if not manifest.exists():
        pytest.skip("the speech corpus (../shared/corpus) is not on this machine")
    return [
        Clip(CORPUS / entry["path"], entry["dur"], entry["ch"], entry["lang"], entry["text"])
        for entry in json.loads(manifest.read_text())
    ]


class ManualClock:
    """A clock that a test moves by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._now += seconds
        self._monotonic += seconds

    def set_back(self, seconds: float) -> None:
        """Somebody sets the machine's clock back; no time passes."""
        self._now -= seconds


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()
