"""How much of a recording could not be read; pure."""

from dataclasses import dataclass

SEQUENCES = frozenset(
    {"mp3", "aac", "ac3", "eac3", "amr", "flac", "dts", "truehd", "mlp", "loas", "gsm", "sbc"}
)
"""Forms that are nothing but one packet behind the other: what is in no packet was not read."""


@dataclass(slots=True)
class FileTally:
    """Counts the packets of one file, which begins at byte `start` of the recording."""

    start: int
    first: int | None = None
    """Where the first packet lies …"""
    last: int = 0
    """… the last good one …"""
    end: int = 0
    """… and where that one ends."""
    good: int = 0
    bad: int = 0
    """Bytes of packets that were decoded, and of those that were not."""
    failed: bool = False
    """The demuxer stopped with an error."""
    swallowed: bool = False
    """The last good packet is larger than its audio can be: it includes bytes that follow the audio."""

    def __post_init__(self) -> None:
        self.last = self.end = self.start

    def packet(self, pos: int | None, size: int, *, good: bool, most: int | None = None) -> None:
        """`pos`: its first byte, counted from the file's; of a form with pages the page's. `most`: bytes that
        its sound can have had, if that is known."""
        if good:
            if size:  # The end of the file is a packet of none.
                self.swallowed = most is not None and size > most
            size = size if most is None else min(size, most)
        if good:
            self.good += size
        else:
            self.bad += size
        if pos is None or pos < 0:
            return
        if self.first is None:
            self.first = self.start + pos
        if good:
            self.last = self.start + pos
            self.end = max(self.end, self.last + size)

    def lost(self, until: int, form: str, *, tags: int, trailer: bool, alone: bool) -> int:
        """Bytes that hold sound, as it seems, and were not decoded. `until`: where the next file begins.
        `tags`: bytes of tags and padding before it. `trailer`: what else follows the last packet is there for
        another purpose. `alone`: the file holds one track only."""
        if self.first is None:
            return 0
        size = until - self.start
        tail = max(0, until - self.end - tags)
        if form in _LOOSE and tail < _LOOSE_SHARE * size:
            tail = 0
        if form in SEQUENCES:
            return max(0, until - self.first - self.good - tags - (tail if trailer else 0))
        if self.failed or (alone and form not in _INDEXED and not trailer):
            return min(self.bad + tail, max(0, size - self.good))
        return min(self.bad, max(0, size - self.good))


class Unread:
    """What is missing of a whole recording."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = 0
        self._seconds = 0.0
        self._declared = 0.0

    def add_bytes(self, lost: int) -> None:
        self._bytes += lost

    def add_seconds(self, declared: float, decoded: float) -> None:
        """Seconds that a file claims to hold, and those that were decoded of it."""
        if declared - decoded > max(_LEAST_SECONDS, _LEAST_SHARE * declared):
            self._declared += declared
            self._seconds += declared - decoded
        else:
            self._declared += decoded

    @property
    def bytes_share(self) -> float:
        """0.0 to 1.0."""
        share = self._bytes / self._size if self._size else 0.0
        return min(share, 1.0) if self._bytes >= _LEAST_BYTES and share >= _LEAST_SHARE else 0.0

    @property
    def seconds_share(self) -> float:
        """0.0 to 1.0."""
        return min(self._seconds / self._declared, 1.0) if self._declared else 0.0


def is_trailer(head: bytes, start: bytes) -> bool:
    """Whether bytes behind the last packet begin like tags, an index or padding: by a name in four letters,
    by an element of Matroska, or by zeros. `start`: how the file itself begins; another one is no trailer."""
    if len(head) < _NAME or not any(head):
        return True
    if all(0x20 <= byte < 0x7F for byte in head[:_NAME]) and head[:_NAME] != start[:_NAME]:
        return True
    return any(element in head for element in _ELEMENTS)


_NAME = 4
_ELEMENTS = (b"\x1cS\xbbk", b"\x12T\xc3g", b"\x11M\x9bt", b"\x10C\xa7p", b"\x19A\xa4i")
"""Of Matroska: Cues, Tags, SeekHead, Chapters, Attachments."""
_INDEXED = frozenset({"mov", "avi", "mxf", "gxf", "wtv", "asf"})
"""Forms in which much that is no sound may follow the last packet."""
_LOOSE, _LOOSE_SHARE = frozenset({"mpegts", "mpeg", "rm", "nut", "flv"}), 0.1
"""Forms whose packets take more bytes than they have; so much behind the last one is no loss."""
_LEAST_BYTES, _LEAST_SECONDS, _LEAST_SHARE = 512, 0.5, 0.005
"""Less is no reason for a warning."""
