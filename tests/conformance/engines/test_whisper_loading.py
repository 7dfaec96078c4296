"""Which library computes Whisper's network, and what is said about a folder that holds no model."""

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringback.engines import whisper_ctranslate2, whisper_loading
from ringback.engines.base import LoadOptions
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import WhisperKind, find
from ringback.engines.whisper_loading import load_network
from ringback.errors import Misconfigured

PACKAGED = find("tiny.en", Path("/none"))


class ChosenLibraries:
    """What is loaded: the name of the class, and its device and numbers where it takes them."""

    def __init__(self) -> None:
        self.found: list[tuple[object, ...]] = []
        self.compute_type = ""

    def onnx(self, *_: object) -> "ChosenLibraries":
        self.found.append(("onnxruntime",))
        self.compute_type = "of onnxruntime"
        return self

    def ctranslate2(self, weights: object, tokens: object, *options: object) -> "ChosenLibraries":
        self.found.append(("CTranslate2", *options))
        self.compute_type = "of CTranslate2"
        return self


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> ChosenLibraries:
    libraries = ChosenLibraries()
    monkeypatch.setattr(whisper_loading, "OnnxWhisper", libraries.onnx)
    monkeypatch.setattr(whisper_ctranslate2, "CTranslate2Whisper", libraries.ctranslate2)
    return libraries


@pytest.fixture(scope="module")
def tokens() -> WhisperTokens:
    return WhisperTokens(PACKAGED.folder / "tokenizer.json", multilingual=False)


@pytest.mark.parametrize("compute_type", ["default", "int8", "int8_float32"])
def test_numbers_of_8_bits_on_a_processor_are_onnxruntimes(
    chosen: ChosenLibraries, tokens: WhisperTokens, compute_type: str
) -> None:
    network, device = load_network(PACKAGED, tokens, "cpu", compute_type, 2)
    assert device == "cpu"
    assert network.compute_type == "of onnxruntime"
    assert chosen.found == [("onnxruntime",)]


@pytest.mark.parametrize(
    ("device", "compute_type", "loaded"),
    [
        ("cpu", "float32", "float32"),
        ("cpu", "int16", "int16"),
        ("cuda", "default", "float16"),
        ("cuda", "int8", "int8"),
        ("cuda", "int8_float16", "int8_float16"),
    ],
)
def test_all_else_is_ctranslate2s(
    chosen: ChosenLibraries, tokens: WhisperTokens, device: str, compute_type: str, loaded: str
) -> None:
    network, on = load_network(PACKAGED, tokens, device, compute_type, 2)
    assert on == device
    assert network.compute_type == "of CTranslate2"
    assert chosen.found == [("CTranslate2", device, loaded, 2)]


@pytest.mark.parametrize(
    ("driver", "usable", "device"),
    [(True, True, "cuda"), (True, False, "cpu"), (False, True, "cpu")],
)
def test_a_gpu_is_used_where_there_is_one(
    chosen: ChosenLibraries,
    tokens: WhisperTokens,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    driver: bool,
    usable: bool,
    device: str,
) -> None:
    drivers = (str(tmp_path / "none"), str(tmp_path if driver else tmp_path / "neither"))
    monkeypatch.setattr(whisper_loading, "_DRIVERS", drivers)
    monkeypatch.setattr(whisper_ctranslate2, "cuda_is_here", lambda: usable)
    assert load_network(PACKAGED, tokens, "auto", "default", 1)[1] == device
    expected = ("CTranslate2", "cuda", "float16", 1) if device == "cuda" else ("onnxruntime",)
    assert chosen.found == [expected]


def folder_like(place: Path) -> Path:
    """The packaged model, of which files can be replaced."""
    folder = place / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(PACKAGED.folder / name, folder / name)
    (folder / "model.bin").symlink_to(PACKAGED.binaries[0])
    return folder


def changed(path: Path, change: Callable[[Any], None]) -> None:
    contents = json.loads(path.read_text())
    change(contents)
    path.write_text(json.dumps(contents))


def loaded(folder: Path) -> None:
    WhisperKind().load(str(folder), LoadOptions(folder, "cpu"))


def refused(folder: Path) -> str:
    """What is said."""
    with pytest.raises(Misconfigured) as refusal:
        loaded(folder)
    said = str(refusal.value)
    assert str(folder) in said
    return said


def refused_as_a_network(folder: Path) -> str:
    said = refused(folder)
    assert "cannot be loaded on device 'cpu' as 'int8'" in said
    assert "converted for CTranslate2 (model.bin, config.json, tokenizer.json)" in said
    assert "engine.device and engine.compute_type" in said
    return said


def test_a_folder_like_the_packaged_one_is_loaded(tmp_path: Path) -> None:
    loaded(folder_like(tmp_path))


@pytest.mark.parametrize("length", [0, 3, 1_000, 1_000_000])
def test_weights_that_end_too_early_are_refused(tmp_path: Path, length: int) -> None:
    folder = folder_like(tmp_path)
    with PACKAGED.binaries[0].open("rb") as whole:
        beginning = whole.read(length)
    (folder / "model.bin").unlink()
    (folder / "model.bin").write_bytes(beginning)
    assert refused_as_a_network(folder)


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    folder = folder_like(tmp_path)
    (folder / "model.bin").unlink()
    (folder / "model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "model.bin has version" in refused_as_a_network(folder)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    folder = folder_like(tmp_path)
    (folder / "model.bin").unlink()
    kind = b"TransformerSpec\0"
    without_arrays = struct.pack("<IH", 6, len(kind)) + kind + struct.pack("<III", 1, 0, 0)
    (folder / "model.bin").write_bytes(without_arrays)
    assert "encoder/" in refused_as_a_network(folder)


def test_a_config_without_alignment_heads_is_refused(tmp_path: Path) -> None:
    folder = folder_like(tmp_path)
    changed(folder / "config.json", lambda config: config.pop("alignment_heads"))
    assert "alignment_heads" in refused_as_a_network(folder)


@pytest.mark.parametrize("heads", [[], [[9, 0]], [[-1, 0]], [[1, 99]], [[1, -1]]])
def test_alignment_heads_that_there_are_not_are_refused(tmp_path: Path, heads: list[list[int]]) -> None:
    folder = folder_like(tmp_path)
    changed(folder / "config.json", lambda config: config.update(alignment_heads=heads))
    assert "alignment head" in refused_as_a_network(folder)


@pytest.mark.parametrize("contents", ["", "[]", "{", '{"alignment_heads": 7}', '{"alignment_heads": [[1]]}'])
def test_a_config_of_another_form_is_refused(tmp_path: Path, contents: str) -> None:
    folder = folder_like(tmp_path)
    (folder / "config.json").write_text(contents)
    refused_as_a_network(folder)


def test_a_language_without_a_token_is_refused(tmp_path: Path) -> None:
    folder = folder_like(tmp_path)
    changed(folder / "config.json", lambda config: config["lang_ids"].append(99_999))
    assert "no token 99999" in refused_as_a_network(folder)


@pytest.mark.parametrize(
    "token", ["<|startoftranscript|>", "<|startofprev|>", "<|endoftext|>", "<|notimestamps|>"]
)
def test_a_tokenizer_that_lacks_a_token_is_refused(tmp_path: Path, token: str) -> None:
    folder = folder_like(tmp_path)
    rename_token(folder, token)
    said = refused(folder)
    assert f"no token {token}" in said
    assert "ringback model pull" in said


@pytest.mark.parametrize("token", ["<|translate|>", "<|startoflm|>"])
def test_a_tokenizer_that_lacks_what_is_never_written_is_refused(tmp_path: Path, token: str) -> None:
    folder = folder_like(tmp_path)
    rename_token(folder, token)
    assert f"no token {token}" in refused(folder)


def rename_token(folder: Path, token: str) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace(json.dumps(token), '"<|gone|>"'))


def test_a_tokenizer_of_another_form_is_refused(tmp_path: Path) -> None:
    folder = folder_like(tmp_path)
    (folder / "tokenizer.json").write_text("{}")
    refused(folder)


def test_ctranslate2_is_not_imported_for_a_processor() -> None:
    """It takes memory, and time at the start."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ringback.engines.base import LoadOptions\n"
        "from ringback.engines.weights import WhisperKind\n"
        "model = WhisperKind().load('tiny.en', LoadOptions(Path('/none'), 'cpu'))\n"
        "model.warm()\n"
        "print(model.compute_type, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    compute_type, *modules = done.stdout.split()
    assert compute_type == "int8"
    assert "onnxruntime" in modules
    assert "ctranslate2" not in {name.split(".")[0] for name in modules}
    assert "ringback.engines.whisper_ctranslate2" not in modules
