"""The multilingual model on languages that people speak to it."""

from pathlib import Path

import numpy as np
import pytest

from ringback.engines.base import Recogniser, Task
from ringback.engines.registry import ModelCatalogue
from ringback.transcript import joined
from support.speech import samples_of

AUDIO = Path(__file__).parent.parent.parent / "audio"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    folder = tmp_path_factory.mktemp("models")
    return ModelCatalogue("tiny.en", folder).load("base", "cpu", "default", 1)


def test_each_segment_of_a_batch_is_heard_in_its_own_language(base: Recogniser) -> None:
    names = ["librivox_0920.flac", "phone_fr_dir_instr.flac", "phone_es_confbridge_begin_glorious_c.flac"]
    batch = [samples_of(AUDIO / name) for name in names]
    heard = base.recognise(batch, Task("base", None))
    assert [recognition.language for recognition in heard] == ["en", "fr", "es"]
    assert "respectable" in joined(heard[0].words)
    assert all(recognition.words for recognition in heard)


def test_only_candidates_are_considered(base: Recogniser) -> None:
    french = samples_of(AUDIO / "phone_fr_dir_instr.flac")
    (heard,) = base.recognise([french], Task("base", None, candidates=("en", "es")))
    assert heard.language in {"en", "es"}
    (heard,) = base.recognise([french], Task("base", None, candidates=("en", "fr")))
    assert heard.language == "fr"


def test_a_doubtful_segment_s_language_keeps_its_confidence(base: Recogniser) -> None:
    """A beep is decoded twice; what was found out about its language the first time still counts."""
    times = np.arange(8_000, dtype=np.float32) / 16_000
    beep = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    (heard,) = base.recognise([beep], Task("base", None))
    assert heard.language_confidence is not None
