"""How large the index of an MP4 is, read without FFmpeg, which would build that index in memory.

FFmpeg keeps some fifty bytes for each sample of each track, and a box of twenty bytes may claim billions.
"""

import struct
from typing import BinaryIO


def index_entries(file: BinaryIO, size: int) -> int:
    """Samples that FFmpeg has to remember for a file of `size` bytes; 0 for a file of another form."""
    return _BoxReader(file).within(0, size, 0)


def claims_too_much(entries: int, size: int) -> bool:
    """Whether no honest file of `size` bytes has such an index. A sample is at least one byte; of a file that
    was cut off, some are missing."""
    return entries > min(LARGEST_INDEX, size + LARGE_INDEX)


def next_file(file: BinaryIO, at: int, end: int) -> int:
    """Where behind the MP4 at byte `at` another begins; else `end`."""
    walk = _BoxReader(file)
    place = at
    for _ in range(_MOST_BOXES):
        if place + 8 > end:
            break
        name, _, after = walk.header(place, end)
        if name == b"ftyp" and place > at:
            return place
        place = after
    return end


def boxes_end(file: BinaryIO, at: int, end: int) -> int:
    """Where behind the boxes of the MP4 at byte `at` something else begins; else `end`."""
    walk = _BoxReader(file)
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            break
        name, _, after = walk.header(at, end)
        if not all(0x20 <= byte < 0x7F for byte in name):
            return at
        at = after
    return end


class _BoxReader:
    """Through the boxes that matter, in their order, and through a bounded number of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._boxes_left = _MOST_BOXES

    def within(self, at: int, end: int, depth: int) -> int:
        entries = in_table = 0
        uncompressed = False
        while at + 8 <= end:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                return _UNKNOWN
            name, body, after = self.header(at, end)
            if name in _WITHIN and depth < _DEEPEST:
                entries += self.within(body, after, depth + 1)
            elif name == b"trun":
                entries += self._number(body + 4)
            elif name in {b"stsz", b"stz2"}:
                in_table += self._number(body + 8)
            elif name == b"stts":
                uncompressed = self._number(body + 4) == 1 == self._number(body + 12)
            elif name == b"cmov" or (name == b"elst" and self._number(body + 4) > _MOST_EDITS):
                entries += _UNKNOWN  # Compressed, or a track that may be repeated for each edit.
            at = after
        # Of samples as they are, each one tick long, whole chunks are remembered.
        return entries + (0 if uncompressed else in_table)

    def header(self, at: int, end: int) -> tuple[bytes, int, int]:
        """A box's name, where its contents begin, and where it ends."""
        self._file.seek(at)
        head = self._file.read(16).ljust(16, b"\x00")
        size, name, large = struct.unpack(">I4sQ", head)
        body = at + 8
        if size == 1:
            size, body = large, at + 16
        after = end if size == 0 else at + max(size, 8)
        return name, body, min(after, end)

    def _number(self, at: int) -> int:
        self._file.seek(at)
        return int.from_bytes(self._file.read(4), "big")


LARGE_INDEX = 1_000_000
"""Entries: about six hours of AAC. So many take some 60 MB in the decoding process."""
LARGEST_INDEX = 10_000_000
"""Entries: more than 48 hours of AAC. More do not fit into the memory that a decoding process may have."""

_WITHIN = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf"})
_DEEPEST = 8
_MOST_BOXES = 1_000_000
"""A day of fragments of one second has some 700,000."""
_MOST_EDITS = 16
_UNKNOWN = LARGEST_INDEX // 2
"""Entries assumed if their number cannot be found without FFmpeg: such a file is read, but few at a time."""
