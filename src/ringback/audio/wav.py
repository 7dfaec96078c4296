"""The header of a WAV file, read without FFmpeg, which would want 64 KB of it: two seconds of speech."""

import struct
from dataclasses import dataclass

from ringback.audio.encodings import Decoding


@dataclass(frozen=True, slots=True)
class WavHead:
    """What the header of a WAV file says of the raw samples behind it."""

    how: Decoding
    size: int
    """Bytes before the first sample."""


def wav_head(head: bytes, multichannel: bool) -> WavHead | None:
    """The header of a WAV file, as far as `head` reaches; None: it is another form, or not complete.

    Streamed WAV cannot know its length, and says 0 or the largest number there is: it is not looked at.
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, form = 12, b""
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            how = _described(form, multichannel)
            return None if how is None else WavHead(how, at)
        if name == b"fmt ":
            form = head[at : at + size]
        at += size + size % 2
    return None


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
