"""Where the weights of streaming transducers are: in folders as sherpa-onnx's models come in.

A folder holds `tokens.txt`, an encoder, a decoder and a joiner (`encoder*.onnx` …; of several the one with
8-bit weights), and `ringback.json`, which says what no other file does: the languages.
"""

import hashlib
import importlib.util
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ringback.engines.base import LoadOptions, ModelInfo, Recogniser
from ringback.errors import Misconfigured

FACTS = "ringback.json"
TOKENS = "tokens.txt"
NETWORKS = ("encoder", "decoder", "joiner")
INSTALL = "`pip install 'ringback[transducers]'` (in a checkout: `make setup EXTRAS=transducers`)"


class TransducerFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ringback.json` of a model's folder."""

    languages: tuple[str, ...]
    """Codes such as `en`."""
    flush_seconds: float = 0.66
    """Silence that the model is given after the last sample, so that it writes the last word: at least as
    much as it gets at once, and what it looks ahead."""


@dataclass(frozen=True, slots=True)
class TransducerWeights:
    """A transducer on this machine."""

    name: str
    folder: Path
    facts: TransducerFacts
    networks: tuple[Path, ...]
    """Encoder, decoder, joiner."""

    @property
    def tokens(self) -> Path:
        return self.folder / TOKENS


class TransducerKind:
    """Streaming transducers through sherpa-onnx. `load` imports it, which is large."""

    def names(self, models: Path) -> Sequence[str]:
        return sorted(path.name for path in models.glob("[!.]*") if (path / TOKENS).exists())

    def describe(self, name: str, models: Path) -> ModelInfo:
        if importlib.util.find_spec("sherpa_onnx") is None:
            raise Misconfigured(f"transducers need sherpa-onnx, which is not installed: run {INSTALL}")
        weights = find(name, models)
        try:
            version = _fingerprint(weights)
        except OSError as error:
            raise Misconfigured(f"the model in {weights.folder} cannot be read: {error}") from error
        return ModelInfo(
            name=weights.name,
            arch="transducer",
            version=version,
            uuid=str(uuid.uuid5(_NAMESPACE, f"{weights.name}/{version}")),
            languages=weights.facts.languages,
            incremental=True,
        )

    def load(self, name: str, options: LoadOptions) -> Recogniser:
        # Imported here, so that only the engine process has sherpa-onnx in its memory.
        from ringback.engines.transducer import SherpaTransducer  # noqa: PLC0415

        return SherpaTransducer(find(name, options.models), self.describe(name, options.models))


def find(name: str, models: Path) -> TransducerWeights:
    """The transducer of a name or a folder. Raises `Misconfigured`, saying what is missing."""
    folder = Path(name).expanduser().resolve() if os.sep in name else models / name
    if not (folder / TOKENS).exists():
        raise Misconfigured(
            f"{folder} does not hold a transducer: {TOKENS} is missing. Name a folder with a streaming model "
            "of sherpa-onnx (transducer:/path/to/folder), or get one with `ringback model pull`."
        )
    networks = tuple(_network(folder, part) for part in NETWORKS)
    return TransducerWeights(folder.name, folder, _facts(folder), networks)


def _network(folder: Path, part: str) -> Path:
    found = sorted(folder.glob(f"{part}*.onnx"), key=lambda path: (".int8." not in path.name, path.name))
    if not found:
        raise Misconfigured(f"{folder} does not hold a transducer: there is no {part}*.onnx in it")
    return found[0]


def _facts(folder: Path) -> TransducerFacts:
    path = folder / FACTS
    example = '{"languages": ["en"]}'
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=TransducerFacts)
    except FileNotFoundError as error:
        raise Misconfigured(
            f"{path} is missing: write the languages of the model into it, for example {example}"
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}. It may be {example}") from error
    if not facts.languages or not 0 <= facts.flush_seconds <= _LONGEST_FLUSH:
        raise Misconfigured(
            f"{path}: `languages` names at least one, and `flush_seconds` is 0 to {_LONGEST_FLUSH:.0f}"
        )
    return facts


def _fingerprint(weights: TransducerWeights) -> str:
    """A hash of sizes and of the beginnings of the files: tells weights apart without reading them all."""
    digest = hashlib.sha256()
    for path in (*weights.networks, weights.tokens):
        digest.update(str(path.stat().st_size).encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 16))
    return f"onnx-{digest.hexdigest()[:12]}"


_NAMESPACE = uuid.UUID("0a2d0bb8-5a7e-5f0c-8f53-0a4a7a6c9d02")
_LONGEST_FLUSH = 10.0
