"""What the short window makes doubtful is heard once more, in a window a little wider."""

from pathlib import Path

import numpy as np
import pytest

from ringback.audio.samples import Samples
from ringback.engines import guards
from ringback.engines.base import Quality, Task
from ringback.engines.mel import FRAMES_PER_SECOND, MelExtractor, Mels
from ringback.engines.registry import ModelCatalogue
from support.kernels import COMPUTE_TYPE


@pytest.mark.parametrize(
    ("quality", "decodes"), [(Quality.FAST, 2), (Quality.DRAFT, 1), (Quality.ACCURATE, 1)]
)
def test_a_doubtful_segment_is_heard_again_in_a_window_a_little_wider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quality: Quality, decodes: int
) -> None:
    model = ModelCatalogue("tiny.en", tmp_path).load("tiny.en", "cpu", COMPUTE_TYPE, 1)
    windows: list[float] = []
    batch = MelExtractor.batch

    def spied(self: MelExtractor, segments: list[Samples], frames: int) -> Mels:
        windows.append(frames / FRAMES_PER_SECOND)
        return batch(self, segments, frames)

    monkeypatch.setattr(MelExtractor, "batch", spied)
    monkeypatch.setattr(guards, "needs_fallback", lambda *_: True)
    noise = np.random.default_rng(0).normal(0.0, 1e-3, 8_000).astype(np.float32)
    model.recognise([noise], Task("tiny.en", "en", quality=quality))
    assert len(windows) == decodes
    if quality is Quality.FAST:
        assert windows == pytest.approx([4.5, 10.5], abs=0.05)


def test_only_a_draft_keeps_what_the_cap_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelCatalogue("tiny.en", tmp_path).load("tiny.en", "cpu", COMPUTE_TYPE, 1)
    caps: list[int | None] = []
    usable_part = guards.usable_part

    def spied(tokens: list[int], eot: int, zero: int, duration: float, cap: int | None) -> guards.DecodedText:
        caps.append(cap)
        return usable_part(tokens, eot, zero, duration, cap)

    monkeypatch.setattr(guards, "usable_part", spied)
    monkeypatch.setattr(guards, "needs_fallback", lambda *_: False)
    second = np.random.default_rng(0).normal(0.0, 1e-3, 16_000).astype(np.float32)
    model.recognise([second], Task("tiny.en", "en", quality=Quality.DRAFT))
    assert caps == [None]
    model.recognise([second], Task("tiny.en", "en"))
    assert caps[1] == guards.token_cap(1.0, english=True)
