"""The names model with its weights in 8 bits instead of 4.

Its file has weights of 4 bits, which onnxruntime turns into floats before it multiplies; integers of 8 bits
are multiplied as they are, at 0.4 of the cost. The file is ONNX, a message of protobuf, of which only the
parts that change are read (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), without another library.

A weight uses 7 of its 8 bits: processors without VNNI add two products in 16 bits, which 8 would overflow
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringback.engines.onnx_graph import constant_field
from ringback.engines.protobuf import bytes_field, fields

_LARGEST = 63
"""Of a weight in 7 bits."""
_FEW_OUTPUTS = 64
"""The last layer, which decides between labels, has fewer: it stays as it is."""
_GRAPH = 7
"""Of `ModelProto`."""
_NODE, _INITIALIZER = 1, 5
"""Of `GraphProto`."""


@dataclass(frozen=True, slots=True)
class _FourBitLayer:
    """A node `MatMulNBits`: an input times a matrix of `rows` × `columns`."""

    name: bytes
    inputs: tuple[bytes, ...]
    output: bytes
    rows: int
    columns: int
    block: int
    """Rows that share a scale."""


def with_byte_weights(model: bytes) -> bytes:
    """The same model, its layers of 4-bit weights computed in 8 bits; those of other shapes as they are.

    Raises `ValueError` or `IndexError` if it is no message of protobuf.
    """
    return b"".join(
        bytes_field(_GRAPH, _rewritten(field.content)) if field.number == _GRAPH else field.encoded
        for field in fields(model)
    )


def _rewritten(graph: bytes) -> bytes:
    parts = list(fields(graph))
    tensors = {_name_of(field.content): field.content for field in parts if field.number == _INITIALIZER}
    layers = {
        place: layer
        for place, field in enumerate(parts)
        if field.number == _NODE and (layer := _four_bit_layer(field.content)) is not None
    }
    unpacked = {name for layer in layers.values() for name in layer.inputs[1:]}
    written: list[bytes] = []
    for place, field in enumerate(parts):
        if (layer := layers.get(place)) is not None:
            written += _eight_bit_layer(layer, tensors)
        elif field.number != _INITIALIZER or _name_of(field.content) not in unpacked:
            written.append(field.encoded)
    return b"".join(written)


def _four_bit_layer(node: bytes) -> _FourBitLayer | None:
    """The node as such a layer; None: it is something else."""
    inputs: list[bytes] = []
    named: dict[int, bytes] = {}
    sizes: dict[bytes, int] = {}
    for field in fields(node):
        if field.number == 1:
            inputs.append(field.content)
        elif field.number == 5:
            parts = {part.number: part.value for part in fields(field.content)}
            if isinstance(name := parts[1], bytes) and isinstance(size := parts.get(3), int):
                sizes[name] = size
        else:
            named[field.number] = field.content
    plain = named.get(4) == b"MatMulNBits" and sizes[b"bits"] == 4 and len(inputs) == 3
    if not plain or sizes[b"N"] < _FEW_OUTPUTS or sizes[b"K"] % sizes[b"block_size"]:
        return None
    rows, columns, block = sizes[b"K"], sizes[b"N"], sizes[b"block_size"]
    return _FourBitLayer(named.get(3, b""), tuple(inputs), named[2], rows, columns, block)


def _eight_bit_layer(layer: _FourBitLayer, tensors: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The node `DynamicQuantizeMatMul` with its weights, scales and zero points."""
    weights = _unpacked(layer, tensors)
    scales = (np.abs(weights).max(axis=0) / _LARGEST).astype(np.float32)
    scales[scales == 0] = 1.0
    small = np.rint(weights / scales).astype(np.int8)
    names = [layer.output + ending for ending in (b"_weights", b"_scales", b"_zeros")]
    zeros = np.zeros(layer.columns, np.int8)
    for name, values in zip(names, (small, scales, zeros), strict=True):
        yield constant_field(name.decode(), values)
    inputs = (bytes_field(1, name) for name in (layer.inputs[0], *names))
    domain, operator = b"com.microsoft", b"DynamicQuantizeMatMul"
    rest = (
        bytes_field(2, layer.output)
        + bytes_field(3, layer.name)
        + bytes_field(4, operator)
        + bytes_field(7, domain)
    )
    yield bytes_field(_NODE, b"".join(inputs) + rest)


def _unpacked(layer: _FourBitLayer, tensors: Mapping[bytes, bytes]) -> npt.NDArray[np.float32]:
    """`rows` × `columns`. Packed, each column lies in a row, two weights in a byte, 8 being zero."""
    packed = np.frombuffer(_raw(tensors[layer.inputs[1]]), np.uint8).reshape(layer.columns, -1)
    scales = np.frombuffer(_raw(tensors[layer.inputs[2]]), np.float32).reshape(layer.columns, -1, 1)
    pairs = np.stack([packed & 15, packed >> 4], axis=-1).reshape(layer.columns, layer.rows)
    blocks = (pairs.astype(np.float32) - 8).reshape(layer.columns, -1, layer.block)
    weights: npt.NDArray[np.float32] = (blocks * scales).reshape(layer.columns, layer.rows).T
    return weights


def _name_of(tensor: bytes) -> bytes:
    return next(field.content for field in fields(tensor) if field.number == 8)


def _raw(tensor: bytes) -> bytes:
    return next(field.content for field in fields(tensor) if field.number == 9)
