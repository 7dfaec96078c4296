"""Tags, indices and padding in a recording, which are no lost audio: ID3, APE, Lyrics3, zeros, and
the elements of Matroska behind its last cluster."""

import re
from typing import BinaryIO


def behind_tags(file: BinaryIO, at: int, end: int) -> int:
    """Where the tags and zeros end that begin at byte `at`; `at` if there are none."""
    for _ in range(_MOST_TAGS):
        after = min(end, _tag_end(file, at, end))
        if after <= at:
            break
        at = after
    return at


def before_tags(file: BinaryIO, end: int) -> int:
    """Where the tags and zeros begin with which a file of `end` bytes ends; `end` if there are none."""
    for _ in range(_MOST_TAGS):
        before = _tag_start(file, end)
        if before >= end:
            break
        end = max(0, before)
    return end


def behind_elements(file: BinaryIO, at: int, end: int) -> int:
    """Where the elements of Matroska end that begin at byte `at` or closely behind; `at`: there are none."""
    file.seek(at)
    found = _ELEMENTS.search(file.read(_NEAR))
    place = at + found.start() if found else end
    for _ in range(_MOST_ELEMENTS):
        if place >= end:
            break
        file.seek(place)
        head = file.read(12)
        if not (element := _ELEMENTS.match(head)):
            return place
        sizes = head[element.end() :]
        length = 9 - sizes[0].bit_length() if sizes and sizes[0] else 9
        size = int.from_bytes(sizes[:length], "big") & ~(1 << 7 * length)
        place = min(end, place + element.end() + length + size)
    return place if found else at


def id3_bytes(file: BinaryIO, at: int, end: int) -> int:
    """Bytes of the ID3v2 tags between `at` and `end`: songs in a row and radio streams have some."""
    total = tags = 0
    while at < end and tags < _MOST_ID3:
        file.seek(at)
        window = file.read(min(_WINDOW, end - at))
        place = 0
        while tags < _MOST_ID3 and (found := _ID3.search(window, place)):
            size = min(id3_size(found[0]), end - at - found.start())
            total, tags, place = total + size, tags + 1, found.start() + size
        at += max(place, len(window) - _ID3_HEAD + 1, 1)
    return total


def id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag with this header; 0: it is none. Its size has seven bits in each byte."""
    if not _ID3.match(head):
        return 0
    size = 0
    for byte in head[6:_ID3_HEAD]:
        size = size << 7 | byte & 0x7F
    footer = head[5] & 0x10
    return _ID3_HEAD + size + (_ID3_HEAD if footer else 0)


def _tag_end(file: BinaryIO, at: int, end: int) -> int:
    file.seek(at)
    head = file.read(_APE_HEAD)
    if head[:1] == b"\x00":
        return _zeros_end(file, at, end)
    if _ID3.match(head):
        return at + id3_size(head)
    if head[:8] == _APE and len(head) == _APE_HEAD:
        return at + _APE_HEAD + int.from_bytes(head[12:16], "little")
    if head[:11] == b"LYRICSBEGIN":
        file.seek(at)
        found = _LYRICS_END.search(file.read(_LONGEST_LYRICS))
        return at + found.end() if found else at
    if head[:3] == b"TAG":
        return at + (_ID3V1_MORE if head[3:4] == b"+" else _ID3V1)
    return at


def _tag_start(file: BinaryIO, end: int) -> int:
    if end < _ID3V1:
        return end
    file.seek(end - _ID3V1)
    tail = file.read(_ID3V1)
    if tail[:3] == b"TAG":
        return end - _ID3V1
    if tail[-_APE_HEAD:][:8] == _APE:
        return end - int.from_bytes(
            tail[-20:-16], "little"
        )  # Without its header, which is found from before.
    while not any(tail[-_FEWEST_ZEROS:]) and end:
        size = min(_WINDOW, end)
        file.seek(end - size)
        tail = file.read(size)
        end -= size - len(tail.rstrip(b"\x00"))
        if tail.rstrip(b"\x00"):
            break
    return end


def _zeros_end(file: BinaryIO, at: int, end: int) -> int:
    while at < end:
        file.seek(at)
        window = file.read(_WINDOW)
        rest = window.lstrip(b"\x00")
        at += len(window) - len(rest)
        if rest or not window:
            break
    return at


_ELEMENTS = re.compile(rb"\x1cS\xbbk|\x12T\xc3g|\x11M\x9bt|\x10C\xa7p|\x19A\xa4i|\xec")
"""Cues, Tags, SeekHead, Chapters, Attachments, Void."""
_NEAR = 64
_ID3 = re.compile(rb"ID3[\x02-\x04]\x00.[\x00-\x7f]{4}", re.DOTALL)
_ID3_HEAD, _ID3V1, _ID3V1_MORE = 10, 128, 227
_APE, _APE_HEAD = b"APETAGEX", 32
_LYRICS_END = re.compile(rb"LYRICS(?:200|END)")
_LONGEST_LYRICS = 1 << 20
_FEWEST_ZEROS = 32
_MOST_TAGS, _MOST_ELEMENTS, _MOST_ID3 = 16, 1_000, 100_000
"""More are not looked at: a file may consist of empty ones."""
_WINDOW = 1 << 20
