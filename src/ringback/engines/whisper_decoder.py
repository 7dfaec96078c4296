"""Whisper's decoder on a CPU: what it makes of the tokens so far, for several texts at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ringback import onnx
from ringback.engines import whisper_graphs
from ringback.engines.model_bin import Floats, ModelBin
from ringback.engines.whisper_graphs import HEAD, WhisperSizes

Memory = Mapping[str, Floats]
"""What the decoder attends to of segments: arrays by the names of its inputs, (segments, …)."""
_HIDDEN = np.float32(-1e9)
"""Added to the score of what must not be attended to."""


class WhisperDecoder:
    """Thread-safe: sessions of onnxruntime are."""

    def __init__(
        self, weights: ModelBin, sizes: WhisperSizes, alignment_heads: Sequence[tuple[int, int]]
    ) -> None:
        """`alignment_heads`: layer and head of each, which look at what is said at that moment. Raises
        `ValueError` if there are none, or not those."""
        self.heads: dict[int, list[int]] = {}
        for layer, head in sorted(alignment_heads):
            if not (0 <= layer < sizes.decoder_layers and 0 <= head < sizes.heads):
                raise ValueError(
                    f"its config.json names an alignment head that there is not: {[layer, head]}"
                )
            self.heads.setdefault(layer, []).append(head)
        if not self.heads:
            raise ValueError("its config.json names no alignment heads, which tell when words were said")
        self.sizes = sizes
        self._positions = weights.floats("decoder/position_encodings/encodings")
        # As the file has them, and mapped: few of the words are ever used.
        self._embeddings = weights.stored("decoder/embeddings/weight")
        self.network = onnx.session(whisper_graphs.decoder_graph(weights, sizes, list(self.heads)))
        self._vocabulary = onnx.session(whisper_graphs.vocabulary_graph(weights, sizes))

    def begin(self, segments: Sequence[Memory]) -> "DecodingRun":
        """A text for each segment."""
        return DecodingRun(self, *_together(segments))

    def scores(self, decoded: Floats) -> Floats:
        """Of what may follow on each row: (rows, width) → (rows, vocabulary)."""
        scores: Floats = self._vocabulary.run(["logits"], {"decoded": decoded})[0]
        return scores

    def embedded(self, tokens: Sequence[Sequence[int]], position: int) -> Floats:
        """The tokens of each text from this position on: (texts, tokens, width)."""
        ids = np.array(tokens)
        embedded: Floats = self._embeddings[ids] + self._positions[position : position + ids.shape[1]]
        return embedded


class DecodingRun:
    """Texts that are decoded token by token, with what was computed for the tokens so far."""

    def __init__(self, decoder: WhisperDecoder, memory: Memory, lengths: Sequence[int]) -> None:
        self._decoder = decoder
        self._memory = dict(memory)
        self._lengths = list(lengths)
        sizes = decoder.sizes
        nothing = np.zeros((len(lengths), sizes.heads, 0, HEAD), np.float32)
        names = [f"{part}_{layer}" for layer in range(sizes.decoder_layers) for part in ("keys", "values")]
        self._past = {f"past_{name}": nothing for name in names}
        scores = [f"scores_{layer}" for layer in decoder.heads]
        self._outputs = ["decoded", *(f"new_{name}" for name in names), *scores]
        self._position = 0
        self._scores: list[Floats] = []

    def keep(self, texts: Sequence[int]) -> None:
        """Go on with these texts, by their places; with one segment, one may be there several times."""
        chosen = list(texts)
        if chosen == list(range(len(self._lengths))):
            return
        self._past = {name: values[chosen] for name, values in self._past.items()}
        if len(self._memory["hidden"]) > 1:
            self._memory = {name: values[chosen] for name, values in self._memory.items()}
        self._lengths = [self._lengths[text] for text in chosen]

    def feed(self, tokens: Sequence[Sequence[int]]) -> Floats:
        """What the decoder makes of the next tokens of each text: (texts, tokens, width)."""
        decoder = self._decoder
        inputs = {"embedded": decoder.embedded(tokens, self._position), **self._memory, **self._past}
        decoded: Floats
        decoded, *rest = decoder.network.run(self._outputs, inputs)
        self._past = dict(zip(self._past, rest, strict=False))
        self._scores = rest[len(self._past) :]
        self._position += decoded.shape[1]
        return decoded

    def looks(self, text: int) -> Floats:
        """Where the alignment heads looked for the tokens that were fed last, before the softmax: (heads,
        tokens, encoder outputs)."""
        heads = self._decoder.heads.values()
        length = self._lengths[text]
        found = [
            scores[text, of_layer, :, :length] for scores, of_layer in zip(self._scores, heads, strict=True)
        ]
        return np.concatenate(found)


def _together(segments: Sequence[Memory]) -> tuple[Memory, list[int]]:
    """The memory of all, the shorter ones filled up with what must not be attended to; and their lengths."""
    lengths = [segment["values_0"].shape[2] for segment in segments]
    longest = max(lengths)
    hidden = np.zeros((len(segments), 1, 1, longest), np.float32)
    for row, length in zip(hidden, lengths, strict=True):
        row[..., length:] = _HIDDEN
    if len(segments) == 1:
        return {**segments[0], "hidden": hidden}, lengths
    memory: dict[str, Any] = {"hidden": hidden}
    for name, of_first in segments[0].items():
        axis = 3 if name.startswith("keys") else 2
        shape = [len(segments), *of_first.shape[1:]]
        shape[axis] = longest
        filled = memory[name] = np.zeros(shape, np.float32)
        for row, segment in zip(filled, segments, strict=True):
            part = segment[name][0]
            row[tuple(map(slice, part.shape))] = part
    return memory, lengths
