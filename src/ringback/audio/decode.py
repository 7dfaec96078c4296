"""Whatever FFmpeg can read → 16 kHz float32 per channel, block by block, in bounded memory.

What a file says about itself (duration, rate, channels) is never trusted; time is counted in decoded
samples. **Damaged audio is transcribed as far as it goes**: a cut upload or a flipped bit should not cost
the caller the part that can be heard. It is refused (Deepgram's 400) when nothing decodes, or when more
packets fail than succeed: what comes out of such a file is noise, not speech.
"""

import errno
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.stream import Discard

from ringback.audio.encodings import (
    LONGEST,
    MOST_CHANNELS,
    Decoding,
    Opening,
    last_resort,
    opening,
    too_long,
    too_many_channels,
    unreadable,
)
from ringback.audio.formats import DECODERS
from ringback.audio.mixing import Mixer
from ringback.audio.resampler import Resampler
from ringback.audio.samples import SAMPLE_RATE, Block

Decode = Callable[[], Sequence[av.AudioFrame]]
"""Decodes one packet; may raise `FFmpegError` or `ValueError`."""

PYAV_FAULTS = (av.FFmpegError, ValueError, LookupError, ArithmeticError, RuntimeError)
"""What PyAV raises over damaged files: beside FFmpeg's errors its own, such as the IndexError for a packet
of a stream that it has not seen."""

_BLOCK = 2.0
"""Seconds decoded before they are handed on: long enough to spread the cost of each call, short enough
that 20 channels fit in little memory."""


class Decoder:
    """One opened recording. FFmpeg's parsers run here: only in a process that may die."""

    channels: int
    """How many channels `blocks` yields."""
    duration: float | None
    """Seconds, as the container claims; None: it does not say, or says something absurd."""

    def __init__(
        self, container: av.container.InputContainer, stream: av.AudioStream, multichannel: bool
    ) -> None:
        in_file = stream.codec_context.channels
        if multichannel and in_file > MOST_CHANNELS:
            raise too_many_channels()
        self.channels = max(in_file, 1) if multichannel else 1
        claimed = container.duration / av.time_base if container.duration else None
        self.duration = claimed if claimed is not None and 0 < claimed <= LONGEST else None
        self._container = container
        self._stream = stream
        self._signals = Signals(self.channels)

    def blocks(self, hold: float = _BLOCK) -> Iterator[Block]:
        """The audio from start to end, about `hold` seconds at a time. Raises `Refusal`."""
        into_16k = Resampler(self.channels, hold)
        decoded = 0
        for signal, rate in self._signals.of(packet.decode for packet in self._packets()):
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

    def _packets(self) -> Iterator[av.Packet]:
        """Until the end, or until the container cannot be followed any further."""
        try:
            yield from self._container.demux(self._stream)
        except PYAV_FAULTS:
            return  # A failing disk is not caught: it must not look like the end of the recording.


class Signals:
    """Decoded frames as plain signals with always the same number of channels."""

    def __init__(self, channels: int) -> None:
        """`channels`: 1 mixes down."""
        self._channels = channels
        self._mixer = Mixer()
        self._interleave: av.AudioResampler | None = None
        self._interleaved_form: tuple[str, str, int] | None = None

    def of(self, decodes: Iterable[Decode]) -> Iterator[tuple[Block, int]]:
        """What each of these calls decodes: a signal of −1 … 1, shape (channels, n), and its rate.

        Raises `Refusal` when more of them fail than succeed.
        """
        good = bad = 0
        for decode in decodes:
            try:
                frames = decode()
            except PYAV_FAULTS:
                bad += 1
                if bad > _BAD_PACKETS and bad > good:
                    raise unreadable() from None
                continue
            good += bool(frames)
            for frame in frames:
                for whole in self._within_planes(frame):
                    yield self._signal(whole), whole.sample_rate
        if bad > good:
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


class _File:
    """Our open file, as FFmpeg may read it. An absurd offset is answered, as C does, with a negative number:
    PyAV would print an exception."""

    def __init__(self, file: io.FileIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL


@contextmanager
def opened(source: Path | int, how: Decoding) -> Iterator[Decoder]:
    """Open a recording, by its path or by a descriptor, which is then closed. Raises `Refusal` if it is not
    audio, `OSError` if there is no such file."""
    with io.FileIO(source) as file:
        try:
            container = _open(file, how)
        except (OSError, *PYAV_FAULTS):
            raise unreadable() from None
        with container:
            yield decoder_of(container, how.multichannel)


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


def _open(file: io.FileIO, how: Decoding) -> av.container.InputContainer:
    head = file.read(16)
    plan = opening(how, head)
    try:
        return _container(file, plan)
    except av.FFmpegError:
        if (last := last_resort(head)) is None:
            raise
        return _container(file, last)


def _container(file: io.FileIO, plan: Opening) -> av.container.InputContainer:
    file.seek(0)
    # FFmpeg is given our open file, not its name: with `protocol_whitelist` it can open nothing by itself.
    return av.open(_File(file), format=plan.format, options=dict(plan.options))


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
