"""A Whisper model on the device that suits it. Only the engine process imports this module."""

from pathlib import Path

import msgspec

from ringback.engines.model_bin import ModelBin
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import Weights
from ringback.engines.whisper_network import WhisperNetwork
from ringback.engines.whisper_onnx import OnnxWhisper
from ringback.errors import Misconfigured

_IN_8_BITS = ("default", "int8", "int8_float32")


class _WhisperConfig(msgspec.Struct):
    """`config.json`."""

    alignment_heads: list[tuple[int, int]]
    lang_ids: list[int] = []


def load_network(
    weights: Weights, tokens: WhisperTokens, device: str, compute_type: str, threads: int
) -> tuple[WhisperNetwork, str]:
    """The network, and the device it is on: `cpu` or `cuda`. Raises `Misconfigured`."""
    if device == "auto":
        device = "cuda" if _cuda_is_here() else "cpu"
    if device == "cpu" and compute_type in _IN_8_BITS:
        return _on_cpu(weights, tokens), "cpu"
    # Imported here: it takes memory, and time at the start.
    from ringback.engines import whisper_ctranslate2  # noqa: PLC0415

    if compute_type == "default":
        compute_type = "float16"
    network = whisper_ctranslate2.CTranslate2Whisper(weights, tokens, device, compute_type, threads)
    return network, device


def _cuda_is_here() -> bool:
    """Whether there is a GPU that CTranslate2 can use; it is not imported where there is no driver."""
    if not any(Path(device).exists() for device in _DRIVERS):
        return False
    from ringback.engines import whisper_ctranslate2  # noqa: PLC0415

    return whisper_ctranslate2.cuda_is_here()


_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")
"""NVIDIA's on Linux, and on Linux in Windows."""


def _on_cpu(weights: Weights, tokens: WhisperTokens) -> WhisperNetwork:
    try:
        config = msgspec.json.decode((weights.folder / "config.json").read_bytes(), type=_WhisperConfig)
        languages = tokens.languages(config.lang_ids)
        if tokens.multilingual and not languages:
            raise ValueError("its config.json names no languages (lang_ids)")
        return OnnxWhisper(ModelBin(weights.binaries), tokens, config.alignment_heads, languages)
    except Exception as error:  # what onnxruntime raises has no common name
        raise Misconfigured(
            f"the model in {weights.folder} cannot be loaded on device 'cpu' as 'int8': {error}. Check that "
            "the folder holds a Whisper model converted for CTranslate2 (model.bin, config.json, "
            "tokenizer.json), and the settings engine.device and engine.compute_type: as 'float32' it is "
            "computed by CTranslate2, which knows more kinds of files."
        ) from error
