"""Sound in any container, encoded while the test runs."""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32]
_LAYOUTS = {1: "mono", 2: "stereo"}


def tone(seconds: float, rate: int, channels: int = 1, pitch: float = 440.0) -> Signal:
    """Shape (channels, n)."""
    time = np.arange(int(seconds * rate)) / rate
    return np.repeat(0.4 * np.sin(2 * np.pi * pitch * time)[None], channels, axis=0).astype(np.float32)


def encoded(
    form: str,
    codec: str,
    rate: int,
    signal: Signal,
    options: dict[str, str] | None = None,
    seekable: bool = True,
) -> bytes:
    """The signal, shape (channels, n), at `rate`, in a container. Not seekable: its header does not know its
    length, as when it is written to a socket."""
    if options and "faststart" in options.get("movflags", ""):
        # FFmpeg opens the file by its name once more, to move the index to its start.
        with TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            _encode(str(path), form, codec, rate, signal, options)
            return path.read_bytes()
    file = io.BytesIO()
    _encode(file if seekable else _Socket(file), form, codec, rate, signal, options or {})
    return file.getvalue()


def add_sound(
    container: av.container.OutputContainer,
    codec: str,
    rate: int,
    layout: str = "mono",
    options: dict[str, str] | None = None,
) -> av.AudioStream:
    """A stream of the container to encode into."""
    stream = container.add_stream(codec, rate=rate, options=options, layout=layout)
    assert isinstance(stream, av.AudioStream)
    return stream


def sound_codec(
    name: str, mode: Literal["r", "w"], rate: int, sample_format: str | None = None
) -> av.AudioCodecContext:
    """A codec for one channel without a container; it encodes samples of `sample_format`."""
    codec = av.CodecContext.create(name, mode)
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout = rate, av.AudioLayout("mono")
    if sample_format is not None:
        codec.format = av.AudioFormat(sample_format)
    return codec


@cache
def silent_flac(seconds: float) -> bytes:
    """Eight silent channels at 4 kHz: hours of work in some kilobytes."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = add_sound(container, "flac", 4_000, "7.1")
        block = np.zeros((1, 8 << 15), np.int16)
        for _ in range(int(seconds * 4_000) >> 15):
            frame = av.AudioFrame.from_ndarray(block, "s16", "7.1")
            frame.sample_rate = 4_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _encode(file: object, form: str, codec: str, rate: int, signal: Signal, options: dict[str, str]) -> None:
    layout = _LAYOUTS[len(signal)]
    with av.open(file, "w", format=form, options=options) as container:
        stream = add_sound(container, codec, rate, layout)
        for frame in _frames(stream.codec_context, rate, signal):
            container.mux(stream.encode(frame))
        # FLAC ends with a packet without sound, which not every container takes.
        container.mux([packet for packet in stream.encode(None) if packet.size])


def _frames(context: av.AudioCodecContext, rate: int, signal: Signal) -> Iterator[av.AudioFrame]:
    layout = _LAYOUTS[len(signal)]
    into_form = av.AudioResampler(format=context.format, layout=layout, rate=rate)
    for piece in np.array_split(signal, max(1, signal.shape[1] * 50 // rate), axis=1):
        interleaved = np.ascontiguousarray(piece.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate = rate
        yield from into_form.resample(frame)
    yield from into_form.resample(None)


class _Socket:
    def __init__(self, file: io.BytesIO) -> None:
        self.write = file.write
