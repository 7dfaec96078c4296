"""The benchmarks find speech in a plain clone, and enough of it for their streams."""

from pathlib import Path

import numpy as np
import pytest
from bench.harness import clips
from bench.harness.audio import decoded
from bench.harness.plans import FINALIZED, Phrase, plans
from bench.live import AT_ONCE, LONGEST_CLIP, PROBE_SECONDS, SECONDS, SHORTEST_CLIP


@pytest.fixture(autouse=True)
def no_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "CORPUS", tmp_path / "none")


def test_recordings_have_clips_of_the_asked_lengths() -> None:
    found = clips.clips()
    assert len(found) > 3
    assert all(5 <= clip.seconds <= 15 for clip in found)
    assert "tests/audio" in clips.source()


@pytest.mark.parametrize(("count", "seconds"), [(max(AT_ONCE), SECONDS), (1, PROBE_SECONDS), (1, 0.1)])
def test_every_live_stream_has_a_phrase_to_finalize_behind(
    tmp_path: Path, count: int, seconds: float
) -> None:
    spoken = [
        Phrase(np.rint(decoded(clip.path) * 32767).astype(np.int16), clip.text, ())
        for clip in clips.clips(SHORTEST_CLIP, LONGEST_CLIP)
    ]
    made = plans(spoken, tmp_path, count, seconds)
    assert len(made) == count
    for plan in made:
        assert plan.seconds >= seconds
        assert len(plan.phrases) > FINALIZED
        assert 0 < plan.finalize <= 2 * 16_000 * plan.seconds + 2
