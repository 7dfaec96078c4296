"""Streaming transducers through sherpa-onnx's `OnlineRecognizer`. Only the engine process imports this.

Its endpoint rules stay off: where a span ends is decided for all recognisers alike (`streaming.segmenter`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sherpa_onnx

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import (
    LanguageProbabilities,
    ModelInfo,
    Recognition,
    Task,
    UtteranceSpeech,
)
from ringback.engines.transducer_weights import INSTALL, TransducerWeights
from ringback.engines.words import Piece, words_of
from ringback.errors import Misconfigured
from ringback.transcript import Word


class SherpaTransducer:
    """One model, shared by the threads of the engine process. It computes on the CPU, in the type of its
    files."""

    device = "cpu"

    def __init__(self, weights: TransducerWeights, info: ModelInfo) -> None:
        """Load it. Raises `Misconfigured` if it cannot be."""
        self.info = info
        vocabulary = _vocabulary(weights)
        self._by_spaces = any(token.startswith(_WORD_START) for token in vocabulary)
        self._capitals_only = _capitals_only(vocabulary)
        self._model = _load(weights)
        self._silence = np.zeros(round(weights.facts.flush_seconds * SAMPLE_RATE), np.float32)

    def warm(self) -> None:
        self.recognise([np.zeros(SAMPLE_RATE, np.float32)], Task(self.info.name))

    def open(self) -> "_SherpaUtterance":
        return _SherpaUtterance(self._model.create_stream())

    def feed(self, parts: Sequence[UtteranceSpeech]) -> list[Recognition]:
        for part in parts:
            part.state.push(part.samples)
            if part.ends:
                part.state.finish(self._silence)
        streams = [part.state.stream for part in parts]
        while ready := [stream for stream in streams if self._model.is_ready(stream)]:
            self._model.decode_streams(ready)
        return [Recognition(self._words(part.state)) for part in parts]

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        return self.feed([UtteranceSpeech(self.open(), samples, ends=True) for samples in batch])

    def identify(self, batch: Sequence[Samples]) -> list[LanguageProbabilities]:
        """It cannot tell languages apart: all that it knows are as probable."""
        languages = self.info.languages
        return [{language: 1 / len(languages) for language in languages}] * len(batch)

    def _words(self, utterance: "_SherpaUtterance") -> tuple[Word, ...]:
        found = self._model.get_result_all(utterance.stream)
        pieces = _pieces(found.tokens, found.timestamps, found.ys_probs, lower=self._capitals_only)
        # What is written in the flush was said before it.
        return words_of(pieces, by_spaces=self._by_spaces, duration=utterance.samples / SAMPLE_RATE)


@dataclass(slots=True)
class _SherpaUtterance:
    stream: Any
    """Of sherpa-onnx."""
    samples: int = 0

    def push(self, samples: Samples) -> None:
        self.samples += len(samples)
        self._accept(samples)

    def finish(self, silence: Samples) -> None:
        self._accept(silence)
        self.stream.input_finished()

    def _accept(self, samples: Samples) -> None:
        if len(samples):
            self.stream.accept_waveform(SAMPLE_RATE, samples)


def _pieces(
    tokens: Sequence[str], times: Sequence[float], log_probabilities: Sequence[float], *, lower: bool
) -> list[Piece]:
    """A token has one time, that of the step which wrote it: it lasts to the next one, but not for long.

    NeMo's models come without probabilities (`online-transducer-greedy-search-nemo-decoder.cc`): 1 each.
    """
    pieces = []
    log_probabilities = log_probabilities or [0.0] * len(tokens)
    ends = [*times, math.inf][1:]
    for text, start, end, value in zip(tokens, times, ends, log_probabilities, strict=True):
        written = text.replace(_WORD_START, " ")
        pieces.append(
            Piece(
                written.lower() if lower else written,
                start,
                min(max(end, start), start + _LONGEST_TOKEN),
                (math.exp(min(value, 0.0)),),
            )
        )
    return pieces


def _vocabulary(weights: TransducerWeights) -> list[str]:
    try:
        lines = weights.tokens.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{weights.tokens} cannot be read: {error}") from error
    return [line.rpartition(" ")[0] for line in lines]


def _capitals_only(vocabulary: Sequence[str]) -> bool:
    """Whether it writes EVERYTHING LIKE THIS, which says nothing about names and sentences."""
    letters = "".join(token for token in vocabulary if not token.startswith("<"))
    return letters.upper() == letters != letters.lower()


def _load(weights: TransducerWeights) -> Any:
    encoder, decoder, joiner = map(str, weights.networks)
    try:
        return sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens=str(weights.tokens), encoder=encoder, decoder=decoder, joiner=joiner, num_threads=1
        )
    except Exception as error:  # onnxruntime's and sherpa-onnx's own have no common class
        raise Misconfigured(
            f"the model in {weights.folder} cannot be loaded: {error}. It must be a streaming transducer "
            f"that sherpa-onnx reads; get it again, or reinstall sherpa-onnx: {INSTALL}"
        ) from error


_WORD_START = "▁"
"""SentencePiece's mark of a word's first token."""
_LONGEST_TOKEN = 0.3
"""Seconds."""
