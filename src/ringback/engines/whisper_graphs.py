"""Whisper's network as graphs for onnxruntime, made of the weights of a model that CTranslate2 reads.

A weight takes 8 bits, and what it is multiplied with is brought to 8 bits when it comes. Sizes by letters: N
segments, T tokens, S encoder outputs (50 per second), D the model's width, H its heads of 64 each, V words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ringback.engines.model_bin import Floats, ModelBin
from ringback.engines.onnx_graph import CONTRIBUTED, OnnxGraph

HEAD = 64
"""The width of a head, of every Whisper model."""
_BLOCK = 128
"""Weights that share a scale in a decoder's matrix."""
_COLUMNS_AT_ONCE = 1_024
_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class WhisperSizes:
    """What differs between the models."""

    width: int
    heads: int
    bands: int
    """Of the mels."""
    encoder_layers: int
    decoder_layers: int
    vocabulary: int


def sizes_of(weights: ModelBin) -> WhisperSizes:
    """Raises `KeyError` or `ValueError` if it is not a Whisper model."""
    width, bands = weights.shape("encoder/conv1/weight")[:2]
    if width % _BLOCK:
        raise ValueError(f"it is {width} wide, which is no multiple of {_BLOCK}")
    return WhisperSizes(
        width=width,
        heads=width // HEAD,
        bands=bands,
        encoder_layers=_layers(weights, "encoder"),
        decoder_layers=_layers(weights, "decoder"),
        vocabulary=weights.shape("decoder/embeddings/weight")[0],
    )


def encoder_graph(weights: ModelBin, sizes: WhisperSizes) -> bytes:
    """`mels` (N, bands, 2S) and `positions` (S, D) → `encoded` (N, S, D)."""
    graph = OnnxGraph()
    mels = graph.input("mels", ["N", sizes.bands, "F"])
    positions = graph.input("positions", ["S", sizes.width])
    block = _Network(graph, weights, sizes)
    value = mels
    for name, stride in (("encoder/conv1", 1), ("encoder/conv2", 2)):
        value = block.gelu(block.convolution(value, name, stride))
    (value,) = graph.node("Transpose", [value], perm=[0, 2, 1])
    (value,) = graph.node("Add", [value, positions])
    for layer in range(sizes.encoder_layers):
        at = f"encoder/layer_{layer}"
        value = block.encoder_attention(value, f"{at}/self_attention")
        value = block.feed_forward(value, f"{at}/ffn", block.large_product)
    graph.output(block.norm(value, "encoder/layer_norm"), "encoded", ["N", "S", sizes.width])
    return graph.model()


def memory_graph(weights: ModelBin, sizes: WhisperSizes) -> bytes:
    """`encoded` (N, S, D) → for each layer of the decoder `keys_I` (N, H, 64, S) and `values_I`
    (N, H, S, 64)."""
    graph = OnnxGraph()
    encoded = graph.input("encoded", ["N", "S", sizes.width])
    block = _Network(graph, weights, sizes)
    for layer in range(sizes.decoder_layers):
        both = block.large_product(encoded, f"decoder/layer_{layer}/attention/linear_1")
        keys, values = graph.node("Split", [both], outputs=2, axis=2, num_outputs=2)
        graph.output(block.heads(keys, [0, 2, 3, 1]), f"keys_{layer}", ["N", sizes.heads, HEAD, "S"])
        graph.output(block.heads(values, [0, 2, 1, 3]), f"values_{layer}", ["N", sizes.heads, "S", HEAD])
    return graph.model()


def decoder_graph(weights: ModelBin, sizes: WhisperSizes, observed: Sequence[int]) -> bytes:
    """`embedded` (N, T, D), the memory of M segments, N or one, `hidden` (M, 1, 1, S), which is added to the
    scores of what may be attended to, and for each layer `past_keys_I` and `past_values_I` (N, H, P, 64) →
    `decoded` (N, T, D), `new_keys_I`, `new_values_I` (N, H, P + T, 64), and for the `observed` layers
    `scores_I` (N, H, T, S), what their heads attend to before the softmax."""
    graph = OnnxGraph()
    block = _Network(graph, weights, sizes)
    graph.input("hidden", ["M", 1, 1, "S"])
    value = graph.input("embedded", ["N", "T", sizes.width])
    for layer in range(sizes.decoder_layers):
        at = f"decoder/layer_{layer}"
        value = block.decoder_attention(value, f"{at}/self_attention", layer)
        value, scores = block.cross_attention(value, f"{at}/attention", layer)
        if layer in observed:
            graph.output(scores, f"scores_{layer}", ["N", sizes.heads, "T", "S"])
        value = block.feed_forward(value, f"{at}/ffn", block.small_product)
    graph.output(block.norm(value, "decoder/layer_norm"), "decoded", ["N", "T", sizes.width])
    return graph.model()


def vocabulary_graph(weights: ModelBin, sizes: WhisperSizes) -> bytes:
    """`decoded` (R, D) → `logits` (R, V)."""
    graph = OnnxGraph()
    decoded = graph.input("decoded", ["R", sizes.width])
    name = "decoder/projection"
    logits = _Network(graph, weights, sizes).small_product(decoded, name)
    graph.output(logits, "logits", ["R", sizes.vocabulary])
    return graph.model()


class _Network:
    """Whisper's building blocks, each from the name of its input to that of its output."""

    def __init__(self, graph: OnnxGraph, weights: ModelBin, sizes: WhisperSizes) -> None:
        self._graph = graph
        self._weights = weights
        self._sizes = sizes

    def convolution(self, value: str, name: str, stride: int) -> str:
        graph = self._graph
        kernel, bias = (graph.constant(self._weights.floats(f"{name}/{part}")) for part in ("weight", "bias"))
        (value,) = graph.node("Conv", [value, kernel, bias], kernel_shape=[3], strides=[stride], pads=[1, 1])
        return value

    def gelu(self, value: str) -> str:
        (value,) = self._graph.node("Gelu", [value], domain=CONTRIBUTED)
        return value

    def norm(self, value: str, name: str) -> str:
        graph = self._graph
        scale, bias = (graph.constant(self._weights.floats(f"{name}/{part}")) for part in ("gamma", "beta"))
        (value,) = graph.node("LayerNormalization", [value, scale, bias], epsilon=_EPSILON)
        return value

    def large_product(self, value: str, name: str) -> str:
        """For many rows: a column's weights share a scale, and so do the values of a row.

        onnxruntime has one scale for all of an input, so each row is divided by its largest value before, and
        multiplied with it after.
        """
        weight = self._weights.floats(f"{name}/weight")
        scale = _scales(np.abs(weight).max(axis=1))
        small = np.rint(weight / scale[:, None]).astype(np.int8)
        graph = self._graph
        (sizes,) = graph.node("Abs", [value])
        (largest,) = graph.node("ReduceMax", [sizes, graph.constant(np.array([2]))], keepdims=1)
        (least,) = graph.node("Max", [largest, graph.constant(np.array([1e-20], np.float32))])
        (value,) = graph.node("Div", [value, least])
        # Its zero is said: some versions of onnxruntime need it, where they make the weights unsigned.
        zero = graph.constant(np.array(0, np.int8))
        inputs = [value, graph.constant(np.ascontiguousarray(small.T)), graph.constant(scale), zero]
        (value,) = graph.node("DynamicQuantizeMatMul", inputs, domain=CONTRIBUTED)
        (value,) = graph.node("Mul", [value, largest])
        if (bias := self._bias(name)) is not None:
            (value,) = graph.node("Add", [value, graph.constant(bias)])
        return value

    def small_product(self, value: str, name: str, factor: float = 1.0) -> str:
        """For a few rows: weights and the values of a row have a scale for each 128. All times `factor`."""
        columns, rows = self._weights.shape(f"{name}/weight")
        small = np.empty((columns, rows // _BLOCK, _BLOCK), np.uint8)
        scale = np.empty(small.shape[:2], np.float32)
        # A few at a time, which stay in the processor's caches: the vocabulary has 50,000.
        for first in range(0, columns, _COLUMNS_AT_ONCE):
            few = slice(first, first + _COLUMNS_AT_ONCE)
            blocks = self._weights.floats(f"{name}/weight", few).reshape(-1, *small.shape[1:])
            scale[few] = _scales(np.abs(blocks).max(axis=2))
            blocks /= scale[few, :, None]
            small[few] = np.rint(blocks, out=blocks) + 128
        graph = self._graph
        inputs = [value, graph.constant(small), graph.constant(scale.reshape(-1) * np.float32(factor))]
        if (bias := self._bias(name)) is not None:
            inputs += ["", "", graph.constant(bias * np.float32(factor))]
        (value,) = graph.node(
            "MatMulNBits",
            inputs,
            domain=CONTRIBUTED,
            K=rows,
            N=columns,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=_IN_8_BITS,
        )
        return value

    def feed_forward(self, value: str, name: str, product: Callable[[str, str], str]) -> str:
        inner = product(self.norm(value, f"{name}/layer_norm"), f"{name}/linear_0")
        return self._sum(value, product(self.gelu(inner), f"{name}/linear_1"))

    def encoder_attention(self, value: str, name: str) -> str:
        graph = self._graph
        all_three = self.large_product(self.norm(value, f"{name}/layer_norm"), f"{name}/linear_0")
        three = graph.node("Split", [all_three], outputs=3, axis=2, num_outputs=3)
        (attended,) = graph.node("MultiHeadAttention", three, domain=CONTRIBUTED, num_heads=self._sizes.heads)
        return self._sum(value, self.large_product(attended, f"{name}/linear_1"))

    def decoder_attention(self, value: str, name: str, layer: int) -> str:
        graph = self._graph
        past_shape: list[int | str] = ["N", self._sizes.heads, "P", HEAD]
        past = [graph.input(f"past_{part}_{layer}", past_shape) for part in ("keys", "values")]
        all_three = self.small_product(self.norm(value, f"{name}/layer_norm"), f"{name}/linear_0")
        three = graph.node("Split", [all_three], outputs=3, axis=2, num_outputs=3)
        attended, keys, values = graph.node(
            "MultiHeadAttention",
            [*three, "", "", "", *past],
            outputs=3,
            domain=CONTRIBUTED,
            num_heads=self._sizes.heads,
            unidirectional=1,
        )
        for part, new in (("keys", keys), ("values", values)):
            graph.output(new, f"new_{part}_{layer}", ["N", self._sizes.heads, "L", HEAD])
        return self._sum(value, self.small_product(attended, f"{name}/linear_1"))

    def cross_attention(self, value: str, name: str, layer: int) -> tuple[str, str]:
        """The output, and the scores."""
        graph, heads = self._graph, self._sizes.heads
        keys = graph.input(f"keys_{layer}", ["M", heads, HEAD, "S"])
        values = graph.input(f"values_{layer}", ["M", heads, "S", HEAD])
        query = self.small_product(self.norm(value, f"{name}/layer_norm"), f"{name}/linear_0", HEAD**-0.5)
        (scores,) = graph.node("MatMul", [self.heads(query, [0, 2, 1, 3]), keys])
        (visible,) = graph.node("Add", [scores, "hidden"])
        (shares,) = graph.node("Softmax", [visible])
        (attended,) = graph.node("MatMul", [shares, values])
        (attended,) = graph.node("Transpose", [attended], perm=[0, 2, 1, 3])
        (joined,) = graph.node("Reshape", [attended, graph.constant(np.array([0, 0, heads * HEAD]))])
        return self._sum(value, self.small_product(joined, f"{name}/linear_2")), scores

    def heads(self, value: str, order: Sequence[int]) -> str:
        """(N, T, D) → (N, T, H, 64), its axes in this order."""
        graph = self._graph
        (parted,) = graph.node("Reshape", [value, graph.constant(np.array([0, 0, -1, HEAD]))])
        (turned,) = graph.node("Transpose", [parted], perm=list(order))
        return turned

    def _sum(self, value: str, more: str) -> str:
        (value,) = self._graph.node("Add", [value, more])
        return value

    def _bias(self, name: str) -> Floats | None:
        name = f"{name}/bias"
        return self._weights.floats(name) if name in self._weights else None


_IN_8_BITS = 4
"""Of the operator's `accuracy_level`."""


def _scales(largest: Floats) -> Floats:
    scale: Floats = (largest / 127).astype(np.float32)
    scale[scale == 0] = 1.0
    return scale


def _layers(weights: ModelBin, part: str) -> int:
    count = 0
    while f"{part}/layer_{count}/ffn/linear_0/weight" in weights:
        count += 1
    return count
