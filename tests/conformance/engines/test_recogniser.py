"""What every recogniser promises, held against each that we have."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Quality, Recogniser, Task
from ringback.engines.registry import ModelCatalogue
from support.accuracy import word_error_rate
from support.kernels import COMPUTE_TYPE
from support.speech import samples_of
from support.transducer import FOLDER, MODEL

AUDIO = Path(__file__).parent.parent.parent / "audio"
Load = Callable[[Path], Recogniser]


CLIPS = ("librivox_0880.flac", "librivox_0920.flac", "librivox_0930.flac")
MANIFEST = {each["path"]: each["text"] for each in json.loads((AUDIO / "manifest.json").read_text())}
SPOKEN = [MANIFEST[name] for name in CLIPS]
SCRIPTED = "he was not an ill disposed young man"
MOST_ERRORS = {Quality.DRAFT: 0.5, Quality.FAST: 0.2, Quality.ACCURATE: 0.2}


def tiny_en(folder: Path) -> Recogniser:
    return ModelCatalogue("tiny.en", folder).load("tiny.en", "cpu", COMPUTE_TYPE, 2)


def base(folder: Path) -> Recogniser:
    return ModelCatalogue("tiny.en", folder).load("base", "cpu", COMPUTE_TYPE, 2)


def scripted(folder: Path) -> Recogniser:
    script = folder / "script.json"
    script.write_text(json.dumps({"steps": [{"words": SCRIPTED}]}))
    return ModelCatalogue(f"scripted:{script}", folder).load("scripted", "cpu", "default", 2)


def transducer(folder: Path) -> Recogniser:
    return ModelCatalogue(MODEL, folder).load(FOLDER.name, "cpu", "default", 2)


@pytest.fixture(scope="module", params=[tiny_en, base, scripted, transducer])
def recogniser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    load: Load = request.param
    loaded = load(tmp_path_factory.mktemp("models"))
    loaded.warm()
    return loaded


@pytest.fixture(scope="module")
def clips() -> list[Samples]:
    return [samples_of(AUDIO / name) for name in CLIPS]


def texts(recogniser: Recogniser, batch: list[Samples], task: Task) -> list[str]:
    return [
        " ".join(word.text for word in recognised.words) for recognised in recogniser.recognise(batch, task)
    ]


def test_it_tells_what_it_is(recogniser: Recogniser) -> None:
    assert recogniser.info.name
    assert "en" in recogniser.info.languages
    assert recogniser.device in {"cpu", "cuda"}


@pytest.mark.parametrize("quality", list(Quality))
def test_every_quality_hears_the_same(recogniser: Recogniser, clips: list[Samples], quality: Quality) -> None:
    recognised = texts(recogniser, clips, Task(recogniser.info.name, quality=quality))
    if recogniser.info.name == "scripted":
        assert recognised[0] == SCRIPTED
        return
    # Not word by word: processors round differently, and a draft may end where it begins to loop.
    assert word_error_rate(zip(SPOKEN, recognised, strict=True)) < MOST_ERRORS[quality]


def test_one_recognition_per_segment_in_order(recogniser: Recogniser, clips: list[Samples]) -> None:
    task = Task(recogniser.info.name)
    recognised = recogniser.recognise(clips, task)
    assert len(recognised) == len(clips)
    for segment, recognition in zip(clips, recognised, strict=True):
        alone = recogniser.recognise([segment], task)[0]
        # A window of another length may change a word, never the sentence.
        assert abs(len(alone.words) - len(recognition.words)) <= 2


def test_words_lie_inside_their_segment_in_order_with_a_confidence(
    recogniser: Recogniser, clips: list[Samples]
) -> None:
    for segment, recognised in zip(
        clips, recogniser.recognise(clips, Task(recogniser.info.name)), strict=True
    ):
        assert recognised.words
        assert all(0 <= word.start < word.end for word in recognised.words)
        assert recognised.words[-1].end <= len(segment) / SAMPLE_RATE + 0.05
        assert all(one.end <= next_one.start + 1e-6 for one, next_one in pairwise(recognised.words))
        assert all(0.0 <= word.confidence <= 1.0 for word in recognised.words)
        assert all(word.text == word.text.strip() != "" for word in recognised.words)


def test_each_segment_is_identified_with_probabilities(recogniser: Recogniser, clips: list[Samples]) -> None:
    found = recogniser.identify(clips)
    assert len(found) == len(clips)
    for languages in found:
        assert set(languages) <= set(recogniser.info.languages)
        assert 0.5 < languages["en"] <= sum(languages.values()) < 1.001


def test_threads_share_it(recogniser: Recogniser, clips: list[Samples]) -> None:
    task = Task(recogniser.info.name)
    alone = [texts(recogniser, [clip], task) for clip in clips]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda clip: texts(recogniser, [clip], task), clips * 2))
    assert together == alone * 2


@pytest.mark.parametrize("seconds", [0.02, 0.3, 30.0])
def test_segments_of_any_allowed_length_are_served(recogniser: Recogniser, seconds: float) -> None:
    noise = np.random.default_rng(5).normal(0, 0.01, round(seconds * SAMPLE_RATE)).astype(np.float32)
    assert len(recogniser.recognise([noise], Task(recogniser.info.name))) == 1
    (languages,) = recogniser.identify([noise])
    assert languages
