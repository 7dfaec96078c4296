"""Whisper's network on a CPU, through onnxruntime. Only the engine process imports this module.

At each token a decoder reads all its weights, and multiplies them with a few rows. onnxruntime keeps them as
its products want them; CTranslate2, on a processor that is not Intel's, copies them into another order each
time, which takes longer than the product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ringback import onnx
from ringback.audio.samples import Samples
from ringback.engines import whisper_graphs
from ringback.engines.mel import MelExtractor
from ringback.engines.model_bin import Floats, ModelBin
from ringback.engines.text_alignment import token_starts
from ringback.engines.text_search import best_of_beams, best_texts
from ringback.engines.token_choice import TokenRules, log_sum
from ringback.engines.tokens import WhisperTokens
from ringback.engines.whisper_decoder import DecodingRun, EncodedBatch, Memory, WhisperDecoder
from ringback.engines.whisper_network import (
    ENCODED_PER_SECOND,
    Generated,
    LocatedText,
    Search,
    TokenTimes,
    window_frames,
)


@dataclass(frozen=True, slots=True)
class _Attention:
    """Where the alignment heads looked when each token of a text was predicted, and at the end."""

    scores: Floats
    """Shape (heads, tokens, encoder outputs)."""
    probabilities: Sequence[float]
    """Of each token of text, among those of text."""


class _Observed:
    """Texts that are decoded side by side, and where the alignment heads look meanwhile."""

    def __init__(self, decoder: WhisperDecoder, decoding: DecodingRun, texts: int) -> None:
        """`decoding`: the prompts were fed."""
        self._decoder = decoder
        self._decoding = decoding
        self._going_on = list(range(texts))
        self.looks = [[decoding.looks(text)[:, -1]] for text in self._going_on]
        """Of each text, for each of its tokens: (heads, encoder outputs)."""

    def next_scores(self, places: Sequence[int], tokens: Sequence[int]) -> Floats:
        self._decoding.keep(places)
        decoded = self._decoding.feed([[token] for token in tokens])
        self._going_on = [self._going_on[place] for place in places]
        for place, text in enumerate(self._going_on):
            self.looks[text].append(self._decoding.looks(place)[:, 0])
        return self._decoder.scores(decoded[:, 0])


class OnnxWhisper:
    """See `WhisperNetwork`. Segments are encoded one after the other, each in its own window: together they
    would leave the processor's caches. They are decoded together, so that the weights are read once."""

    compute_type = "int8"

    def __init__(
        self,
        weights: ModelBin,
        tokens: WhisperTokens,
        alignment_heads: Sequence[tuple[int, int]],
        languages: Mapping[str, int],
    ) -> None:
        """`alignment_heads`: layer and head of each. `languages`: code → token.

        Raises `KeyError` or `ValueError` for what is not a Whisper model, and what onnxruntime raises.
        """
        sizes = whisper_graphs.sizes_of(weights)
        self._tokens = tokens
        self._languages = languages
        self._mels = MelExtractor(sizes.bands)
        self._positions = weights.floats("encoder/position_encodings/encodings")
        self._encoder = onnx.session(whisper_graphs.encoder_graph(weights, sizes))
        self._memory = onnx.session(whisper_graphs.memory_graph(weights, sizes))
        self._memory_names = [each.name for each in self._memory.get_outputs()]
        self._decoder = WhisperDecoder(weights, sizes, alignment_heads)
        never = [*tokens.suppressed(), tokens.first_timestamp - 1]
        self._rules = TokenRules(tokens.end_of_text, tokens.first_timestamp, np.array(never))
        self._weights = weights
        weights.release()

    def encode(self, batch: Sequence[Samples], windows: Sequence[float]) -> EncodedBatch:
        self._weights.require_unchanged()
        frames = [window_frames(window) for window in windows]
        encoded = EncodedBatch([each // 2 for each in frames])
        for place, segment in enumerate(batch):
            encoded.put(place, self._encode(segment, frames[place]))
        return encoded

    def generate(self, encoded: EncodedBatch, search: Search) -> list[Generated]:
        if search.beams == 1:
            return self._generate(encoded, search)
        written: list[Generated] = []
        for place, most_tokens in enumerate(search.most_tokens):
            alone = Search(search.prompt, [most_tokens], search.beams)
            written += self._generate(encoded.segment(place), alone)
        return written

    def locate(
        self, encoded: EncodedBatch, prompt: Sequence[int], texts: Sequence[LocatedText]
    ) -> list[TokenTimes]:
        return [self._located(text) for text in texts]

    def probabilities(
        self,
        encoded: EncodedBatch,
        prompt: Sequence[int],
        rows: Sequence[int],
        texts: Sequence[Sequence[int]],
    ) -> list[Sequence[float]]:
        segments = {row: encoded.segment(row) for row in set(rows)}
        return [
            self._probabilities(segments[row], prompt, text) for row, text in zip(rows, texts, strict=True)
        ]

    def languages(self, encoded: EncodedBatch) -> list[list[tuple[str, float]]]:
        return [self._language_shares(encoded.segment(place)) for place in range(len(encoded))]

    def _encode(self, segment: Samples, frames: int) -> Memory:
        inputs = {"mels": self._mels.batch([segment], frames), "positions": self._positions[: frames // 2]}
        (encoded,) = self._encoder.run(["encoded"], inputs)
        memory = self._memory.run(self._memory_names, {"encoded": encoded})
        return dict(zip(self._memory_names, memory, strict=True))

    def _generate(self, encoded: EncodedBatch, search: Search) -> list[Generated]:
        """With several beams for a single segment."""
        decoder = self._decoder
        decoding = decoder.begin(encoded, reused=search.encoded_is_reused)
        decoded = decoding.feed([search.prompt] * len(encoded))
        first = decoder.scores(decoded[:, -1])
        no_speech = self._no_speech(first if len(search.prompt) == 1 else decoder.scores(decoded[:, 0]))
        if search.beams > 1:

            def next_beams(places: Sequence[int], tokens: Sequence[int]) -> Floats:
                decoding.keep(places)
                return decoder.scores(decoding.feed([[token] for token in tokens])[:, 0])

            found = [best_of_beams(first, self._rules, search.most_tokens[0], search.beams, next_beams)]
            attention = [self._attention(encoded, search.prompt, found[0].tokens)]
        else:
            observed = _Observed(decoder, decoding, len(encoded))
            found = best_texts(first, self._rules, search.most_tokens, observed.next_scores)
            attention = [
                _Attention(np.stack(looks, axis=1), text.probabilities)
                for looks, text in zip(observed.looks, found, strict=True)
            ]
        return [
            Generated(text.tokens, text.log_probability, silent, seen)
            for text, silent, seen in zip(found, no_speech, attention, strict=True)
        ]

    def _attention(self, segment: EncodedBatch, prompt: Sequence[int], tokens: Sequence[int]) -> _Attention:
        """As `_generate` with one beam remembers it."""
        decoding = self._decoder.begin(segment)
        decoded = decoding.feed([[*prompt, *tokens]])[0, len(prompt) - 1 :]
        looks = decoding.looks(0)[:, len(prompt) - 1 :]
        of_text = self._places_of_text(tokens)
        probabilities = self._probable(decoded[of_text], [tokens[place] for place in of_text])
        return _Attention(looks, probabilities)

    def _probabilities(
        self, segment: EncodedBatch, prompt: Sequence[int], text: Sequence[int]
    ) -> Sequence[float]:
        """As if no timestamps were written."""
        before = [*prompt, self._tokens.first_timestamp - 1]
        decoded = self._decoder.begin(segment).feed([[*before, *text]])[0]
        return self._probable(decoded[len(before) - 1 : -1], text)

    def _probable(self, decoded: Floats, tokens: Sequence[int]) -> list[float]:
        """How probable it is, among all of text, that each row predicts its token."""
        probable: list[float] = []
        for first in range(0, len(tokens), _ROWS_AT_ONCE):
            few = tokens[first : first + _ROWS_AT_ONCE]
            scores = self._decoder.scores(decoded[first : first + len(few)])[:, : self._tokens.end_of_text]
            probable += [
                float(np.exp(row[token] - log_sum(row))) for row, token in zip(scores, few, strict=True)
            ]
        return probable

    def _located(self, text: LocatedText) -> TokenTimes:
        attention: _Attention = text.written.attention
        count, frames = len(text.tokens), window_frames(text.seconds) // 2
        of_text = self._places_of_text(text.written.tokens)
        last = min(of_text[count - 1] + 1, attention.scores.shape[1] - 1)
        starts = token_starts(attention.scores[:, :, :frames], [*of_text[:count], last])
        return TokenTimes((starts / ENCODED_PER_SECOND).tolist(), attention.probabilities[:count])

    def _places_of_text(self, tokens: Sequence[int]) -> list[int]:
        return [place for place, token in enumerate(tokens) if token < self._tokens.end_of_text]

    def _no_speech(self, scores: Floats) -> list[float]:
        """`scores`: of what follows on the start of each transcript."""
        return [float(np.exp(row[self._tokens.no_speech] - log_sum(row))) for row in scores]

    def _language_shares(self, segment: EncodedBatch) -> list[tuple[str, float]]:
        decoded = self._decoder.begin(segment).feed([[self._tokens.start]])[0]
        scores = self._decoder.scores(decoded)[0, list(self._languages.values())]
        shares = np.exp(scores - log_sum(scores))
        return sorted(zip(self._languages, shares.tolist(), strict=True), key=lambda each: -each[1])


_ROWS_AT_ONCE = 32
"""Of the vocabulary's scores: 0.2 MB each."""
