"""What the header of a file says about its length, where FFmpeg corrects that by the file's size."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from ringback.audio.tags import id3_size
from ringback.audio.wav import is_unknown, wav_samples


def promised(file: BinaryIO, at: int, end: int) -> float:
    """How many times as many samples the header of the WAV, W64 or CAF file at byte `at` promises as there
    are, which is more than 1 where it was cut off; 1 for other forms."""
    data = wav_samples(file, at)
    if data is None:
        file.seek(at)
        data = _samples(file.read(_LONGEST_HEAD))
        data = data and (at + data[0], data[1])
    if data is None or is_unknown(data[1]) or end <= data[0]:
        return 1.0
    return max(1.0, data[1] / (end - data[0]))


def mp3_frames(file: BinaryIO, at: int) -> int | None:
    """Of how many frames the MP3 at byte `at` says to be (Xing, Info or VBRI); None: it does not say. FFmpeg
    guesses from the size where that does not fit."""
    file.seek(at)
    at += id3_size(file.read(_ID3_HEAD))
    file.seek(at)
    frame = file.read(64)
    for name in (b"Xing", b"Info"):
        if (place := frame.find(name)) > 0 and frame[place + 7 : place + 8] and frame[place + 7] & 1:
            return int.from_bytes(frame[place + 8 : place + 12], "big") or None
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big") or None
    return None


def _samples(head: bytes) -> tuple[int, int] | None:
    """Where the samples of a W64 or CAF file begin, and how many bytes of them its header names."""
    for name, start, size in _chunks(head):
        if name == b"data":
            return start, 0 if size >= _UNKNOWN else size
    return None


def _chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's name, where its contents begin, and their length."""
    if head[:4] == b"caff":
        at = 8
        while at + 12 <= len(head):
            name, size = struct.unpack_from(">4sQ", head, at)
            yield name, at + 12, size
            at += 12 + size
    elif head[:8] == _W64:
        at = 40
        while at + 24 <= len(head):
            name, size = struct.unpack_from("<4s12xQ", head, at)
            yield name, at + 24, max(0, size - 24)
            at += max(24, (size + 7) & ~7)


_W64 = b"riff.\x91\xcf\x11"
_ID3_HEAD = 10
_LONGEST_HEAD = 1 << 16
_UNKNOWN = 1 << 62
"""So large a length is none: streamed files have the largest number that there is."""
