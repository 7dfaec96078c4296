"""Where weights are found, and how parts become a model."""

import shutil
from pathlib import Path

import pytest

from ringback.engines.weights import WhisperKind, find
from ringback.errors import Misconfigured


def test_tiny_en_lies_in_a_package_and_needs_no_copy(tmp_path: Path) -> None:
    weights = find("tiny.en", tmp_path)
    assert (weights.folder / "model.bin").exists()
    assert weights.in_memory() is None


def test_base_is_put_together_in_memory(tmp_path: Path) -> None:
    in_parts = find("base", tmp_path)
    files = in_parts.in_memory()
    assert files is not None
    assert {"model.bin", "config.json", "tokenizer.json"} <= set(files)
    assert len(files["model.bin"]) == sum(part.stat().st_size for part in in_parts.binaries)
    assert not list(tmp_path.iterdir())
    # As an earlier version left it: put together in a folder, it is the same model.
    folder = tmp_path / "base"
    folder.mkdir()
    for name, contents in files.items():
        (folder / name).write_bytes(contents)
    assert find("base", tmp_path).binaries == (folder / "model.bin",)
    assert WhisperKind().describe("base", tmp_path).uuid == WhisperKind().describe("base", Path("/none")).uuid


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
