"""Where weights are found, and how parts become a model."""

import shutil
from pathlib import Path

import pytest

from ringback.engines.weights import WhisperKind, find
from ringback.errors import Misconfigured


def test_tiny_en_lies_in_a_package_and_needs_no_copy(tmp_path: Path) -> None:
    weights = find("tiny.en", tmp_path)
    assert (weights.assembled(tmp_path) / "model.bin").exists()
    assert not list(tmp_path.iterdir())


def test_base_is_put_together_once(tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    in_parts = find("base", models)
    described = WhisperKind().describe("base", models)
    folder = in_parts.assembled(models)
    assert folder == models / "base"
    assert (folder / "model.bin").stat().st_size == sum(part.stat().st_size for part in in_parts.binaries)
    assert [path.name for path in models.iterdir()] == ["base"]
    # What was put together is the same model, found as a folder from now on.
    assert find("base", models).binaries == (folder / "model.bin",)
    assert WhisperKind().describe("base", models) == described


def test_a_half_copied_model_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / ".base-x7").mkdir()
    (tmp_path / ".base-x7" / "config.json").touch()
    assert (find("base", tmp_path).assembled(tmp_path) / "model.bin").exists()


def test_a_pulled_model_goes_by_its_folder_s_name(tmp_path: Path) -> None:
    shutil.copytree(find("tiny.en", tmp_path).folder, tmp_path / "my-english", dirs_exist_ok=True)
    assert "my-english" in WhisperKind().names(tmp_path)
    assert WhisperKind().describe("my-english", tmp_path).name == "my-english"


def test_a_model_that_is_still_being_fetched_is_not_there_yet(tmp_path: Path) -> None:
    for folder, files in (
        (".pulling-small", ("config.json", "tokenizer.json", "model.bin")),
        ("half", ("model.bin",)),
    ):
        (tmp_path / folder).mkdir()
        for file in files:
            (tmp_path / folder / file).touch()
    assert set(WhisperKind().names(tmp_path)) <= {"tiny.en", "base"}


def test_any_folder_with_a_model_will_do(tmp_path: Path) -> None:
    folder = find("tiny.en", tmp_path).folder
    assert WhisperKind().describe(str(folder), tmp_path).languages == ("en",)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(Misconfigured, match=r"tokenizer\.json, model\.bin missing"):
        find(str(tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["large-v3", "..", "../../etc"])
def test_a_model_that_is_not_here_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        find(name, tmp_path)
