"""The header of a WAV file, read without FFmpeg, which would first read 64 KB: two seconds of speech."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from ringback.audio.encodings import Decoding
from ringback.audio.signatures import kind_of


@dataclass(frozen=True, slots=True)
class WavHead:
    """What the header of a WAV file says of the raw samples behind it."""

    decoding: Decoding
    size: int
    """Bytes before the first sample."""


def wav_head(head: bytes, multichannel: bool) -> WavHead | None:
    """The header of a WAV file, as far as `head` reaches; None: it is another form, or not complete.

    Streamed WAV cannot know its length, and says 0 or the largest number there is: it is not read.
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, form = 12, b""
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            decoding = _described(form, multichannel)
            return None if decoding is None else WavHead(decoding, at)
        if name == b"fmt ":
            form = head[at : at + size]
        at += size + size % 2
    return None


def samples_go_on(file: BinaryIO, at: int, end: int) -> bool:
    """Whether the WAV file at byte `at` holds more samples than its header says; False for other forms.

    Programs that write the header first put the length of their first buffer there, 0 or the largest number.
    """
    if (data := wav_samples(file, at)) is None:
        return False
    start, size = data
    return is_unknown(size) or _is_no_chunk(file, start + size + size % 2, end)


def wav_samples(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """Where the samples of the WAV file at byte `at` begin, and how many bytes of them its header names."""
    file.seek(at)
    head = file.read(_LONGEST_HEAD)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place = 12
    while place + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, place)
        place += 8
        if name == b"data":
            return at + place, size
        place += size + size % 2
    return None


def is_unknown(size: int) -> bool:
    """Whether it is a size that programs write which do not know the size yet."""
    return size == 0 or any(least <= size <= most for least, most in _UNKNOWN)


def _is_no_chunk(file: BinaryIO, at: int, end: int) -> bool:
    """Whether what follows the samples is neither a chunk, nor another file, nor the end."""
    if end - at < _LEAST_TAIL:
        return False
    file.seek(at)
    following = file.read(64)
    name, size = struct.unpack_from("<4sI", following)
    named = all(0x20 <= byte < 0x7F for byte in name)
    return not (named and at + 8 + size <= end + 1) and kind_of(following) is None


def _described(form: bytes, multichannel: bool) -> Decoding | None:
    if len(form) < _FMT.size:
        return None
    tag, channels, rate, _, _, bits = _FMT.unpack_from(form)
    if tag == _EXTENSIBLE and len(form) >= _SUBFORMAT + 2:
        (tag,) = struct.unpack_from("<H", form, _SUBFORMAT)
    encoding = _TAGS.get((tag, bits))
    return None if encoding is None else Decoding(encoding, rate, channels, multichannel)


_FMT = struct.Struct("<HHIIHH")
_EXTENSIBLE, _SUBFORMAT = 0xFFFE, 24
_TAGS = {(1, 16): "linear16", (3, 32): "linear32", (6, 8): "alaw", (7, 8): "mulaw"}
_LONGEST_HEAD = 1 << 16
_UNKNOWN = ((0x7FFF_0000, 0x8000_1000), (0xFFFF_0000, 0xFFFF_FFFF))
"""The largest numbers with a sign (SoX, arecord, GStreamer) and without (FFmpeg), some less the header."""
_LEAST_TAIL = 64
"""Bytes behind the samples that are worth a look."""
