"""Which model answers to which name."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from ringback.engines.registry import ModelCatalogue
from ringback.engines.scripted import ScriptedKind
from ringback.engines.weights import find
from ringback.errors import Misconfigured, Refusal
from ringback.transcript import base_language


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> ModelCatalogue:
    """tiny.en configured, and base as the multilingual extra brings it."""
    return ModelCatalogue("tiny.en", tmp_path_factory.mktemp("models"))


@pytest.fixture
def english_only(tmp_path: Path) -> ModelCatalogue:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"steps": [{"words": "hello"}]}))
    return ModelCatalogue(f"scripted:{script}", tmp_path, {"scripted": ScriptedKind()})


@pytest.mark.parametrize(
    "name",
    [None, "nova-3", "nova-3-medical", "nova-2-phonecall", "nova", "enhanced-general", "base-general",
     "whisper", "whisper-large", "general", "meeting", "voicemail"],
)  # fmt: skip
def test_deepgram_s_names_mean_the_configured_model(both: ModelCatalogue, name: str | None) -> None:
    assert both.resolve(name, "en", detect=False).name == "tiny.en"


def test_a_language_that_the_configured_model_does_not_know_goes_to_one_that_does(
    both: ModelCatalogue,
) -> None:
    assert both.resolve("nova-2", "fr", detect=False).name == "base"
    assert both.resolve("nova-2", "zh-CN", detect=False).name == "base"
    assert both.resolve("nova-3", "multi", detect=False).name == "base"
    assert both.resolve(None, "en", detect=True).name == "base"


def test_a_language_is_found_out_among_candidates_that_the_model_knows(both: ModelCatalogue) -> None:
    for candidates in ((), ("fr",), ("en-US", "pt-BR"), ("tlh", "de")):
        assert both.resolve("nova-2", "en", detect=True, candidates=candidates).name == "base"
    with pytest.raises(
        Refusal, match=r"No such model/language/tier .* No model here knows tlh or xx\."
    ) as it:
        both.resolve("nova-2", "en", detect=True, candidates=("tlh", "xx-XX"))
    assert it.value.failure.status == 400
    assert "base (99 languages)" in it.value.failure.err_msg


def test_candidates_do_not_count_where_no_language_is_to_be_found_out(both: ModelCatalogue) -> None:
    assert both.resolve("nova-2", "en", detect=False, candidates=("tlh",)).name == "tiny.en"


def test_our_own_names_mean_themselves(both: ModelCatalogue) -> None:
    assert both.resolve("tiny.en", "en-GB", detect=False).name == "tiny.en"
    assert both.resolve("whisper-base", "en", detect=False).name == "base"
    with pytest.raises(Refusal):
        both.resolve("tiny.en", "fr", detect=False)


@pytest.mark.parametrize(
    ("name", "language", "version"),
    [
        ("nova-9000x", "en", "latest"),
        ("no such", "en", "latest"),
        ("nova-3", "tlh", "latest"),
        ("tiny.en", "en", "2"),
        ("aa066bfc-0000-4000-8000-000000000000", "en", "latest"),
    ],
)
def test_others_are_refused_in_deepgram_s_words_and_told_what_there_is(
    both: ModelCatalogue, name: str, language: str, version: str
) -> None:
    with pytest.raises(Refusal, match=r"No such model/language/tier combination found\.") as refused:
        both.resolve(name, language, detect=False, version=version)
    assert refused.value.failure.status == 400
    assert "tiny.en (en); base (99 languages)" in refused.value.failure.err_msg


def test_the_hint_names_the_extra_when_only_english_is_here(english_only: ModelCatalogue) -> None:
    assert english_only.resolve("nova-3", "en", detect=False).name == "scripted"
    with pytest.raises(Refusal, match="multilingual"):
        english_only.resolve("nova-3", "fr", detect=False)


def test_a_version_can_be_asked_for_by_name(both: ModelCatalogue) -> None:
    version = both.default.version
    assert both.resolve("nova-3", "en", detect=False, version=version) == both.default


@pytest.mark.parametrize("name", [None, "nova-3", "nova-2-general", "whisper-medium"])
def test_a_version_of_deepgram_s_own_model_is_passed_over(both: ModelCatalogue, name: str | None) -> None:
    assert both.resolve(name, "en", detect=False, version="2024-12-20.0").name == "tiny.en"
    assert both.resolve(name, "fr", detect=False, version="2024-12-20.0").name == "base"


def test_a_wrong_version_of_ours_is_told_the_right_one(both: ModelCatalogue) -> None:
    with pytest.raises(Refusal, match=f"tiny.en has the version {both.default.version}"):
        both.resolve("tiny.en", "en", detect=False, version="2024-12-20.0")


def test_every_listed_model_can_be_asked_for_by_its_name_and_its_uuid(both: ModelCatalogue) -> None:
    assert {info.name for info in both.models()} == {"tiny.en", "base"}
    for info in both.models():
        for name in (info.name, info.uuid, info.uuid.upper()):
            for version in ("latest", info.version):
                assert both.resolve(name, "en", detect=False, version=version) == info


def test_the_configured_model_stands_first_and_each_stands_once(tmp_path: Path) -> None:
    models = ModelCatalogue("base", tmp_path)
    assert [info.name for info in models.models()] == ["base", "tiny.en"]
    assert models.default.name == "base"


def test_a_model_that_is_not_here_is_the_operator_s_to_install(both: ModelCatalogue) -> None:
    with pytest.raises(Misconfigured, match="ringback model pull large-v3"):
        ModelCatalogue("large-v3", Path("/nowhere"))
    with pytest.raises(
        Misconfigured, match="'vosk', which is not installed; there are: whisper, transducer, scripted"
    ):
        ModelCatalogue("vosk:small", Path("/nowhere"))
    with pytest.raises(Misconfigured, match="cannot be read"):
        ModelCatalogue("scripted:/nowhere/script.json", Path("/nowhere"))
    with pytest.raises(Misconfigured, match=r"there are: .*tiny\.en"):
        both.load("large-v3", "cpu", "default", 1)


def pulled(models: Path, name: str, tokenizer: bytes, binary: bytes = b"model") -> Path:
    folder = models / name
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "model.bin").write_bytes(binary)
    return folder


@pytest.mark.parametrize("tokenizer", [b"", b"{", b"[]", b'{"added_tokens": []}', b"\xff"])
def test_a_pulled_model_that_cannot_be_read_is_left_out_and_listed(tmp_path: Path, tokenizer: bytes) -> None:
    pulled(tmp_path, "broken", tokenizer)
    catalogue = ModelCatalogue("tiny.en", tmp_path)
    assert [info.name for info in catalogue.models()] == ["tiny.en", "base"]
    (left_out,) = catalogue.unreadable
    assert left_out.name == "broken"
    assert "ringback model pull" in left_out.hint


def test_a_model_whose_weights_are_cut_short_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    whole = find("tiny.en", tmp_path)
    tokenizer, weights = (whole.folder / "tokenizer.json").read_bytes(), whole.binaries[0].read_bytes()
    for i, size in enumerate((0, 3, 40, 100_000, len(weights) - 1)):
        name = f"short-{i}"
        pulled(tmp_path, name, tokenizer, weights[:size])
        with pytest.raises(Misconfigured, match=f"{name} cannot be loaded"):
            ModelCatalogue("tiny.en", tmp_path).load(name, "cpu", "default", 1)


def test_the_configured_model_must_be_readable(tmp_path: Path) -> None:
    folder = pulled(tmp_path, "broken", b"{")
    for model in ("broken", str(folder)):
        with pytest.raises(Misconfigured, match="ringback model pull"):
            ModelCatalogue(model, tmp_path)


def test_a_model_with_a_file_that_cannot_be_opened_is_left_out(tmp_path: Path) -> None:
    folder = pulled(tmp_path, "closed", b"{}")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").mkdir()  # a read fails, even for root
    assert [model.name for model in ModelCatalogue("tiny.en", tmp_path).unreadable] == ["closed"]


def test_the_packaged_models_tell_the_truth_about_themselves(tmp_path: Path) -> None:
    first, again = ModelCatalogue("tiny.en", tmp_path), ModelCatalogue("tiny.en", tmp_path)
    info = first.default
    assert (info.name, info.arch, info.languages) == ("tiny.en", "whisper", ("en",))
    assert UUID(info.uuid).version == 5
    assert info == again.default


def test_the_multilingual_extra_knows_its_languages(tmp_path: Path) -> None:
    info = ModelCatalogue("tiny.en", tmp_path).resolve("nova-2", "de", detect=False)
    assert info.name == "base"
    assert len(info.languages) == 99
    assert {"en", "de", "zh", "haw"} <= set(info.languages)


def test_only_the_primary_language_counts() -> None:
    assert [base_language(code) for code in ("en", "en-US", "pt-BR", "zh-Hant")] == ["en", "en", "pt", "zh"]
    assert [base_language(code) for code in ("nb-NO", "fil", "cmn-Hans")] == ["no", "tl", "zh"]
