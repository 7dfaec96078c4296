"""The layers of the names model in 8 bits: what they compute, and what is left alone."""

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from ringback.engines.names_weights import with_byte_weights

ROWS, COLUMNS, BLOCK = 64, 96, 32


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def model_of(columns: int = COLUMNS) -> bytes:
    """A model of one `MatMulNBits`: from `x`, of any number of rows, to `y`."""
    random = np.random.default_rng(7)
    packed = random.integers(0, 256, (columns, ROWS // BLOCK, BLOCK // 2)).astype(np.uint8)
    scales = random.uniform(0.005, 0.02, (columns, ROWS // BLOCK)).astype(np.float32)
    sizes = {"K": ROWS, "N": columns, "bits": 4, "block_size": BLOCK}
    attributes = b"".join(
        field(5, field(1, name.encode()) + field(3, size) + field(20, 2)) for name, size in sizes.items()
    )
    names = b"".join(field(1, name) for name in (b"x", b"w", b"s")) + field(2, b"y")
    node = field(1, names + field(4, b"MatMulNBits") + attributes + field(7, b"com.microsoft"))
    return model_with(node + tensor(b"w", 2, packed) + tensor(b"s", 1, scales), columns)


def tensor(name: bytes, kind: int, values: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> bytes:
    sizes = b"".join(field(1, size) for size in values.shape)
    return field(5, sizes + field(2, kind) + field(8, name) + field(9, values.tobytes()))


def model_with(graph: bytes, columns: int) -> bytes:
    ends = [(11, b"x", ROWS), (12, b"y", columns)]
    around = b"".join(field(number, field(1, name) + field(2, shape_of(size))) for number, name, size in ends)
    sets = field(8, field(1, b"") + field(2, 18)) + field(8, field(1, b"com.microsoft") + field(2, 1))
    return field(1, 9) + sets + field(7, graph + field(2, b"graph") + around)


def shape_of(size: int) -> bytes:
    """A matrix of floats, of any number of rows."""
    return field(1, field(1, 1) + field(2, field(1, field(2, b"rows")) + field(1, field(1, size))))


def computed(model: bytes, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    (y,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert isinstance(y, np.ndarray)
    return y.astype(np.float32)


def test_a_layer_in_8_bits_computes_nearly_the_same() -> None:
    x = np.random.default_rng(3).normal(size=(5, ROWS)).astype(np.float32)
    expected = computed(model_of(), x)
    got = computed(with_byte_weights(model_of()), x)
    assert b"DynamicQuantizeMatMul" in with_byte_weights(model_of())
    assert np.abs(got - expected).max() < 0.05 * np.abs(expected).max()


def test_a_layer_of_few_outputs_stays_as_it_is() -> None:
    assert with_byte_weights(model_of(columns=35)) == model_of(columns=35)


def test_what_is_no_model_is_refused() -> None:
    for broken in (model_of()[:-3], b"\x3a", b"\x3b\x00", b"\xff"):
        with pytest.raises((ValueError, IndexError)):
            with_byte_weights(broken)
