"""What a host sent as audio: its content coding undone, and web pages recognised. Pure."""

import re
import zlib
from collections.abc import Iterator
from typing import Final

PIECE: Final = 1 << 18
"""Bytes that are unpacked at once, whatever they were packed into."""
FIRST_BYTES: Final = 512
"""So many are enough to tell a page from audio."""


class BadCoding(Exception):
    """The body cannot be unpacked; the text says why."""


class Unpacker:
    """Undoes a `Content-Encoding` that was not requested (RFC 9110 §8.4), a bounded piece at a time."""

    def __init__(self, coding: str | None) -> None:
        """Raises `BadCoding` for one that is not known here."""
        names = [each.strip().lower() for each in (coding or "").split(",")]
        self._names = [each for each in names if each not in _NO_CODINGS]
        if len(self._names) > 1 or set(self._names) - _KNOWN:
            raise BadCoding(
                f"it came with the content coding {_printable(coding or '')}, although none was asked for"
            )
        self._held = b""
        self._inflate: zlib._Decompress | None = None

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """The audio in `data`. Raises `BadCoding`."""
        if not self._names:
            yield data
            return
        if self._inflate is None:
            data = self._held + data
            if len(data) < _MAGIC_BYTES:
                self._held = data
                return
            self._start(data)
        yield from self._unpack(data)

    def end(self) -> bytes:
        """What is left when the body has ended. Raises `BadCoding` where it ends too early."""
        if self._inflate is not None and not self._inflate.eof:
            raise BadCoding("its packed body ends too early")
        return self._held

    def _start(self, data: bytes) -> None:
        """Some hosts name a coding and send the plain bytes all the same: what it is stands in the bytes."""
        if data[:2] == _GZIP:
            self._inflate = zlib.decompressobj(wbits=31)
        elif self._names[0] != "deflate":
            self._names = []
        else:
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(wbits=15 if is_zlib else -15)
        self._held = b""

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate is None:
                yield data
                return
            if self._inflate.eof:
                if data[:1] != _GZIP[:1]:
                    return  # padding behind the end
                self._inflate = zlib.decompressobj(wbits=31)  # a further member (RFC 1952 §2.2)
            try:
                unpacked = self._inflate.decompress(data, PIECE)
            except zlib.error:
                raise BadCoding("its packed body is damaged") from None
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if unpacked:
                yield unpacked


def what_it_is_instead(content_type: str | None, first: bytes) -> str | None:
    """In words, what a body is that begins so and is clearly no audio; None: it may be audio."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _PAGE.match(text) or (kind in _PAGES and text.startswith(b"<")):
        return "a web page (HTML)"
    if kind.endswith(("/json", "+json")) and text[:1] in {b"{", b"["}:
        return "JSON"
    if kind.endswith(("/xml", "+xml")) and text.startswith(b"<"):
        return "XML"
    return None


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:40])


_NO_CODINGS: Final = frozenset({"", "identity", "none", "binary", "utf-8", "aws-chunked"})
"""The last four are none, but stand in the headers of objects as uploaders left them there."""
_KNOWN: Final = frozenset({"gzip", "x-gzip", "deflate"})
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_PAGE: Final = re.compile(rb"<(!doctype\s+html|html[\s>])", re.IGNORECASE)
_GZIP: Final = b"\x1f\x8b"
_MAGIC_BYTES: Final = 2
