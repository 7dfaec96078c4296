"""Raw samples, cut anywhere → blocks at 16 kHz. No parser of FFmpeg runs, so this is safe in the server."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ringback.audio.encodings import SAMPLES, Decoding, channels_of, rate_of
from ringback.audio.mixing import Mixer
from ringback.audio.resampler import Resampler
from ringback.audio.samples import Block


class RawAudio:
    """One stream of `linear16`, `linear32`, `mulaw` or `alaw`."""

    channels: int
    """Of the blocks: 1 unless `multichannel`."""

    def __init__(self, decoding: Decoding) -> None:
        """Raises `Refusal` (400) for a rate or a number of channels that cannot be."""
        assert decoding.encoding is not None
        self._rate, self._interleaved = rate_of(decoding), channels_of(decoding)
        self._form = _FORMS[decoding.encoding.lower()]
        self.channels = self._interleaved if decoding.multichannel else 1
        self._mixer = Mixer()
        self._rest = b""
        self._step = self._interleaved * self._form.itemsize
        self._least = int(_LEAST * self._rate) * self._step
        self._into_16k = Resampler(self.channels, hold=0.0)

    def push(self, data: bytes) -> Iterator[Block]:
        """More bytes; what is shorter than a sample, or hardly worth a call, waits for the next ones."""
        self._rest += data
        if len(self._rest) >= self._least:
            yield from self.drain()

    def drain(self) -> Iterator[Block]:
        """All whole samples that wait."""
        whole = len(self._rest) // self._step * self._step
        if whole:
            signal = self._signal(self._rest[:whole])
            self._rest = self._rest[whole:]
            yield from self._into_16k.push(signal, self._rate)

    def drop_cut_sample(self) -> None:
        """After `drain`: what is left of a sample will not be completed."""
        self._rest = b""

    def finish(self) -> Iterator[Block]:
        """There is no more; a cut sample at the end is dropped."""
        yield from self.drain()
        yield from self._into_16k.finish()

    def bytes_of(self, seconds: float) -> int:
        """How many bytes last so long: whole samples, at least one."""
        return max(1, int(seconds * self._rate)) * self._step

    def _signal(self, data: bytes) -> Block:
        samples = self._form.read(data).reshape(-1, self._interleaved).T
        if self.channels == self._interleaved:
            return samples
        return self._mixer.mix(samples, self._rate)


@dataclass(frozen=True, slots=True)
class _Form:
    """How samples are encoded; `table` gives the value of each byte where they are companded."""

    kind: str
    scale: float = 1.0
    table: Block | None = None

    @property
    def itemsize(self) -> int:
        return np.dtype(self.kind).itemsize

    def read(self, data: bytes) -> Block:
        raw: npt.NDArray[np.generic] = np.frombuffer(data, self.kind)
        if self.table is not None:
            looked_up: Block = self.table[raw]
            return looked_up
        if raw.dtype.kind == "f":
            # One infinity or NaN would corrupt the filter for all that follows.
            raw = np.nan_to_num(raw, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
        scaled: Block = raw.astype(np.float32) / np.float32(self.scale)
        return scaled


def _mulaw_table() -> Block:
    """ITU-T G.711, μ-law."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return (np.where(code & 0x80, -magnitude, magnitude) / 32768.0).astype(np.float32)


def _alaw_table() -> Block:
    """ITU-T G.711, A-law."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    low = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, low, (low + 0x100) << np.maximum(exponent - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) / 32768.0).astype(np.float32)


_FORMS = {
    "linear16": _Form("<i2", 32768.0),
    "linear32": _Form("<f4"),
    "mulaw": _Form("u1", table=_mulaw_table()),
    "alaw": _Form("u1", table=_alaw_table()),
}
assert _FORMS.keys() == SAMPLES.keys()

_LEAST = 0.02
"""Seconds below which a call of the resampler is not worth its cost: one-byte frames are collected."""
