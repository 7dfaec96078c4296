"""Folders that hold a transducer, and those that do not quite."""

import shutil
from pathlib import Path

import pytest

from ringback.engines.base import RecogniserKind
from ringback.engines.registry import ModelCatalogue
from ringback.engines.transducer_weights import TransducerKind, find
from ringback.engines.weights import WhisperKind
from ringback.errors import Misconfigured, Refusal
from support.transducer import FOLDER

KINDS: dict[str, RecogniserKind] = {"whisper": WhisperKind(), "transducer": TransducerKind()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "small"))


def test_a_pulled_model_is_found_by_its_name(model: Path) -> None:
    kind = TransducerKind()
    (model.parent / ".pulling-other").mkdir()
    (model.parent / ".pulling-other" / "tokens.txt").touch()
    (model.parent / "whisper").mkdir()
    assert kind.names(model.parent) == ["small"]
    info = kind.describe("small", model.parent)
    assert (info.name, info.arch, info.languages, info.incremental) == ("small", "transducer", ("en",), True)
    assert find("small", model.parent).facts.flush_seconds == 0.66


def test_its_version_and_id_follow_its_files(model: Path) -> None:
    kind = TransducerKind()
    before = kind.describe(str(model), Path())
    assert kind.describe("small", model.parent) == before
    (model / "tokens.txt").write_text("<blk> 0\n")
    after = kind.describe(str(model), Path())
    assert before.version != after.version
    assert before.uuid != after.uuid


def test_of_two_sizes_the_smaller_is_taken(model: Path) -> None:
    (model / "encoder.int8.onnx").touch()
    encoder, decoder, joiner = find(str(model), Path()).networks
    assert (encoder.name, decoder.name, joiner.name) == ("encoder.int8.onnx", "decoder.onnx", "joiner.onnx")


@pytest.mark.parametrize("missing", ["tokens.txt", "encoder.onnx", "joiner.onnx", "ringback.json"])
def test_what_is_missing_is_named(model: Path, missing: str) -> None:
    (model / missing).unlink()
    with pytest.raises(Misconfigured, match=missing.partition(".")[0]):
        TransducerKind().describe(str(model), Path())


@pytest.mark.parametrize(
    "facts",
    [
        *("", "[]", "{}", '{"languages": []}', '{"languages": "en"}', '{"languages": ["en"], "speed": 2}'),
        *('{"languages": ["en"], "flush_seconds": 99}', '{"languages": ["en"], "flush_seconds": -1}'),
    ],
)
def test_facts_that_cannot_be_are_refused(model: Path, facts: str) -> None:
    (model / "ringback.json").write_text(facts)
    with pytest.raises(Misconfigured, match=r"ringback\.json"):
        find(str(model), Path())


def test_without_sherpa_onnx_the_fix_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Misconfigured, match="EXTRAS=transducers"):
        TransducerKind().describe("small", model.parent)


def test_a_server_that_has_it_pulled_needs_its_name_alone(model: Path) -> None:
    catalogue = ModelCatalogue(
        "small", model.parent, {"whisper": WhisperKind(), "transducer": TransducerKind()}
    )
    assert catalogue.default.incremental
    with pytest.raises(Refusal):
        catalogue.resolve("small", "multi", detect=False)


def test_live_streams_may_have_a_model_of_their_own(model: Path) -> None:
    catalogue = ModelCatalogue("tiny.en", model.parent, KINDS, live_model="small")
    assert [catalogue.default.name, catalogue.live_default.name] == ["tiny.en", "small"]
    assert catalogue.models()[0].name == "tiny.en"
    assert catalogue.resolve("nova-3", "en", detect=False).name == "tiny.en"
    assert catalogue.resolve("nova-3", "en", detect=False, live=True).name == "small"
    assert catalogue.resolve("tiny.en", "en", detect=False, live=True).name == "tiny.en"
    assert catalogue.resolve("nova-3", "fr", detect=False, live=True).name == "base"
    assert catalogue.load("small", "cpu", "default", 1).info == catalogue.live_default


def test_a_live_model_that_cannot_be_is_named_with_its_setting(model: Path) -> None:
    with pytest.raises(Misconfigured, match=r"live_model='vosk:x'"):
        ModelCatalogue("tiny.en", model.parent, KINDS, live_model="vosk:x")


def test_several_languages_are_no_detection_of_languages(model: Path) -> None:
    (model / "ringback.json").write_text('{"languages": ["zh", "en"]}')
    catalogue = ModelCatalogue(
        "small", model.parent, {"whisper": WhisperKind(), "transducer": TransducerKind()}
    )
    assert catalogue.resolve("small", "zh", detect=False).name == "small"
    for language, detect in (("multi", False), ("en", True)):
        with pytest.raises(Refusal):
            catalogue.resolve("small", language, detect)
