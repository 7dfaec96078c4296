"""What several kinds of tests share: the corpus, and time that moves only when told to."""

import json
from pathlib import Path

import pytest

from support.clips import Clip
from support.clock import ManualClock

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"


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


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()
