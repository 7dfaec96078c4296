"""Whisper's decoder on a CPU: what it makes of the tokens so far, for several texts at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from ringback import onnx
from ringback.engines import whisper_graphs
from ringback.engines.model_bin import Floats, ModelBin
from ringback.engines.whisper_graphs import HEAD, WhisperSizes

Memory = Mapping[str, Floats]
"""What the decoder attends to of a segment: arrays by the names of its inputs, (1, …)."""
_HIDDEN = np.float32(-1e9)
"""Added to the score of what must not be attended to."""


class EncodedBatch:
    """What the decoder attends to of several segments, the shorter ones filled up. Kept once: for four
    chunks of recordings it takes 47 MB with the smallest model."""

    def __init__(self, lengths: Sequence[int]) -> None:
        """`lengths`: the encoder outputs of each."""
        self.lengths = lengths
        longest = max(lengths)
        self.hidden = np.zeros((len(lengths), 1, 1, longest), np.float32)
        """What is added to the scores of each output."""
        for row, length in zip(self.hidden, lengths, strict=True):
            row[..., length:] = _HIDDEN
        self.memory: dict[str, Floats] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def put(self, place: int, memory: Memory) -> None:
        """Take the segment of this place."""
        for name, values in memory.items():
            if len(self) == 1:
                self.memory[name] = values
                continue
            if name not in self.memory:
                shape = [len(self), *values.shape[1:]]
                shape[_outputs_axis(name)] = max(self.lengths)
                self.memory[name] = np.zeros(shape, np.float32)
            self.memory[name][place][tuple(map(slice, values.shape[1:]))] = values[0]

    def segment(self, place: int) -> "EncodedBatch":
        """That segment alone."""
        alone = EncodedBatch([self.lengths[place]])
        outputs = slice(self.lengths[place])
        for name, values in self.memory.items():
            part = np.moveaxis(values[place : place + 1], _outputs_axis(name), 0)[outputs]
            alone.memory[name] = np.ascontiguousarray(np.moveaxis(part, 0, _outputs_axis(name)))
        return alone


def _outputs_axis(name: str) -> int:
    """Which axis of the array has the encoder's outputs."""
    return 3 if name.startswith("keys") else 2


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

    def begin(self, encoded: EncodedBatch, *, reused: bool = True) -> "DecodingRun":
        """A text for each segment. Without `reused` what was encoded is written over on the way."""
        return DecodingRun(self, encoded, reused=reused)

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

    def __init__(self, decoder: WhisperDecoder, encoded: EncodedBatch, *, reused: bool) -> None:
        self._decoder = decoder
        self._reused = reused
        self._memory = {"hidden": encoded.hidden, **encoded.memory}
        self._lengths = list(encoded.lengths)
        sizes = decoder.sizes
        nothing = np.zeros((len(encoded), sizes.heads, 0, HEAD), np.float32)
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
            self._memory = {name: self._rows(values, chosen) for name, values in self._memory.items()}
        self._lengths = [self._lengths[text] for text in chosen]

    def _rows(self, values: Floats, chosen: Sequence[int]) -> Floats:
        """These rows, in ascending order; in place where nothing else needs the rest: a copy takes 25 MB."""
        if self._reused:
            return values[list(chosen)]
        for place, row in enumerate(chosen):
            if place != row:
                values[place] = values[row]
        return values[: len(chosen)]

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
