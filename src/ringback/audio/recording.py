"""A recording from its first byte to its last: one file, or several one behind the other in one body.

Recorders that were restarted, and clients that collect messages each of which is a whole file, send bodies
in which a second header follows the first file's end; FFmpeg stops there, without an error or with one. The
next file is then opened at its header, and its audio follows what was decoded so far. What could not be read
at all is counted: the caller gets a warning.
"""

import errno
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av

from ringback.audio.declared import mp3_frames, promised
from ringback.audio.decode import PYAV_FAULTS, Decoder, Signals, decoder_of, into_blocks
from ringback.audio.encodings import Decoding, Opening, last_resort, opening, unreadable
from ringback.audio.media_clock import MediaClock
from ringback.audio.mp4_index import boxes_end, next_file
from ringback.audio.samples import Block
from ringback.audio.signatures import Header, kind_of, next_header
from ringback.audio.tags import before_tags, behind_elements, behind_tags, id3_bytes
from ringback.audio.unread import SEQUENCES, FileTally, Unread, is_trailer
from ringback.audio.wav import samples_go_on
from ringback.errors import Refusal


class Recording:
    """One body. FFmpeg's parsers run here: only in a process that may die."""

    channels: int
    """How many channels `blocks` yields."""
    duration: float | None
    """Seconds, as the first container claims; None: it does not say, or says something absurd."""
    clock: MediaClock
    """Says of each second of `blocks` when it was, as far as they were taken."""
    unread: Unread
    """What could not be read, once `blocks` has ended."""

    def __init__(self, file: io.FileIO, decoding: Decoding) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._decoding = decoding
        self._container = _open(file, decoding, 0)
        self._decoder = decoder_of(self._container, decoding.multichannel)
        self.channels = self._decoder.channels
        self.duration = self._decoder.duration
        self.clock = MediaClock()
        self.unread = Unread(self._size)
        self._signals = Signals(self.channels)
        self._length: float | None = None

    @property
    def length(self) -> float:
        """Seconds of media time from the start to the end, once `blocks` has ended."""
        decoded = round(self.clock.now, 6)  # A sum of floats, one for each frame.
        return decoded if self._length is None else max(decoded, self._length)

    def blocks(self, hold: float = 2.0) -> Iterator[Block]:
        """The audio from start to end, about `hold` seconds at a time, without what holes it has. Raises
        `Refusal`."""
        yield from into_blocks(self._files(), self.channels, hold)

    def close(self) -> None:
        self._container.close()

    def _files(self) -> Iterator[tuple[Block, int]]:
        start = 0
        for number in range(_MOST_FILES):
            tally = FileTally(start)
            before = self.clock.now
            self.clock.restart(self._decoder.origin)
            try:
                yield from self._decoder.signals(self._signals, self.clock, tally)
            except Refusal:
                if number == 0:
                    raise
            if self._decoder.form == "ogg":
                tally.end = max(tally.end, _page_end(self._file, tally.last))
            end = tally.last if tally.swallowed else tally.end
            last, start = self._decoder, self._following(max(end, start + 1))
            self._account(tally, last, before, start)
            if not number and start == self._size and last.others:
                self._length = last.duration
            if start == self._size:
                return

    def _following(self, end: int) -> int:
        """Open the next file behind `end`, and say where it begins; else the size of all."""
        for at in self._headers(end):
            container = None
            try:
                container = _open(self._file, replace(self._decoding, encoding=None), at)
                decoder = decoder_of(container, self._decoding.multichannel)
            except (OSError, Refusal, *PYAV_FAULTS):
                if container is not None:
                    container.close()
                continue
            self._container.close()
            self._container, self._decoder = container, decoder
            self._signals = Signals(self.channels)
            return at
        return self._size

    def _headers(self, at: int) -> Iterator[int]:
        """Where files may begin, a bounded number of times."""
        for _ in range(_MOST_TRIES):
            header = _next_header(self._file, at, self._size)
            if header is None:
                return
            yield header
            at = header + 1

    def _account(self, tally: FileTally, decoder: Decoder, before: float, end: int) -> None:
        until = max(tally.end, min(end, before_tags(self._file, end)))
        behind = tally.end
        if decoder.form == "matroska":
            behind = behind_elements(self._file, behind, until)
        behind = behind_tags(self._file, behind, until)
        self._file.seek(tally.start)
        start = self._file.read(4)
        self._file.seek(behind)
        trailer = is_trailer(self._file.read(64), start)
        tags, alone = behind - tally.end, not decoder.others
        lost = tally.lost(until, decoder.form, tags=tags, trailer=trailer, alone=alone)
        if lost and decoder.form in SEQUENCES:
            lost = max(0, lost - id3_bytes(self._file, tally.first or tally.start, tally.end))
        if decoder.form == "mov":
            lost += until - boxes_end(self._file, tally.start, until)
        self.unread.add_bytes(lost)
        decoded = self.clock.now - before
        if (declared := self._declared(tally.start, decoder, decoded)) is not None:
            self.unread.add_seconds(declared, decoded)

    def _declared(self, start: int, decoder: Decoder, decoded: float) -> float | None:
        """Seconds that the file at byte `start` says to hold; None: it does not say."""
        if decoder.form == "mp3":
            frames = mp3_frames(self._file, start)
            samples = 1152 if decoder.rate >= _MPEG_1_RATE else 576
            return frames * samples / decoder.rate if frames and decoder.rate > 0 else None
        cut = promised(self._file, start, self._size)
        return decoded * cut if cut > 1 else decoder.claimed


class _View:
    """The open file from `base` to `end`, as FFmpeg may read it. An absurd offset returns a negative number,
    as in C: PyAV would print an exception."""

    def __init__(self, file: io.FileIO, base: int, end: int) -> None:
        self._file = file
        self._base = base
        self._end = end
        self._at = base  # The file is shared: others may have moved it.

    def read(self, size: int) -> bytes:
        if self._at >= self._end:
            return b""
        self._file.seek(self._at)
        data = self._file.read(min(size, self._end - self._at))
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at - self._base

    def seek(self, offset: int, whence: int) -> int:
        starts = {io.SEEK_SET: self._base, io.SEEK_CUR: self._at, io.SEEK_END: self._end}
        if whence not in starts or not self._base <= starts[whence] + offset < _FARTHEST:
            return -errno.EINVAL
        self._at = starts[whence] + offset
        return self._at - self._base


@contextmanager
def opened(source: Path | int, decoding: Decoding) -> Iterator[Recording]:
    """Open a recording, by its path or by a descriptor, which is then closed. Raises `Refusal` if it is not
    audio, `OSError` if there is no such file."""
    with io.FileIO(source) as file:
        try:
            recording = Recording(file, decoding)
        except (OSError, *PYAV_FAULTS):
            raise unreadable() from None
        try:
            yield recording
        finally:
            recording.close()


def _open(file: io.FileIO, decoding: Decoding, at: int) -> av.container.InputContainer:
    """The file that begins at byte `at`."""
    file.seek(at)
    head = file.read(_LONGEST_HEADER)
    plan = opening(decoding, head)
    end = file.seek(0, io.SEEK_END)
    if plan.format is None and samples_go_on(file, at, end):
        plan = replace(plan, format="wav", options={**plan.options, "ignore_length": "1"})
        end = _find(file, _WAV, at + 12, end)
    elif plan.format is None:
        end = _end(file, at, kind_of(head, whole=True), end)
    try:
        return _container(_View(file, at, end), plan)
    except av.FFmpegError:
        if (last := last_resort(head)) is None:
            raise
        return _container(_View(file, at, end), last)


def _container(view: _View, plan: Opening) -> av.container.InputContainer:
    # FFmpeg is given our open file, not its name: with `protocol_whitelist` it can open nothing by itself.
    return av.open(view, "r", format=plan.format, options=dict(plan.options))


def _page_end(file: io.FileIO, at: int) -> int:
    """Where the Ogg page at byte `at` ends (RFC 3533)."""
    file.seek(at)
    head = file.read(_OGG_HEAD + 255)
    if head[:4] != b"OggS" or len(head) <= _OGG_HEAD:
        return at
    segments = head[_OGG_HEAD - 1]
    return at + _OGG_HEAD + segments + sum(head[_OGG_HEAD : _OGG_HEAD + segments])


def _next_header(file: io.FileIO, at: int, size: int) -> int | None:
    """Where the next container's header begins, at or behind `at`."""
    while at < size:
        file.seek(at)
        window = file.read(_WINDOW)
        match next_header(window, frames=0):
            case Header() as header:
                return at + header.at
            case _:
                at += max(1, len(window) - _LONGEST_HEADER if len(window) == _WINDOW else _WINDOW)
    return None


def _end(file: io.FileIO, at: int, kind: str | None, size: int) -> int:
    """Where the file at byte `at` ends, if its demuxer cannot cope with the header of the next one."""
    if kind == "mov":
        return next_file(file, at, size)
    if kind == "amr":  # Its frames have no sync word.
        return _next_header(file, at + 6, size) or size
    place = at + 4
    while kind == "ogg" and (after := _page_end(file, place - 4)) > place - 4 and _begins(file, after):
        place = after + 4  # Streams side by side: their first pages come before all others.
    return _find(file, _HEADERS[kind], place, size) if kind in _HEADERS else size


def _begins(file: io.FileIO, at: int) -> bool:
    """Whether the first page of an Ogg stream begins at byte `at`."""
    file.seek(at)
    return _OGG.match(file.read(_OGG_HEAD)) is not None


def _find(file: io.FileIO, header: re.Pattern[bytes], at: int, size: int) -> int:
    """Where the next such header begins, at or behind `at`; else `size`."""
    while at < size:
        file.seek(at)
        window = file.read(_LARGE_WINDOW)
        if match := header.search(window):
            return at + match.start()
        at += _LARGE_WINDOW - _LONGEST_HEADER if len(window) == _LARGE_WINDOW else _LARGE_WINDOW
    return size


_MOST_FILES = 2_000
"""Files in one body that are read; opening one costs as much as decoding seconds of it."""
_MOST_TRIES = 16
"""Places at which the next file is tried to be opened."""
_WINDOW = 1 << 14
_LARGE_WINDOW = 1 << 20
_LONGEST_HEADER = 64
_OGG_HEAD = 27
_FARTHEST = 1 << 62
_MPEG_1_RATE = 32_000
"""Hz; MP3 of lower rates has half as many samples in a frame."""
_WAV = re.compile(rb"RIFF.{4}WAVEfmt ", re.DOTALL)
_OGG = re.compile(rb"OggS\x00[\x02\x06].{12}\x00{4}", re.DOTALL)
_HEADERS = {
    "ogg": _OGG,
    "flac": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),
    "rm": re.compile(rb"\.RMF\x00\x00\x00\x12"),
    "caf": re.compile(rb"caff\x00\x01\x00\x00desc"),
}
