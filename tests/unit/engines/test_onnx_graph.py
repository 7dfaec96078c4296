"""Models that are written node by node: onnxruntime computes them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ringback import onnx
from ringback.engines.onnx_graph import CONTRIBUTED, OnnxGraph

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]], np.float32)


def computed(graph: OnnxGraph, **inputs: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """All its outputs, in order."""
    outputs: list[npt.NDArray[np.float32]] = onnx.session(graph.model()).run(None, inputs)
    return outputs


def with_input() -> tuple[OnnxGraph, str]:
    graph = OnnxGraph()
    return graph, graph.input("x", ["N", 3])


def test_a_graph_computes_its_outputs_in_order() -> None:
    graph, x = with_input()
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    (product,) = graph.node("MatMul", [x, graph.constant(weights)])
    (total,) = graph.node("Add", [product, graph.constant(np.array([1, 2, 3, 4], np.float32))])
    graph.output(total, "total", ["N", 4])
    graph.output(product, "product", ["N", 4])
    total_found, product_found = computed(graph, x=X)
    assert np.allclose(product_found, X @ weights)
    assert np.allclose(total_found, X @ weights + [1, 2, 3, 4])


def test_inputs_and_outputs_have_names_and_sizes() -> None:
    graph, x = with_input()
    graph.output(graph.node("Neg", [x])[0], "negative", ["N", 3])
    session = onnx.session(graph.model())
    (taken,), (given) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("x", "tensor(float)", ["N", 3])
    assert [(each.name, each.type, each.shape) for each in given] == [("negative", "tensor(float)", ["N", 3])]
    for rows in (1, 200):
        assert session.run(None, {"x": np.ones((rows, 3), np.float32)})[0].shape == (rows, 3)
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        session.run(None, {"x": np.ones((1, 4), np.float32)})


def test_attributes_are_floats_and_numbers() -> None:
    graph, x = with_input()
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    (value,) = graph.node("Gemm", [x, graph.constant(weights)], alpha=-0.375, transB=1)
    graph.output(value, "y", ["N", 2])
    assert np.allclose(computed(graph, x=X)[0], -0.375 * X @ weights.T)


def test_a_float_without_a_fraction_is_no_whole_number() -> None:
    graph, x = with_input()
    graph.output(graph.node("LeakyRelu", [x], alpha=2.0)[0], "y", ["N", 3])
    assert np.allclose(computed(graph, x=X)[0], np.where(X < 0, 2 * X, X))


def test_attributes_are_lists_of_numbers() -> None:
    graph, x = with_input()
    graph.output(graph.node("Transpose", [x], perm=[1, 0])[0], "y", [3, "N"])
    assert np.array_equal(computed(graph, x=X)[0], X.T)


def test_a_list_of_one_number_is_a_list() -> None:
    graph = OnnxGraph()
    x = graph.input("x", [1, 1, "F"])
    kernel = graph.constant(np.array([[[1, 10, 100]]], np.float32))
    (value,) = graph.node("Conv", [x, kernel], kernel_shape=[3], strides=[2], pads=[1, 1])
    graph.output(value, "y", [1, 1, "G"])
    x_values = np.array([[[1, 2, 3, 4]]], np.float32)
    assert computed(graph, x=x_values)[0].tolist() == [[[210.0, 432.0]]]


def test_a_node_may_have_several_outputs() -> None:
    graph = OnnxGraph()
    x = graph.input("x", ["N", 4])
    first, second = graph.node("Split", [x], outputs=2, axis=1, num_outputs=2)
    graph.output(second, "second", ["N", 2])
    graph.output(first, "first", ["N", 2])
    found = computed(graph, x=np.array([[1, 2, 3, 4]], np.float32))
    assert [each.tolist() for each in found] == [[[3.0, 4.0]], [[1.0, 2.0]]]


def test_an_input_that_an_operator_may_lack_is_left_out() -> None:
    graph, x = with_input()
    most = graph.constant(np.array(0.75, np.float32))
    graph.output(graph.node("Clip", [x, "", most])[0], "y", ["N", 3])
    assert np.array_equal(computed(graph, x=X)[0], np.minimum(X, np.float32(0.75)))


def test_operators_of_onnxruntime_are_found() -> None:
    graph, x = with_input()
    graph.output(graph.node("QuickGelu", [x], domain=CONTRIBUTED, alpha=1.0)[0], "y", ["N", 3])
    assert np.allclose(computed(graph, x=X)[0], X / (1 + np.exp(-X)), atol=1e-6)


@pytest.mark.parametrize("form", [np.float32, np.uint8, np.int8, np.int32, np.int64])
def test_constants_keep_their_values(form: Any) -> None:
    values = np.array([[0, 1, 127], [100, 2, 3]], form)
    if form in (np.float32, np.int8, np.int32, np.int64):
        values[0, 0] = -128
    if form is np.uint8:
        values[0, 0] = 255
    graph, x = with_input()
    (floats,) = graph.node("Cast", [graph.constant(values)], to=1)
    graph.output(graph.node("Add", [x, floats])[0], "y", ["N", 3])
    assert np.array_equal(computed(graph, x=X)[0], X + values.astype(np.float32))


def test_a_constant_of_any_order_in_memory_has_its_shape() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2).T
    assert not values.flags.c_contiguous
    graph, x = with_input()
    graph.output(graph.node("Add", [x, graph.constant(values)])[0], "y", ["N", 3])
    assert np.array_equal(computed(graph, x=X)[0], X + values)


def test_a_constant_may_be_large() -> None:
    values = np.random.default_rng(0).normal(size=(1_000, 3_000)).astype(np.float32)
    graph = OnnxGraph()
    x = graph.input("x", ["N", 1_000])
    graph.output(graph.node("MatMul", [x, graph.constant(values)])[0], "y", ["N", 3_000])
    chosen = np.zeros((2, 1_000), np.float32)
    chosen[0, 0] = chosen[1, 999] = 1.0
    assert np.array_equal(computed(graph, x=chosen)[0], values[[0, 999]])


def test_a_constant_of_a_kind_that_is_not_written_is_refused() -> None:
    with pytest.raises(KeyError, match="float64"):
        OnnxGraph().constant(np.zeros(3))
