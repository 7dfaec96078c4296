"""Graphs that are written here and computed by onnxruntime."""

import numpy as np
import pytest

from ringback import onnx
from ringback.engines.onnx_graph import CONTRIBUTED, OnnxGraph
from ringback.engines.protobuf import bytes_field, fields, fixed32_field, int_field, text_field


def test_constants_of_all_kinds_and_attributes_of_all_kinds() -> None:
    graph = OnnxGraph()
    value = graph.input("value", ["N", 4])
    (turned,) = graph.node("Transpose", [value], perm=[1, 0])
    halves = graph.node("Split", [turned], outputs=2, axis=0, num_outputs=2)
    (shape,) = graph.node("Reshape", [halves[1], graph.constant(np.array([-1]))])
    (leaky,) = graph.node("LeakyRelu", [shape], alpha=0.25)
    whole = np.arange(3, dtype=np.int8)
    (floats,) = graph.node("Cast", [graph.constant(whole)], to=1)
    (large,) = graph.node("ReduceMax", [floats, graph.constant(np.array([0]))], keepdims=0)
    (scaled,) = graph.node("Mul", [leaky, large])
    graph.output(scaled, "scaled", ["M"])
    graph.output(halves[0], "first", [2, "N"])
    session = onnx.session(graph.model())
    scaled_values, first = session.run(["scaled", "first"], {"value": np.array([[1, 2, 3, -4]], np.float32)})
    assert scaled_values.tolist() == [6.0, -2.0]
    assert first.tolist() == [[1.0], [2.0]]
    assert [each.name for each in session.get_outputs()] == ["scaled", "first"]


def test_an_operator_of_onnxruntimes_own_and_an_input_that_is_left_out() -> None:
    random = np.random.default_rng(0)
    weight = random.integers(-127, 128, (64, 32)).astype(np.int8)
    graph = OnnxGraph()
    value = graph.input("value", ["N", 64])
    scale, bias = np.full(32, 0.01, np.float32), np.arange(32, dtype=np.float32)
    inputs = [value, graph.constant(weight), graph.constant(scale), "", graph.constant(bias)]
    (product,) = graph.node("DynamicQuantizeMatMul", inputs, domain=CONTRIBUTED)
    graph.output(product, "product", ["N", 32])
    rows = random.normal(0.0, 1.0, (3, 64)).astype(np.float32)
    (found,) = onnx.session(graph.model()).run(None, {"value": rows})
    assert np.allclose(found, rows @ (weight * np.float32(0.01)) + bias, atol=0.3)


def test_fields_are_read_as_they_are_written() -> None:
    message = b"".join(
        (int_field(1, 0), int_field(2, 300), text_field(3, "ж"), bytes_field(16, bytes(200)))
    ) + fixed32_field(5, b"\0\0\x80?")
    found = list(fields(message))
    assert [(field.number, field.value) for field in found] == [
        (1, 0), (2, 300), (3, "ж".encode()), (16, bytes(200)), (5, b"\0\0\x80?")
    ]  # fmt: skip
    assert b"".join(field.encoded for field in found) == message
    assert found[2].content == "ж".encode()
    with pytest.raises(ValueError, match="field 2 is a number"):
        _ = found[1].content


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\x0b", b"\x0a", b"\x80"])
def test_what_is_no_message(message: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        list(fields(message))
