"""Signals of any rate, in pieces of any length → blocks at 16 kHz, as a stream."""

from collections.abc import Iterator

import av
import numpy as np

from ringback.audio.encodings import HIGHEST_RATE, LOWEST_RATE, unreadable
from ringback.audio.samples import SAMPLE_RATE, Block


class Resampler:
    """Blocks of one rate and length out of signals of any.

    Each channel goes through a mono resampler of its own, and many frames at a time: PyAV crashes on
    frames of more than 8 planes, and the cost of FFmpeg's filter graph is per frame, not per sample.
    """

    def __init__(self, channels: int, hold: float) -> None:
        """`hold`: seconds collected before they are converted; what is more goes into one block."""
        self._channels = channels
        self._hold = hold
        self._rate = 0
        self._waiting: list[Block] = []
        self._held = 0
        self._graphs: list[_Channel] = []

    def push(self, signal: Block, rate: int) -> Iterator[Block]:
        """More of the signal, shape (channels, n), −1 … 1. Raises `Refusal` for a rate that is junk."""
        if rate != self._rate:
            yield from self.finish()
            self._start(rate)
        self._waiting.append(signal)
        self._held += signal.shape[1]
        if self._held >= self._hold * rate:
            yield from self._convert(last=False)

    def finish(self) -> Iterator[Block]:
        """There is no more."""
        if self._rate:
            yield from self._convert(last=True)

    def _start(self, rate: int) -> None:
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise unreadable()
        self._rate = rate
        self._graphs = [_Channel(rate) for _ in range(self._channels if rate != SAMPLE_RATE else 0)]

    def _convert(self, last: bool) -> Iterator[Block]:
        signal = np.concatenate(self._waiting, axis=1) if self._waiting else None
        self._waiting, self._held = [], 0
        if not self._graphs:
            block = signal
        else:
            block = np.stack(
                [
                    graph.convert(None if signal is None else signal[i : i + 1], last)
                    for i, graph in enumerate(self._graphs)
                ]
            )
        if block is not None and block.shape[1]:
            yield np.clip(block, -1.0, 1.0, out=block)


class _Channel:
    """One channel's way through FFmpeg."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._graph = av.filter.Graph()
        # Else each channel would start a thread per core of the machine, for work that has but one part.
        self._graph.threads = 1
        source = self._graph.add(
            "abuffer", sample_rate=f"{rate}", sample_fmt="fltp", channel_layout="mono", time_base=f"1/{rate}"
        )
        form = self._graph.add(
            "aformat", sample_rates=f"{SAMPLE_RATE}", sample_fmts="fltp", channel_layouts="mono"
        )
        self._graph.link_nodes(source, form, self._graph.add("abuffersink")).configure()

    def convert(self, signal: Block | None, last: bool) -> Block:
        """More of the signal, shape (1, n), gives what is ready of it, shape (n,); at the `last`, all."""
        if signal is not None and signal.shape[1]:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal), format="fltp", layout="mono")
            frame.sample_rate = self._rate
            self._graph.push(frame)
        if last:
            self._graph.push(None)
        nothing = np.zeros(0, np.float32)
        resampled: Block = np.concatenate([nothing, *self._ready()])
        return resampled

    def _ready(self) -> Iterator[Block]:
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            yield frame.to_ndarray()[0]
