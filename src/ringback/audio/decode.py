"""Whatever FFmpeg can read → 16 kHz float32 per channel, block by block, in bounded memory.

What a file says about itself (duration, rate, channels) is never trusted; time is counted in decoded
samples. **Damaged audio is transcribed as far as it goes**: a cut upload or a flipped bit should not cost
the caller the part that can be heard. It is refused (Deepgram's 400) when nothing decodes, or when more
packets fail than succeed: what comes out of such a file is noise, not speech.
"""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.stream import Discard

from ringback.audio.encodings import (
    HIGHEST_RATE,
    LONGEST,
    LOWEST_RATE,
    MOST_CHANNELS,
    Decoding,
    opening,
    too_long,
    too_many_channels,
    unreadable,
)
from ringback.audio.samples import SAMPLE_RATE

Block = npt.NDArray[np.float32]
"""Shape (channels, n)."""


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
        self._interleave: av.AudioResampler | None = None
        self._interleaved_form: tuple[str, str, int] | None = None

    def blocks(self) -> Iterator[Block]:
        """The audio from start to end, about `_BLOCK` seconds at a time. Raises `Refusal`."""
        into_16k = _Resampler(self.channels)
        decoded = 0
        for frame in self._frames():
            for block in into_16k.push(self._signal(frame), frame.sample_rate):
                decoded += block.shape[1]
                yield block
            if decoded > LONGEST * SAMPLE_RATE:
                raise too_long()
        for block in into_16k.finish():
            decoded += block.shape[1]
            yield block
        if decoded == 0:
            raise unreadable()

    def _frames(self) -> Iterator[av.AudioFrame]:
        good = bad = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                bad += 1
                if bad > _BAD_PACKETS and bad > good:
                    raise unreadable() from None
                continue
            good += bool(frames)
            for frame in frames:
                yield from self._within_planes(frame)
        if bad > good:
            raise unreadable()

    def _packets(self) -> Iterator[av.Packet]:
        """Until the end, or until the container cannot be followed any further."""
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            return  # A failing disk is not caught: it must not look like the end of the recording.

    def _signal(self, frame: av.AudioFrame) -> Block:
        """−1 … 1, shape (self.channels, n), at the frame's own rate."""
        channels = frame.layout.nb_channels
        if channels < 1:
            raise unreadable()
        signal = _to_array(frame)
        if self.channels == 1 and channels > 1:
            mixed: Block = signal.mean(axis=0, keepdims=True, dtype=np.float32)
            return mixed
        if channels == self.channels:
            return signal
        # A chained file may change its mind about its channels; the first word counts.
        fitted = np.zeros((self.channels, signal.shape[1]), np.float32)
        fitted[: min(channels, self.channels)] = signal[: self.channels]
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
def opened(path: Path, how: Decoding) -> Iterator[Decoder]:
    """Open a recording. Raises `Refusal` if it is not audio, `OSError` if there is no such file."""
    with path.open("rb", buffering=0) as file:
        try:
            container = _open(file, how)
        except (av.FFmpegError, OSError, ValueError, IndexError):
            raise unreadable() from None
        with container:
            stream = container.streams.best("audio")
            if not isinstance(stream, av.AudioStream):
                raise unreadable()
            for other in container.streams:
                if other.index != stream.index:
                    other.discard = Discard.all
            yield Decoder(container, stream, how.multichannel)


def _open(file: io.FileIO, how: Decoding) -> av.container.InputContainer:
    plan = opening(how, file.read(16))
    file.seek(0)
    # FFmpeg is given our open file, not its name: with `protocol_whitelist` it can open nothing by itself.
    return av.open(_File(file), format=plan.format, options=dict(plan.options))


class _Resampler:
    """Blocks of one rate and length out of frames of any.

    Each channel goes through a mono resampler of its own, and many frames at a time: PyAV crashes on
    frames of more than 8 planes, and the cost of FFmpeg's filter graph is per frame, not per sample.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._rate = 0
        self._waiting: list[Block] = []
        self._held = 0
        self._graphs: list[av.AudioResampler] = []

    def push(self, signal: Block, rate: int) -> Iterator[Block]:
        if rate != self._rate:
            yield from self.finish()
            self._start(rate)
        self._waiting.append(signal)
        self._held += signal.shape[1]
        if self._held >= _BLOCK * rate:
            yield from self._convert(last=False)

    def finish(self) -> Iterator[Block]:
        if self._rate:
            yield from self._convert(last=True)

    def _start(self, rate: int) -> None:
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise unreadable()
        self._rate = rate
        self._graphs = [
            av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
            for _ in range(self._channels if rate != SAMPLE_RATE else 0)
        ]

    def _convert(self, last: bool) -> Iterator[Block]:
        signal = np.concatenate(self._waiting, axis=1) if self._waiting else None
        self._waiting, self._held = [], 0
        if not self._graphs:
            block = signal
        else:
            block = np.stack(
                [
                    self._one_channel(graph, None if signal is None else signal[i : i + 1], last)
                    for i, graph in enumerate(self._graphs)
                ]
            )
        if block is not None and block.shape[1]:
            yield np.clip(block, -1.0, 1.0, out=block)

    def _one_channel(self, graph: av.AudioResampler, signal: Block | None, last: bool) -> Block:
        pieces: list[av.AudioFrame] = []
        if signal is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal), format="fltp", layout="mono")
            frame.sample_rate = self._rate
            pieces += graph.resample(frame)
        if last:
            pieces += graph.resample(None)
        nothing = np.zeros(0, np.float32)
        resampled: Block = np.concatenate([nothing, *(piece.to_ndarray()[0] for piece in pieces)])
        return resampled


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


_BLOCK = 2.0
"""Seconds decoded before they are handed on: long enough to spread the cost of each call, short enough
that 20 channels fit in little memory."""
_BAD_PACKETS = 100
"""So many failures are looked at before a file in which they are the majority is given up early."""
_PLANES = 8
"""Planes that an FFmpeg frame keeps in place; PyAV reads past the array if there are more."""
