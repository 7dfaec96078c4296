"""Audio made or joined for the benchmarks."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

RATE = 16_000


def wav_of_noise(size: int) -> bytes:
    """Exactly `size` bytes: faint noise, 16 kHz, mono, 16 bits."""
    samples = np.random.default_rng(1).integers(-50, 50, (size - 44) // 2, dtype="<i2").tobytes()
    return wav_header(len(samples), RATE, 1, 16) + samples


def wav_header(data_bytes: int, rate: int, channels: int, bits: int) -> bytes:
    block = channels * bits // 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * block, block, bits,
        b"data", data_bytes,
    )  # fmt: skip


def decoded(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """The whole file as 16 kHz mono float32: plain PyAV, the quickest way for a peer that takes samples."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [
            ready.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for ready in resampler.resample(frame)
        ]
        frames += [ready.to_ndarray()[0] for ready in resampler.resample(None)]
    return np.concatenate(frames).astype(np.float32) / 32768.0


def write_flac(path: Path, clips: Iterable[Path], seconds: float, pause: float = 0.6) -> float:
    """One recording of at least `seconds`: the clips one after the other, over and over; its true length."""
    sources = [np.rint(decoded(clip) * 32767).astype(np.int16) for clip in clips]
    silence = np.zeros(int(pause * RATE), np.int16)
    written = 0
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        for samples in _around(sources, silence):
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            frame.pts = written
            container.mux(stream.encode(frame))
            written += len(samples)
            if written >= seconds * RATE:
                break
        container.mux(stream.encode(None))
    return written / RATE


def _around(sources: list["np.ndarray"], silence: "np.ndarray") -> Iterator["np.ndarray"]:
    while True:
        for source in sources:
            yield source
            yield silence
