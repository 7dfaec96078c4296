"""A frame between the server and a child process.

Two little-endian 32-bit lengths, a msgpack header (a tagged struct, the message) and a body: bytes as they
are. Bodies from a child are raw float32 samples, or empty.
"""

import struct
from collections.abc import Sequence

import msgspec

Bytes = bytes | bytearray | memoryview

LENGTHS = struct.Struct("<II")
"""Bytes of the header, bytes of the body."""

_ENCODER = msgspec.msgpack.Encoder()


def pack(message: msgspec.Struct, *body: Bytes) -> Sequence[Bytes]:
    """The frame as buffers to be sent one after the other; `body` in C-contiguous pieces."""
    header = _ENCODER.encode(message)
    # memoryview.cast takes no empty shape.
    pieces = [memoryview(piece).cast("B") for piece in body if memoryview(piece).nbytes]
    return [LENGTHS.pack(len(header), sum(map(len, pieces))) + header, *pieces]
