"""Whatever FFmpeg can read → 16 kHz float32 per channel, block by block, in bounded memory.

What a file says about itself (duration, rate, channels) is never trusted; samples are counted as they are
decoded, and timestamps judged by `media_clock`. **Damaged audio is transcribed as far as it goes**: a cut
upload or a flipped bit should not cost the caller the part that can be heard. It is refused (Deepgram's 400)
when nothing decodes, or when more packets fail than succeed: what comes out of such a file is noise.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import av
import numpy as np
import numpy.typing as npt
from av.stream import Discard

from ringback.audio.encodings import (
    LONGEST,
    MOST_CHANNELS,
    too_long,
    too_many_channels,
    unreadable,
)
from ringback.audio.formats import DECODERS
from ringback.audio.media_clock import MediaClock
from ringback.audio.mixing import Mixer
from ringback.audio.resampler import Resampler
from ringback.audio.samples import SAMPLE_RATE, Block
from ringback.audio.unread import FileTally

Decode = Callable[[], Sequence[av.AudioFrame]]
"""Decodes one packet; may raise `FFmpegError` or `ValueError`."""

PYAV_FAULTS = (av.FFmpegError, ValueError, LookupError, ArithmeticError, RuntimeError)
"""What PyAV raises over damaged files: beside FFmpeg's errors its own, such as the IndexError for a packet
of a stream that it has not seen."""

_BLOCK = 2.0
"""Seconds decoded before they are handed on: long enough to spread the cost of each call, short enough
that 20 channels fit in little memory."""


class Decoder:
    """One opened container. FFmpeg's parsers run here: only in a process that may die."""

    channels: int
    """How many channels `blocks` yields."""
    duration: float | None
    """Seconds, as the container claims; None: it does not say, or says something absurd."""
    origin: float | None
    """What the container's clock shows at the media time 0, in seconds, if it says so."""
    claimed: float | None
    """Seconds from there to the end, where they are written in the file rather than guessed from its size."""
    rate: int
    """Samples of one channel for each second, as the header says."""
    form: str
    """The demuxer's first name."""
    others: bool
    """Whether the container holds other tracks, such as pictures."""

    def __init__(
        self, container: av.container.InputContainer, stream: av.AudioStream, multichannel: bool
    ) -> None:
        in_file = stream.codec_context.channels
        if multichannel and in_file > MOST_CHANNELS:
            raise too_many_channels()
        self.channels = max(in_file, 1) if multichannel else 1
        claimed = container.duration / av.time_base if container.duration else None
        self.duration = claimed if claimed is not None and 0 < claimed <= LONGEST else None
        self.form = container.format.name.partition(",")[0]
        self.others = len(container.streams) > 1
        start = None if container.start_time is None else container.start_time / av.time_base
        length = self.duration or 0.0
        # Durations are counted from the clock's zero, also when nothing is there.
        from_zero = start is not None and 0 < start < length
        self.origin = 0.0 if from_zero and self.form in _FROM_ZERO else start
        passed = start or 0.0 if from_zero and self.form not in _FROM_ZERO else 0.0
        self.claimed = length - passed if length and self.form in _EXACT and not self.others else None
        if self.others and self.form == "mov" and stream.duration and stream.time_base:
            self.claimed = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        self.rate = stream.codec_context.sample_rate
        self._container = container
        self._stream = stream

    def blocks(self, hold: float = _BLOCK) -> Iterator[Block]:
        """The audio from start to end, about `hold` seconds at a time. Raises `Refusal`."""
        signals = Signals(self.channels)
        plain = self.signals(signals, MediaClock(), FileTally(0))
        yield from into_blocks(plain, self.channels, hold)

    def signals(self, into: "Signals", clock: MediaClock, tally: FileTally) -> Iterator[tuple[Block, int]]:
        """The audio from start to end as signals and their rates. `clock` and `tally` are told what comes.

        Raises `Refusal` when more packets fail than succeed.
        """
        for packet in self._packets(tally):
            frames = into.frames(packet.decode)
            most = self._most_bytes(frames) if frames else None
            tally.packet(packet.pos, packet.size, good=frames is not None, most=most)
            for frame in frames or ():
                rate = frame.sample_rate
                clock.frame(_stamp(frame), frame.samples / rate if rate > 0 else 0.0)
                yield from into.signals(frame)
        into.check()

    def _most_bytes(self, frames: Sequence[av.AudioFrame]) -> int | None:
        """Largest size in bytes of these frames' packet; None: it is not known."""
        if self.form != "flac":
            return None  # Others know the length of a packet, and leave out what is behind it.
        # A frame of FLAC is no longer than its samples as they are, and a header.
        size: int = sum(_LONGEST_HEADER + f.samples * f.layout.nb_channels * f.format.bytes for f in frames)
        return size

    def _packets(self, tally: FileTally) -> "Iterator[av.Packet[av.AudioStream]]":
        """Until the end, or until the container cannot be followed any further."""
        try:
            yield from self._container.demux(self._stream)
        except PYAV_FAULTS:
            # A failing disk is not caught: it must not look like the end of the recording.
            tally.failed = True


def into_blocks(signals: Iterable[tuple[Block, int]], channels: int, hold: float) -> Iterator[Block]:
    """Signals of any rate as blocks at 16 kHz, about `hold` seconds at a time. Raises `Refusal` when there is
    nothing, or no end."""
    into_16k = Resampler(channels, hold)
    decoded = 0
    for signal, rate in signals:
        for block in into_16k.push(signal, rate):
            decoded += block.shape[1]
            yield block
        if decoded > LONGEST * SAMPLE_RATE:
            raise too_long()
    for block in into_16k.finish():
        decoded += block.shape[1]
        yield block
    if decoded == 0:
        raise unreadable()


class Signals:
    """Decoded frames as plain signals with always the same number of channels."""

    def __init__(self, channels: int) -> None:
        """`channels`: 1 mixes down."""
        self._channels = channels
        self._mixer = Mixer()
        self._interleave: av.AudioResampler | None = None
        self._interleaved_form: tuple[str, str, int] | None = None
        self._good = self._bad = 0

    def of(self, decodes: Iterable[Decode]) -> Iterator[tuple[Block, int]]:
        """What each of these calls decodes: a signal of −1 … 1, shape (channels, n), and its rate.

        Raises `Refusal` when more of them fail than succeed.
        """
        for decode in decodes:
            for frame in self.frames(decode) or ():
                yield from self.signals(frame)
        self.check()

    def frames(self, decode: Decode) -> Sequence[av.AudioFrame] | None:
        """What one call decodes; None when it fails. Raises `Refusal` when that is all they do."""
        try:
            frames = decode()
        except PYAV_FAULTS:
            self._bad += 1
            if self._bad > _BAD_PACKETS:
                self.check()
            return None
        self._good += bool(frames)
        return frames

    def signals(self, frame: av.AudioFrame) -> Iterator[tuple[Block, int]]:
        """A frame as signals, and their rate."""
        for whole in self._within_planes(frame):
            yield self._signal(whole), whole.sample_rate

    def check(self) -> None:
        """Raises `Refusal` when more packets have failed than succeeded."""
        if self._bad > self._good:
            raise unreadable()

    def _signal(self, frame: av.AudioFrame) -> Block:
        channels = frame.layout.nb_channels
        if channels < 1:
            raise unreadable()
        signal = _to_array(frame)
        if self._channels == 1 and channels > 1:
            return self._mixer.mix(signal, max(frame.sample_rate, 1))
        if channels == self._channels:
            return signal
        # A chained file may change its mind about its channels; the first word counts.
        fitted = np.zeros((self._channels, signal.shape[1]), np.float32)
        fitted[: min(channels, self._channels)] = signal[: self._channels]
        return fitted

    def _within_planes(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame with its channels interleaved if it has more planes than PyAV can hand out."""
        if not frame.format.is_planar or frame.layout.nb_channels <= _PLANES:
            return [frame]
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._interleave is None or form != self._interleaved_form:
            self._interleaved_form = form
            self._interleave = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        interleaved: list[av.AudioFrame] = self._interleave.resample(frame)
        return interleaved


def decoder_of(container: av.container.InputContainer, multichannel: bool) -> Decoder:
    """The decoder of an opened container's best sound. Raises `Refusal` if it has none."""
    stream = container.streams.best("audio")
    # A damaged file may name a codec that there is not: its stream then has no context.
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        raise unreadable()
    if stream.codec_context.codec.name not in DECODERS:
        raise unreadable()  # The whitelist holds FFmpeg's own decoders; this one PyAV opens.
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return Decoder(container, stream, multichannel)


def _stamp(frame: av.AudioFrame) -> float | None:
    """What the container's clock shows at the frame's start, in seconds."""
    if frame.pts is None or not frame.time_base:
        return None
    return float(frame.pts * frame.time_base.numerator / frame.time_base.denominator)


def _to_array(frame: av.AudioFrame) -> Block:
    """−1 … 1, shape (channels, n)."""
    try:
        samples: npt.NDArray[np.generic] = frame.to_ndarray()
    except ValueError:  # A sample format that NumPy has no word for.
        raise unreadable() from None
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    return _as_float(samples)


def _as_float(samples: npt.NDArray[np.generic]) -> Block:
    if samples.dtype.kind == "f":
        # Files may hold infinities and numbers that are none; one of them would spoil all that follows.
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
    signal: Block = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        return (signal - 128.0) / 128.0
    if samples.dtype.kind == "i":
        return signal / float(1 << (8 * samples.dtype.itemsize - 1))
    return signal


_BAD_PACKETS = 100
"""So many failures are looked at before a file in which they are the majority is given up early."""
_PLANES = 8
"""Planes that an FFmpeg frame keeps in place; PyAV reads past the array if there are more."""
_EXACT = frozenset({"mov", "matroska", "wav", "flac", "ogg", "aiff", "au", "tta", "wv"})
"""Forms that say how long they are, and are believed by FFmpeg."""
_LONGEST_HEADER = 256
"""Bytes; FLAC's for a frame and its channels are shorter."""
_FROM_ZERO = frozenset({"mov", "matroska"})
"""Forms whose clock begins at 0 with the recording, not with a stream of which the recording is a part."""
