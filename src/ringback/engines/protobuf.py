"""Messages of protobuf, as far as files of ONNX need it: fields read and written, without another library.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its number, its value, and its bytes with the tag."""

    number: int
    value: int | bytes
    encoded: bytes

    @property
    def content(self) -> bytes:
        """The value of a field that holds bytes. Raises `ValueError` for a number."""
        if not isinstance(self.value, bytes):
            raise ValueError(f"field {self.number} is a number, bytes were expected")
        return self.value


def fields(message: bytes) -> Iterator[Field]:
    """The fields in order. Raises `ValueError` or `IndexError` if it is no message of protobuf."""
    at = 0
    while at < len(message):
        tag, begins = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, end = _read_varint(message, begins)
        elif kind == _BYTES:
            length, begins = _read_varint(message, begins)
            end = begins + length
            value = message[begins:end]
        elif kind in (_FIXED32, _FIXED64):
            end = begins + (4 if kind == _FIXED32 else 8)
            value = message[begins:end]
        else:
            raise ValueError(f"no message of protobuf: wire type {kind}")
        if end > len(message):
            raise ValueError("no message of protobuf: it ends inside a field")
        yield Field(number, value, message[at:end])
        at = end


def bytes_field(number: int, value: bytes) -> bytes:
    return _tag(number, _BYTES) + _varint(len(value)) + value


def text_field(number: int, value: str) -> bytes:
    return bytes_field(number, value.encode())


def int_field(number: int, value: int) -> bytes:
    """`value`: at least 0."""
    return _tag(number, _VARINT) + _varint(value)


def fixed32_field(number: int, value: bytes) -> bytes:
    """`value`: four bytes, the least significant first."""
    return _tag(number, _FIXED32) + value


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)
