"""Whisper's network through CTranslate2: on a GPU, and on a CPU with numbers of more than 8 bits.

Only the engine process imports this module.
"""

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np

from ringback.audio.samples import Samples
from ringback.engines import guards
from ringback.engines.mel import MelExtractor
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import Weights
from ringback.engines.whisper_network import (
    ENCODED_PER_SECOND,
    Generated,
    LocatedText,
    Search,
    TokenTimes,
    window_frames,
)
from ringback.errors import Misconfigured


def cuda_is_here() -> bool:
    """Whether there is a GPU that CTranslate2 can use."""
    return bool(ctranslate2.get_cuda_device_count() > 0)


class CTranslate2Whisper:
    """See `WhisperNetwork`. Segments are computed together."""

    def __init__(
        self, weights: Weights, tokens: WhisperTokens, device: str, compute_type: str, threads: int
    ) -> None:
        """`threads` is how many calls may run at once. Raises `Misconfigured`."""
        self._model = _load(weights, device, compute_type, threads)
        self._tokens = tokens
        self._suppressed = tokens.suppressed()
        self._mels = MelExtractor(self._model.n_mels)
        self.compute_type: str = self._model.compute_type

    def encode(self, batch: Sequence[Samples], windows: Sequence[float]) -> Any:
        mels = self._mels.batch(batch, window_frames(max(windows)))
        return self._model.encode(ctranslate2.StorageView.from_array(mels))

    def generate(self, encoded: Any, search: Search) -> list[Generated]:
        prompt = list(search.prompt)
        results = self._model.generate(
            encoded,
            [prompt] * encoded.shape[0],
            beam_size=search.beams,
            max_length=guards.max_length(max(search.most_tokens), len(prompt)),
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            Generated(tuple(each.sequences_ids[0]), float(each.scores[0]), float(each.no_speech_prob))
            for each in results
        ]

    def locate(self, encoded: Any, prompt: Sequence[int], texts: Sequence[LocatedText]) -> list[TokenTimes]:
        aligned = self._model.align(
            _chosen(encoded, [text.row for text in texts]),
            list(prompt),
            [list(text.tokens) for text in texts],
            [window_frames(text.seconds) for text in texts],
        )
        return [_token_times(each) for each in aligned]

    def probabilities(
        self, encoded: Any, prompt: Sequence[int], rows: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> list[Sequence[float]]:
        # No frames: only the probabilities are computed.
        aligned = self._model.align(
            _chosen(encoded, rows), list(prompt), list(map(list, texts)), [0] * len(texts)
        )
        return [each.text_token_probs for each in aligned]

    def languages(self, encoded: Any) -> list[list[tuple[str, float]]]:
        """The model calls its languages by their tokens, `<|en|>`."""
        return [
            [(token[2:-2], share) for token, share in ranked]
            for ranked in self._model.detect_language(encoded)
        ]


def _load(weights: Weights, device: str, compute_type: str, threads: int) -> Any:
    try:
        return ctranslate2.models.Whisper(
            str(weights.folder),
            device=device,
            compute_type=compute_type,
            inter_threads=threads,
            intra_threads=1,
            files=weights.in_memory(),
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise Misconfigured(
            f"the model in {weights.folder} cannot be loaded on device {device!r} as {compute_type!r}: "
            f"{error}. Check that the folder holds a Whisper model converted for CTranslate2 "
            "(model.bin, config.json, tokenizer.json), and the settings engine.device and "
            "engine.compute_type."
        ) from error


def _chosen(encoded: Any, rows: Sequence[int]) -> Any:
    """These segments of an encoder output; all of them in order need no copy."""
    if list(rows) == list(range(encoded.shape[0])):
        return encoded
    on_cpu = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    if on_cpu.dtype != ctranslate2.DataType.float32:
        on_cpu = on_cpu.to(ctranslate2.DataType.float32)
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(on_cpu)[list(rows)]))


def _token_times(aligned: Any) -> TokenTimes:
    steps = np.array([step for step, _ in aligned.alignments])
    times = np.array([time for _, time in aligned.alignments]) / ENCODED_PER_SECOND
    # A path through (token, time): each token begins where the path first reaches it.
    starts = times[np.diff(steps, prepend=-1) > 0]
    return TokenTimes(starts.tolist(), tuple(map(float, aligned.text_token_probs)))
