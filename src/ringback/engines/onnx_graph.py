"""Writes a model in the format of ONNX, node by node (https://onnx.ai/onnx/intro/python.html).

Only what our own graphs use: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the messages.
"""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ringback.engines.protobuf import bytes_field, fixed32_field, int_field, text_field

CONTRIBUTED = "com.microsoft"
"""The domain of onnxruntime's own operators:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md."""
Attribute = int | float | Sequence[int]
_IR_VERSION, _OPSET = 10, 21
_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
"""`TensorProto.DataType`."""
_FLOAT, _INT, _INTS = 1, 2, 7
"""`AttributeProto.AttributeType`."""


class OnnxGraph:
    """A graph that is written from its inputs to its outputs."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._names = 0

    def input(self, name: str, sizes: Sequence[int | str]) -> str:
        """An input of floats; a size that is a word may be any."""
        self._parts.append(bytes_field(11, _value_info(name, sizes)))
        return name

    def output(self, value: str, name: str, sizes: Sequence[int | str]) -> None:
        """`value`, which a node has computed, as the output of this name: floats."""
        self.node("Identity", [value], outputs=[name])
        self._parts.append(bytes_field(12, _value_info(name, sizes)))

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        name = self._next()
        self._parts.append(constant_field(name, values))
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        *,
        outputs: int | Sequence[str] = 1,
        domain: str = "",
        **attributes: Attribute,
    ) -> list[str]:
        """The names of its outputs. An input of the name "" is one that the operator may lack."""
        names = [self._next() for _ in range(outputs)] if isinstance(outputs, int) else list(outputs)
        message = [
            *(text_field(1, name) for name in inputs),
            *(text_field(2, name) for name in names),
            text_field(4, operator),
            *(bytes_field(5, _attribute(name, value)) for name, value in attributes.items()),
            text_field(7, domain),
        ]
        self._parts.append(bytes_field(1, b"".join(message)))
        return names

    def model(self) -> bytes:
        """The file."""
        opsets = (text_field(1, "") + int_field(2, _OPSET), text_field(1, CONTRIBUTED) + int_field(2, 1))
        graph = b"".join([text_field(2, "graph"), *self._parts])
        versions = b"".join(bytes_field(8, opset) for opset in opsets)
        return int_field(1, _IR_VERSION) + bytes_field(7, graph) + versions

    def _next(self) -> str:
        self._names += 1
        return f"value_{self._names}"


def constant_field(name: str, values: npt.NDArray[np.generic]) -> bytes:
    """A constant of a graph, as a field of `GraphProto`."""
    sizes = b"".join(int_field(1, size) for size in values.shape)
    kind = int_field(2, _ELEMENT_TYPES[values.dtype.name])
    return bytes_field(5, sizes + kind + text_field(8, name) + bytes_field(9, values.tobytes()))


def _value_info(name: str, sizes: Sequence[int | str]) -> bytes:
    shape = b"".join(
        bytes_field(1, int_field(1, size) if isinstance(size, int) else text_field(2, size)) for size in sizes
    )
    tensor = int_field(1, _ELEMENT_TYPES["float32"]) + bytes_field(2, shape)
    return text_field(1, name) + bytes_field(2, bytes_field(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return text_field(1, name) + fixed32_field(2, struct.pack("<f", value)) + int_field(20, _FLOAT)
    if isinstance(value, int):
        return text_field(1, name) + int_field(3, value) + int_field(20, _INT)
    numbers = b"".join(int_field(8, number) for number in value)
    return text_field(1, name) + numbers + int_field(20, _INTS)
