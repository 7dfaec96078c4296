"""Rewrites the graph of Silero VAD for many windows at once, with the same weights and the same results.

The file it writes stands in the repository: this is only needed to check or replace it. Silero's convolutions run
over four frames of one window; onnxruntime multiplies matrices window by window then, with weights that are
larger than all that they are applied to. Here each layer is one product for all windows: a third of the time.

    python3.11 -m venv /tmp/quicken
    /tmp/quicken/bin/pip install onnx==1.23.2 onnxruntime==1.32.0
    /tmp/quicken/bin/pip download --no-deps --dest /tmp/quicken faster-whisper==1.2.1
    /tmp/quicken/bin/python tools/quicken_silero.py /tmp/quicken/faster_whisper-1.2.1-*.whl

Both models are compared, on noise and in several numbers of windows, before anything is written.
"""

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

OUT = Path(__file__).parent.parent / "src" / "ringback" / "audio" / "silero_vad_v6.onnx"
ORIGINAL = "faster_whisper/assets/silero_vad_v6.onnx"
ORIGINAL_SHA256 = "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2"
TOLERANCE = 1e-5
"""Of an output, or as a share of one that is more than one: the memory of some cells grows with time."""
FRAMES, BASIS, HOP = 4, 256, 128
"""Of a window: frames, and samples of a frame and from one to the next."""
BINS = BASIS // 2 + 1


def main() -> None:
    original = zipfile.ZipFile(sys.argv[1]).read(ORIGINAL)
    if hashlib.sha256(original).hexdigest() != ORIGINAL_SHA256:
        sys.exit(f"{sys.argv[1]} does not have the file that this was written for (faster-whisper 1.2.1)")
    source = onnx.load_model_from_string(original)
    quick = rewritten(source)
    onnx.checker.check_model(quick)
    compare(original, quick.SerializeToString())
    onnx.save_model(quick, OUT)


class Graph:
    """Nodes and weights, as they are added."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """The name of the output, or names if there are several."""
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values: Any) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def shaped(self, name: str, *shape: int) -> str:
        return str(self.add("Reshape", name, self.constant(np.array(shape, np.int64))))

    def part(self, name: str, start: int, end: int) -> str:
        """Columns (axis 1) from `start` to `end`."""
        bounds = (self.constant(np.array([at], np.int64)) for at in (start, end, 1))
        return str(self.add("Slice", name, *bounds))

    def padded(self, name: str, before: int, behind: int, mode: str = "constant") -> str:
        """More columns."""
        return str(self.add("Pad", name, self.constant(np.array([0, before, 0, behind])), mode=mode))

    def layer(self, name: str, weight: str, taps: slice = slice(None)) -> str:
        """A convolution that has become a product, and its ReLU. `taps`: those that meet more than padding."""
        kernel = self.weights[f"{weight}.weight"][:, :, taps]
        matrix = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])
        bias = self.constant(self.weights[f"{weight}.bias"])
        return str(self.add("Relu", self.add("Gemm", name, self.constant(matrix), bias)))


def rewritten(source: onnx.ModelProto) -> onnx.ModelProto:
    graph = Graph({each.name: numpy_helper.to_array(each) for each in source.graph.initializer})
    last = decoded(graph, encoded(graph, magnitudes(graph)))
    graph.nodes.append(helper.make_node("Sigmoid", [last], ["speech_probs"]))
    outputs = [
        helper.make_tensor_value_info("speech_probs", onnx.TensorProto.FLOAT, ["windows"]),
        *source.graph.output[1:],
    ]
    made = helper.make_graph(graph.nodes, "silero", source.graph.input, outputs, graph.initializers)
    return helper.make_model(made, opset_imports=source.opset_import, ir_version=source.ir_version)


def magnitudes(graph: Graph) -> str:
    """Shape (windows, 4 · 129): the spectrum of each frame. The last frame ends in mirrored samples."""
    samples = graph.padded("input", 0, HOP // 2, mode="reflect")
    parts = [graph.part(samples, frame * HOP, frame * HOP + BASIS) for frame in range(FRAMES)]
    frames = graph.shaped(graph.add("Concat", *parts, axis=1), -1, BASIS)
    basis = graph.weights["encoder.feature_extractor.forward_basis_buffer"][:, 0].T
    spectrum = graph.add("MatMul", frames, graph.constant(basis))
    squares = [
        graph.add("Mul", part, part)
        for part in (graph.part(spectrum, 0, BINS), graph.part(spectrum, BINS, 2 * BINS))
    ]
    return graph.shaped(graph.add("Sqrt", graph.add("Add", *squares)), -1, FRAMES * BINS)


def encoded(graph: Graph, spectrum: str) -> str:
    """Shape (windows, 128). Three taps a layer, four frames, then two, then one, whose neighbours are padding."""
    name = graph.padded(spectrum, BINS, BINS)
    parts = [graph.part(name, frame * BINS, (frame + 3) * BINS) for frame in range(FRAMES)]
    name = graph.shaped(graph.add("Concat", *parts, axis=1), -1, 3 * BINS)
    name = graph.shaped(graph.layer(name, "encoder.conv_layers.0"), -1, FRAMES * 128)
    name = graph.padded(name, 128, 0)
    parts = [graph.part(name, 0, 3 * 128), graph.part(name, 2 * 128, 5 * 128)]
    name = graph.shaped(graph.add("Concat", *parts, axis=1), -1, 3 * 128)
    name = graph.shaped(graph.layer(name, "encoder.conv_layers.1"), -1, 2 * 64)
    name = graph.layer(name, "encoder.conv_layers.2", slice(1, 3))
    return graph.layer(name, "encoder.conv_layers.3", slice(1, 2))


def decoded(graph: Graph, encoding: str) -> str:
    """Shape (windows,): the sums before the sigmoid."""
    weights = [graph.constant(graph.weights[f"onnx::LSTM_{number}"]) for number in (209, 210, 211)]
    steps = graph.shaped(encoding, -1, 1, 128)
    graph.nodes.append(
        helper.make_node("LSTM", [steps, *weights, "", "h", "c"], ["states", "hn", "cn"], hidden_size=128)
    )
    positive = graph.add("Relu", graph.shaped("states", -1, 128))
    matrix = graph.constant(graph.weights["decoder.conv1d.weight"][:, :, 0].T)
    sums = graph.add("Gemm", positive, matrix, graph.constant(graph.weights["decoder.conv1d.bias"]))
    return graph.shaped(sums, -1)


def compare(original: bytes, quick: bytes) -> None:
    """Exits where an output differs by more than `TOLERANCE`."""
    random = np.random.default_rng(0)
    sessions = [onnxruntime.InferenceSession(each) for each in (original, quick)]
    for count in (1, 2, 31, 500):
        inputs = {
            "input": (random.standard_normal((count, 576)) * 0.1).astype(np.float32),
            **{name: random.standard_normal((1, 1, 128)).astype(np.float32) for name in ("h", "c")},
        }
        expected, found = (session.run(None, inputs) for session in sessions)
        error = max(
            float((np.abs(one - other) / np.maximum(1.0, np.abs(one))).max())
            for one, other in zip(expected, found, strict=True)
        )
        print(f"{count} windows: differs by {error:.1e}")
        if error > TOLERANCE:
            sys.exit("the rewritten graph is not what Silero computes")


if __name__ == "__main__":
    main()
