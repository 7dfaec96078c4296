"""Where the next file begins in a run of bytes: at the header of its container, or at bare frames. Pure.

A header is recognised by all of its fixed bytes, six at least, never by four letters alone: `RIFF` may occur
anywhere in compressed audio, `RIFF....WAVE` does not. MP3, AAC and MPEG-TS have no header; they are
known by some frames of one form in a row, each as long as it says.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Header:
    """A file begins at `data[at]`."""

    at: int
    kind: str
    """The FFmpeg demuxer that reads it; `id3`: a tag, behind which MP3 or AAC comes."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """There are too few bytes to tell whether a file begins at `data[at]`; none begins before."""

    at: int


def next_header(
    data: bytes, start: int = 0, *, frames: int = 4, inside: Iterable[str] = ()
) -> Header | Unsure | None:
    """The first file that begins at or after `data[start]`.

    `frames`: how many bare frames in a row begin a file; 0: they never do, but containers that are not
    streamed do. `inside`: kinds whose bare frames begin nothing here, because the audio consists of them.
    `data` is at most some 16 KiB: of each kind only 16 places are tested, so that bytes made to look like
    headers cost no time.
    """
    found: Header | Unsure | None = None
    if unfinished := _UNFINISHED.search(data, max(start, len(data) - _LONGEST + 1)):
        found = Unsure(unfinished.start())
    for magic in _MAGICS if frames else (*_MAGICS, *_MAGICS_OF_FILES):
        found = magic.first(data, start, _before(found, data)) or found
    for family in _FAMILIES if frames else ():
        if family.kind not in inside:
            found = family.first(data, start, _before(found, data), frames) or found
    return found


def kind_of(head: bytes, *, whole: bool = False) -> str | None:
    """The kind of the container that begins with these bytes; None: they are no whole header. `whole`: also
    containers that are not streamed."""
    magics = (*_MAGICS, *_MAGICS_OF_FILES) if whole else _MAGICS
    return next((magic.kind for magic in magics if magic.pattern.whole.match(head)), None)


def may_be_coded(beginning: bytes) -> bool:
    """Whether these bytes, thousands of them, can begin a file without a header; silent samples cannot."""
    return len(set(beginning)) >= _FEWEST_VALUES


def has_mpeg_frames(data: bytes, frames: int = 3) -> bool:
    """Whether so many frames of MPEG audio follow each other anywhere in `data`, whatever their encoder.

    FFmpeg takes a single one for MP3, which samples of noise have by chance.
    """
    at = data.find(_SYNC)
    while at >= 0:
        if _are_mpeg_frames(data, at, frames):
            return True
        at = data.find(_SYNC, at + 1)
    return False


def _are_mpeg_frames(data: bytes, at: int, frames: int) -> bool:
    for _ in range(frames):
        if at + _MPEG_HEADER > len(data) or not (length := _mpeg_length(data, at)):
            return False
        at += length
    return True


def _before(found: Header | Unsure | None, data: bytes) -> int:
    return len(data) if found is None else found.at


class _Pattern:
    """Some bytes in a row."""

    def __init__(self, atoms: str) -> None:
        """`atoms`: a regular expression for each byte, with spaces between them."""
        each = [atom.encode("latin-1") for atom in atoms.split(" ")]
        self.size = len(each)
        self.whole = re.compile(b"".join(each), re.DOTALL)
        self.unfinished = b"(?:".join(each[:-1]) + b")?" * (len(each) - 2)
        """The first byte, and as many more as there are, but not all."""


class _Magic:
    """The header of one kind of container."""

    def __init__(self, kind: str, atoms: str, word: bytes, at: int = 0) -> None:
        """`word`: the fixed bytes at `at`, that are searched for."""
        self.kind = kind
        self.pattern = _Pattern(atoms)
        self._word = word
        self._at = at

    def first(self, data: bytes, start: int, before: int) -> Header | None:
        """The first one in `data[start:before]`."""
        end = before + self._at + len(self._word) - 1
        found = start + self._at - 1
        for _ in range(_TRIES):
            found = data.find(self._word, found + 1, end)
            if found < 0:
                break
            if self.pattern.whole.match(data, found - self._at):
                return Header(found - self._at, self.kind)
        return None


class _Family:
    """Audio that is bare frames, one after the other."""

    def __init__(
        self,
        kind: str,
        atoms: str,
        length: Callable[[bytes, int], int],
        form: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """`atoms`: of the first frame's header. `length`: bytes of the frame whose header stands there, 0 if
        none does. `form`: (offset, mask) of the bits that all frames of a file have in common."""
        self.kind = kind
        self._first = _Pattern(atoms)
        self._unfinished = re.compile(self._first.unfinished + rb"\Z", re.DOTALL)
        self._length = length
        self._form = form

    def first(self, data: bytes, start: int, before: int, frames: int) -> Header | Unsure | None:
        """The first run of so many frames that begins in `data[start:before]`."""
        for candidate in islice(self._first.whole.finditer(data, start), _TRIES):
            at = candidate.start()
            if at >= before:
                return None
            is_run = self._is_run(data, at, frames)
            if is_run is not False:
                return Header(at, self.kind) if is_run else Unsure(at)
        unfinished = self._unfinished.search(data, max(start, len(data) - self._first.size + 1), before)
        return Unsure(unfinished.start()) if unfinished and before == len(data) else None

    def _is_run(self, data: bytes, at: int, frames: int) -> bool | None:
        """Whether it is one; None: there are too few bytes to tell."""
        first = at
        for _ in range(frames):
            if at + self._first.size > len(data):
                return None
            length = self._length(data, at)
            if not length or any((data[at + i] ^ data[first + i]) & mask for i, mask in self._form):
                return False
            at += length
        return True


def _mpeg_length(data: bytes, at: int) -> int:
    """ISO 11172-3 and 13818-3, layers II and III."""
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    bitrate, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    kilobits = _KILOBITS.get((version, layer))
    if data[at] != _SYNC or data[at + 1] < _MPEG or kilobits is None or not 0 < bitrate < 15 or rate > 2:
        return 0
    samples = 576 if layer == _LAYER_3 and version != _MPEG_1 else 1152
    return samples * 125 * kilobits[bitrate - 1] // _RATES[version][rate] + padding


def _adts_length(data: bytes, at: int) -> int:
    """ISO 13818-7."""
    if data[at] != _SYNC or data[at + 1] & 0xF6 != _ADTS:
        return 0
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return length if length > _ADTS_HEADER else 0


def _ts_length(data: bytes, at: int) -> int:
    """ISO 13818-1."""
    return _TS_PACKET if data[at] == ord("G") else 0


def _any_of(values: Iterable[int]) -> str:
    return "[" + "".join(f"\\x{value:02x}" for value in values) + "]"


_TRIES = 16
_SYNC, _MPEG, _ADTS = 0xFF, 0xE0, 0xF0
_MPEG_1, _LAYER_3 = 3, 1
_ADTS_HEADER, _MPEG_HEADER = 7, 4
_FEWEST_VALUES = 8
_TS_PACKET = 188
_KILOBITS = {
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""By the bits that tell version (3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5) and layer (1: III, 2: II)."""
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}

_EBML_SIZES = ("[\x80-\xff]", "[\x40-\x7f] .", "[\x10-\x1f] . . .", "\x01 . . . . . . .")
_EBML = "\x1a E \xdf \xa3 {size} B [\x82\x85-\x87\xf2\xf3\xf7]"
_PRINTED = "[!-~]"
_MAGICS = (
    _Magic("wav", "R I F F . . . . W A V E", b"RIFF"),
    _Magic("wav", "R F 6 4 . . . . W A V E", b"RF64"),
    _Magic("avi", "R I F F . . . . A V I", b"RIFF"),
    _Magic("w64", "r i f f \\. \x91 \xcf \x11 \xa5 \xd6", b"riff.\x91"),
    _Magic("flac", "f L a C [\0\x80] \0 \0 \x22", b"fLaC"),
    _Magic("ogg", "O g g S \0 [\x02\x06] . . . . . . . . . . . . \0 \0 \0 \0", b"OggS\0"),
    *(_Magic("matroska", _EBML.format(size=size), b"\x1aE\xdf\xa3") for size in _EBML_SIZES),
    _Magic("mov", f"\0 \0 [\0\x01] [\x08-\xff] f t y p {_PRINTED} {_PRINTED} [\\x20-~]", b"ftyp", at=4),
    _Magic("id3", "I D 3 [\x02-\x04] \0 " + _any_of(range(0, 256, 16)) + 4 * " [\0-\x7f]", b"ID3"),
    _Magic("aiff", "F O R M . . . . A I F [CF]", b"FORM"),
    _Magic("caf", "c a f f \0 \x01 \0 \0", b"caff\0"),
    _Magic("au", "\\. s n d \0 \0 [\0-\x0f] . . . . . \0 \0 \0 [\x01-\x1f]", b".snd\0"),
    _Magic("asf", "0 & \xb2 u \x8e f \xcf \x11", b"0&\xb2u\x8ef\xcf\x11"),
    _Magic("amr", "\\# ! A M R \n", b"#!AMR\n"),
    _Magic("amr", "\\# ! A M R - W B \n", b"#!AMR-WB\n"),
    _Magic("flv", "F L V \x01 [\0-\x05] \0 \0 \0 \t", b"FLV\x01"),
)
_MAGICS_OF_FILES = (
    _Magic("tta", "T T A 1 [\x01\x02] \0 [\x01-\x20] \0", b"TTA1"),
    # Each block has this header; the first one of a file is of its sample 0.
    _Magic("wv", "w v p k . . . . [\x02-\x10] \x04 . . . . . . \0 \0 \0 \0", b"wvpk"),
    _Magic("voc", "C r e a t i v e \\x20 V o i c e \\x20 F i l e \x1a", b"Creative Voice"),
    _Magic(
        "wtv", "\xb7 \xd8 \0 \\x20 7 I \xda \x11 \xa6 N \0 \x07 \xe9 \\^ \xad \x8d", b"\xb7\xd8\0 7I\xda\x11"
    ),
    _Magic("mmf", "M M M D . . . . C N T I", b"MMMD"),
    _Magic("rm", "\\. R M F \0 \0 \0 \x12", b".RMF\0\0\0"),
)
_LONGEST = max(magic.pattern.size for magic in _MAGICS)
_UNFINISHED = re.compile(
    b"(?:" + b"|".join(magic.pattern.unfinished for magic in _MAGICS) + rb")\Z", re.DOTALL
)
"""What may be the beginning of a header, at the end of what there is."""

_FAMILIES = (
    # Without CRC, emphasis and private bits, as encoders write them: a looser pattern would often be met by
    # chance, and what follows would have to wait until that is known.
    _Family(
        "mp3",
        f"\xff [\xe3\xf3\xf5\xfb\xfd] [\x10-\xeb] {_any_of(range(0, 256, 4))}",
        _mpeg_length,
        form=((1, 0xFF), (2, 0x0C)),
    ),
    _Family(
        "aac",
        f"\xff [\xf1\xf9] {_any_of(range(0x40, 0x74, 4))} [\x40\x41\x80\x81] . . {_any_of(range(0, 256, 4))}",
        _adts_length,
        form=((1, 0xFF), (2, 0xFD), (3, 0xC0)),
    ),
    _Family("mpegts", "G @ [\0\x11] [\x10-\x1f]", _ts_length),
)
