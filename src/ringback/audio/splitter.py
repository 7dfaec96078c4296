"""A live stream as the files that it consists of, one after the other: pure.

Recorders are restarted, and many clients send each second as a complete file. FFmpeg reads a file to its end
and no further, so the stream is cut where the next one begins. Only what may be the beginning of a header
is held back, until its next bytes arrive.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ringback.audio.signatures import Header, Unsure, kind_of, next_header


@dataclass(frozen=True, slots=True)
class NextFile:
    """Stands between the bytes of two files."""

    kind: str
    """See `signatures.Header`."""


class FileSplitter:
    """One stream, in pieces of any size."""

    def __init__(self, *, samples: bool = False, packets: bool = False) -> None:
        """The format of the first file, as the caller declared it. `samples`: any bytes may be audio, and
        only the header of a container begins a file. `packets`: there too, and only at the start of a
        piece."""
        self._samples = samples
        self._packets = packets
        self._held = b""
        self._begin()

    def push(self, data: bytes) -> Iterator[bytes | NextFile]:
        """More bytes. The same come out, cut, but for those held back."""
        if self._packets:
            kind = kind_of(data)
            if kind is None:
                self._own = False
                yield data
                return
            self._packets = False
            if not self._own:
                self._begin()
                yield NextFile(kind)
        for at in range(0, len(data), _SLICE):
            held, self._held = self._held, b""
            yield from self._split(held + data[at : at + _SLICE])

    def flush(self) -> bytes:
        """What is held back: as nothing follows yet, it belongs to the file before it."""
        held, self._held = self._held, b""
        return self._emit(held)

    def _begin(self) -> None:
        self._kind: str | None = None
        self._own = True  # The next header is the file's own, if it follows right after …
        self._pass = 0  # … so many bytes of the file, whose content does not matter.
        self._opened = False  # The file's audio has begun.
        self._last = b""

    def _split(self, data: bytes) -> Iterator[bytes | NextFile]:
        while data:
            match self._next(data):
                case None:
                    yield self._emit(data)
                    return
                case Unsure(at):
                    self._held = data[at:]
                    if at:
                        yield self._emit(data[:at])
                    return
                case Header(at, kind) if self._is_own(at, kind):
                    size = _preamble(kind, data[at:])
                    if size is None:
                        self._held = data
                        return
                    self._kind, self._pass = kind, at + size
                    self._own = kind == "ogg"  # It begins with a page for each of its streams.
                case Header(at, kind):
                    if at:
                        yield self._emit(data[:at])
                    self._begin()
                    yield NextFile(kind)
                    data = data[at:]

    def _next(self, data: bytes) -> Header | Unsure | None:
        """The next header in `data` that begins a file, be it this one."""
        opens = self._opens(data)
        at = self._pass
        while at < len(data):
            found = next_header(data, at, frames=self._frames(), inside=(self._kind or "",))
            if not isinstance(found, Header) or self._is_own(found.at, found.kind):
                return found
            if self._kind == "id3" and found.kind in _TAGGED:
                self._kind = found.kind
            elif found.kind != "flac" or found.at >= opens:
                return found
            at = found.at + 1
        return None

    def _is_own(self, at: int, kind: str) -> bool:
        return self._own and at == self._pass and self._kind in (None, kind)

    def _frames(self) -> int:
        """So many bare frames in a row are a file of their own here."""
        if self._samples and self._kind is None:
            return 0
        return _MORE_FRAMES if self._kind in _PACKED else _FRAMES

    def _opens(self, data: bytes) -> int:
        """Where in `data` the file's sound begins. What comes before may contain FLAC's header."""
        mark = _SOUND.get(self._kind or "")
        if self._opened or mark is None:
            return 0
        found = (self._last + data).find(mark)
        return found - len(self._last) if found >= 0 else len(data)

    def _emit(self, data: bytes) -> bytes:
        """More of this file."""
        self._own = self._own and len(data) <= self._pass
        self._pass = max(0, self._pass - len(data))
        self._opened = self._opened or self._opens(data) < len(data)
        self._last = (self._last + data)[-_LONGEST_MARK:]
        return data


def _preamble(kind: str, data: bytes) -> int | None:
    """Bytes at the file's start whose content does not matter, at least one; None: too few are here."""
    if kind == "id3":
        # https://id3.org/id3v2.4.0-structure: seven bits of each byte.
        size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
        return _ID3_HEADER + size
    if kind == "ogg":
        # RFC 3533, section 6.
        if len(data) < _OGG_HEADER or len(data) < _OGG_HEADER + data[_OGG_HEADER - 1]:
            return None
        lengths = data[_OGG_HEADER : _OGG_HEADER + data[_OGG_HEADER - 1]]
        return _OGG_HEADER + len(lengths) + sum(lengths)
    return 1


_SLICE = 1 << 14
"""Bytes searched at a time."""
_FRAMES = 4
_MORE_FRAMES = 10
_PACKED = ("matroska", "mpegts")
"""Containers in which some frames may follow each other."""
_TAGGED = ("mp3", "aac")
_SOUND = {"matroska": b"\x1f\x43\xb6\x75", "avi": b"movi"}
_LONGEST_MARK = 3
"""Bytes; one less than a mark has."""
_ID3_HEADER, _OGG_HEADER = 10, 27
