"""The file of weights: written here as CTranslate2's converter writes it."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ringback.engines.model_bin import ModelBin

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
ARRAYS: Mapping[str, npt.NDArray[Any]] = {
    "halves": np.array([[0.5, -1.0], [2.0, 3.0]], np.float16),
    "singles": np.array([1.5, 2.5], np.float32),
    "small": np.array([[127, -64], [1, 0]], np.int8),
    "small_scale": np.array([127.0, 2.0], np.float32),
    "middle": np.array([[1000, -500], [250, 0]], np.int16),
    "middle_scale": np.array(1000.0, np.float32),
    "number": np.array(6, np.int16),
}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def file_of(version: int = 6, kind: int | None = None) -> bytes:
    """`kind`: the number format of all arrays, if it is not their own."""
    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(ARRAYS))]
    for name, values in ARRAYS.items():
        sizes = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        form = TYPES[values.dtype.name] if kind is None else kind
        parts += [text(name), sizes, struct.pack("<BI", form, values.nbytes), values.tobytes()]
    return b"".join([*parts, struct.pack("<I", 1), text("same"), text("halves")])


def written(folder: Path, contents: bytes, *cuts: int) -> ModelBin:
    """The file in parts that end at the `cuts`."""
    paths = []
    for number, (begin, end) in enumerate(zip((0, *cuts), (*cuts, len(contents)), strict=True)):
        path = folder / f"model.bin.{number}"
        path.write_bytes(contents[begin:end])
        paths.append(path)
    return ModelBin(paths)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_arrays_are_read_as_they_were_before_they_were_quantized(tmp_path: Path, version: int) -> None:
    model = written(tmp_path, file_of(version))
    assert model.floats("halves").tolist() == [[0.5, -1.0], [2.0, 3.0]]
    assert model.floats("singles").tolist() == [1.5, 2.5]
    assert model.floats("small").tolist() == [[1.0, np.float32(-64) / 127], [0.5, 0.0]]
    assert model.floats("middle").tolist() == [[1.0, -0.5], [0.25, 0.0]]
    assert model.floats("middle", slice(1, 2)).tolist() == [[0.25, 0.0]]
    assert model.floats("small", slice(1, 2)).tolist() == [[0.5, 0.0]]
    assert model.shape("same") == (2, 2)
    assert model.floats("same").tolist() == model.floats("halves").tolist()
    assert {model.floats(name).dtype.name for name in ARRAYS if f"{name}_scale" in model} == {"float32"}
    assert model.stored("halves").dtype == np.float16
    assert int(model.stored("number")) == 6
    assert "same" in model
    assert "other" not in model
    with pytest.raises(KeyError):
        model.floats("other")


def test_parts_may_end_anywhere(tmp_path: Path) -> None:
    contents = file_of()
    whole = written(tmp_path, contents)
    for number, cut in enumerate(range(1, len(contents) - 1, 7)):
        folder = tmp_path / str(number)
        folder.mkdir()
        parts = written(folder, contents, cut, cut + 1)
        for name in ("halves", "singles", "small", "middle"):
            assert np.array_equal(parts.floats(name), whole.floats(name))


def test_what_was_given_back_is_read_again(tmp_path: Path) -> None:
    model = written(tmp_path, file_of(), 100)
    before = model.floats("small")
    model.release()
    assert np.array_equal(model.floats("small"), before)


def test_a_file_that_is_written_over_is_noticed_and_one_that_is_replaced_is_kept(tmp_path: Path) -> None:
    model = written(tmp_path, file_of())
    before = model.floats("small")
    model.release()
    (tmp_path / "other").write_bytes(bytes(len(file_of())))
    (tmp_path / "other").rename(tmp_path / "model.bin.0")
    model.require_unchanged()
    assert np.array_equal(model.floats("small"), before)
    other = written(tmp_path, file_of())
    other.require_unchanged()
    os.utime(tmp_path / "model.bin.0", ns=(0, 0))
    with pytest.raises(RuntimeError, match="restart the server"):
        other.require_unchanged()


@pytest.mark.parametrize("version", [0, 3, 7, 0x4B504F00])
def test_another_version_is_refused(tmp_path: Path, version: int) -> None:
    with pytest.raises(ValueError, match=f"version {version} of its format, 4 to 6 are known"):
        written(tmp_path, file_of(version))


def test_a_file_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    contents = file_of()
    for length in range(1, len(contents)):
        with pytest.raises(ValueError, match="damaged"):
            written(tmp_path, contents[:length])
    with pytest.raises(ValueError, match="empty"):
        written(tmp_path, b"")


def test_what_is_not_such_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.bin"):
        written(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 75537502\n")


def test_a_number_format_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"halves in a number format that is not supported \(type 5\)"):
        written(tmp_path, file_of(kind=5)).floats("halves")
