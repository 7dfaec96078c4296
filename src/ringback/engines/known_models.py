"""The models that `ringback model pull` knows by name: where they are, how large, under which licence.

Facts as the hub's pages of the repositories had them (2026-11); sizes are those of what is fetched.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model on the hub."""

    name: str
    """What it is called here."""
    repository: str
    kind: Literal["whisper", "transducer"]
    megabytes: int
    licence: str
    languages: tuple[str, ...] = ()
    """Of a transducer: codes. Whisper's tokenizer has its own."""
    files: tuple[str, ...] = ()
    """Of a transducer, as the repository calls them; the repository may hold other sizes of it."""
    flush_seconds: float = 0.66
    """Of a transducer (`transducer_weights.TransducerFacts`)."""


def known_model(name: str) -> KnownModel | None:
    return next((model for model in KNOWN_MODELS if model.name == name), None)


def _whisper(name: str, megabytes: int, repository: str = "", licence: str = "MIT") -> KnownModel:
    return KnownModel(name, repository or f"Systran/faster-whisper-{name}", "whisper", megabytes, licence)


def _nemotron(chunk: int) -> KnownModel:
    """It gets `chunk` milliseconds at once."""
    return KnownModel(
        f"nemotron-en-{chunk}ms",
        f"csukuangfj2/sherpa-onnx-nemotron-speech-streaming-en-0.6b-{chunk}ms-int8-2026-04-25",
        "transducer",
        900,
        "NVIDIA Open Model License",
        ("en",),
        ("encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx", "tokens.txt"),
        flush_seconds=round(2 * chunk / 1000 + 0.2, 2),
    )


def _zipformer_files(training: str) -> tuple[str, ...]:
    networks = (f"{part}-{training}.int8.onnx" for part in ("encoder", "decoder", "joiner"))
    return (*networks, "tokens.txt")


KNOWN_MODELS = (
    _whisper("tiny.en", 78),
    _whisper("tiny", 78),
    _whisper("base.en", 148),
    _whisper("base", 148),
    _whisper("small.en", 486),
    _whisper("small", 486),
    _whisper("medium.en", 1_530),
    _whisper("medium", 1_530),
    _whisper("large-v3", 3_090),
    _whisper("large-v3-turbo", 1_620, "mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
    KnownModel(
        "zipformer-en",
        "csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26",
        "transducer",
        73,
        "Apache-2.0",
        ("en",),
        _zipformer_files("epoch-99-avg-1-chunk-16-left-128"),
    ),
    KnownModel(
        "zipformer-zh",
        "k2-fsa/sherpa-onnx-streaming-zipformer-multi-zh-hans-2023-12-12",
        "transducer",
        73,
        "Apache-2.0",
        ("zh",),
        _zipformer_files("epoch-20-avg-1-chunk-16-left-128"),
    ),
    KnownModel(
        "zipformer-zh-en",
        "csukuangfj/sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20",
        "transducer",
        198,
        "Apache-2.0",
        ("zh", "en"),
        _zipformer_files("epoch-99-avg-1"),
    ),
    _nemotron(1120),
    _nemotron(560),
)
