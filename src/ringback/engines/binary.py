"""CTranslate2's `model.bin`, read only as far as it takes to see whether it is all there."""

import struct
from pathlib import Path
from typing import BinaryIO

_VERSIONS = range(4, 7)
"""Of the format, in which variables are written as below (`Model::load` in CTranslate2); in others they
are not looked at."""


def is_cut_short(binary: Path) -> bool:
    """Whether it ends before all that it announces. Reads sizes only."""
    size = binary.stat().st_size
    with binary.open("rb") as file:
        try:
            return _number(file, "<I") in _VERSIONS and _end(file) > size
        except struct.error:  # it ends within a number
            return True


def _end(file: BinaryIO) -> int:
    """Where its content ends, if it is all there."""
    _skip(file, _number(file, "<H"))  # the specification's name
    _number(file, "<I")  # and its revision
    for _ in range(_number(file, "<I")):
        _skip(file, _number(file, "<H"))  # its name
        _skip(file, 4 * _number(file, "<B"))  # its shape
        _number(file, "<B")  # its type
        _skip(file, _number(file, "<I"))
    for _ in range(_number(file, "<I")):
        _skip(file, _number(file, "<H"))  # another name of a variable
        _skip(file, _number(file, "<H"))  # and that variable's own
    return file.tell()


def _number(file: BinaryIO, form: str) -> int:
    value: int
    (value,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return value


def _skip(file: BinaryIO, count: int) -> None:
    file.seek(count, 1)
