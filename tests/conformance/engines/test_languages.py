"""The multilingual model on languages that people speak to it."""

from pathlib import Path

import pytest

from ringback.engines.base import Recogniser, Task
from ringback.engines.registry import ModelCatalogue
from ringback.transcript import joined
from support.kernels import COMPUTE_TYPE
from support.speech import samples_of

AUDIO = Path(__file__).parent.parent.parent / "audio"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    folder = tmp_path_factory.mktemp("models")
    return ModelCatalogue("tiny.en", folder).load("base", "cpu", COMPUTE_TYPE, 1)


SPOKEN = {
    "en": "librivox_0920.flac",
    "fr": "phone_fr_dir_instr.flac",
    "es": "phone_es_confbridge_begin_glorious_c.flac",
}


def test_each_segment_of_a_batch_is_identified_by_itself(base: Recogniser) -> None:
    found = base.identify([samples_of(AUDIO / name) for name in SPOKEN.values()])
    assert [max(languages, key=lambda code: languages[code]) for languages in found] == list(SPOKEN)


@pytest.mark.parametrize(
    ("language", "word"), [("en", "respectable"), ("fr", "appuyez"), ("es", "conferencia")]
)
def test_speech_is_recognised_in_the_language_it_is_said_to_be_in(
    base: Recogniser, language: str, word: str
) -> None:
    (recognised,) = base.recognise([samples_of(AUDIO / SPOKEN[language])], Task("base", language))
    assert word in joined(recognised.words)
