"""The file `model.bin` of a Whisper model that was converted for CTranslate2: its arrays by name.

The format: https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py (MIT).
"""

import mmap
import os
import struct
import weakref
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_VERSION = 6
"""The newest that is known, of 2021; below 4 arrays had other headers."""
_OLDEST = 4
_TYPES: tuple[npt.DTypeLike, ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By their numbers in the file. There is a sixth, bfloat16, which numpy lacks."""
Floats = npt.NDArray[np.float32]


class ModelBin:
    """The arrays of one file, or of the parts that make it up. They are read from the disk when asked for."""

    def __init__(self, parts: Sequence[Path]) -> None:
        """Raises `OSError` or `ValueError` if it is no such file."""
        self._bytes = _Parts(parts)
        self._places: dict[str, tuple[int, int, int, tuple[int, ...]]] = {}
        try:
            self._read_places()
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"model.bin is damaged: {error}") from error

    def floats(self, name: str, rows: slice = slice(None)) -> Floats:
        """A copy of the array, or of some rows, as it was before it was quantized, if it was.

        Raises `KeyError` if there is none.
        """
        values = self.stored(name)
        if values.dtype not in (np.int8, np.int16):
            return values[rows].astype(np.float32)
        # One for each row, or one for all.
        scale = np.asarray(self.stored(f"{name}_scale"), np.float32).reshape(-1, *(1,) * (values.ndim - 1))
        floats: Floats = (values[rows] / (scale[rows] if len(scale) > 1 else scale)).astype(np.float32)
        return floats

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises `KeyError`."""
        return self.stored(name).shape

    def stored(self, name: str) -> npt.NDArray[Any]:
        """The array as it is in the file, where possible without a copy. Raises `KeyError`."""
        if name not in self._places:
            raise KeyError(f"model.bin has no {name}")
        begins, size, kind, shape = self._places[name]
        if kind >= len(_TYPES):
            raise ValueError(f"model.bin has {name} in a number format that is not supported (type {kind})")
        return np.frombuffer(self._bytes.slice(begins, size), _TYPES[kind]).reshape(shape)

    def require_unchanged(self) -> None:
        """Raises `RuntimeError` if the file was written over since: what is read from it now belongs to other
        weights. One that was replaced, as `ringback model pull` does, is as it was for us."""
        if not self._bytes.unchanged:
            raise RuntimeError("model.bin was written over while it is in use: restart the server")

    def release(self) -> None:
        """Give back the memory of what was read; what is asked for again is read again."""
        self._bytes.release()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def _read_places(self) -> None:
        at = 0

        def unpacked(form: str) -> int:
            nonlocal at
            size = struct.calcsize(form)
            (value,) = struct.unpack(form, self._bytes.slice(at, size))
            at += size
            return int(value)

        def text() -> str:
            nonlocal at
            size = unpacked("<H")
            value = bytes(self._bytes.slice(at, size)).rstrip(b"\0").decode()
            at += size
            return value

        version = unpacked("<I")
        if not _OLDEST <= version <= _VERSION:
            raise ValueError(
                f"model.bin has version {version} of its format, {_OLDEST} to {_VERSION} are known"
            )
        text(), unpacked("<I")  # the kind of model and its revision
        for _ in range(unpacked("<I")):
            name = text()
            shape = tuple(unpacked("<I") for _ in range(unpacked("<B")))
            kind, size = unpacked("<B"), unpacked("<I")
            self._places[name] = (at, size, kind, shape)
            at += size
        for _ in range(unpacked("<I")):
            alias, name = text(), text()
            self._places[alias] = self._places[name]


class _Parts:
    """Files as one run of bytes, mapped into memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)
        files = [self._files.enter_context(path.open("rb")) for path in paths]
        self._numbers = [file.fileno() for file in files]
        self._written = self._last_writes()
        self._mmaps = [_mapped(number) for number in self._numbers]
        self._maps = [memoryview(each) for each in self._mmaps]
        self._ends = list(accumulate(map(len, self._maps)))

    def slice(self, begins: int, size: int) -> memoryview | bytes:
        first = bisect_right(self._ends, begins)
        if first < len(self._ends) and begins + size <= self._ends[first]:
            at = begins - (self._ends[first] - len(self._maps[first]))
            return self._maps[first][at : at + size]
        joined = bytearray()
        for view, end in zip(self._maps, self._ends, strict=True):
            at = max(0, begins + len(joined) - (end - len(view)))
            joined += view[at : at + size - len(joined)]
        if len(joined) < size:
            raise ValueError("model.bin is damaged: it ends too early")
        return bytes(joined)

    def release(self) -> None:
        for each in self._mmaps:
            each.madvise(mmap.MADV_DONTNEED)

    @property
    def unchanged(self) -> bool:
        return self._last_writes() == self._written

    def _last_writes(self) -> list[int]:
        return [os.fstat(number).st_mtime_ns for number in self._numbers]


def _mapped(file: int) -> mmap.mmap:
    # Read at once where the system can: page by page it takes a third of the time until a model is ready.
    flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0)
    return mmap.mmap(file, 0, flags=flags, prot=mmap.PROT_READ)
