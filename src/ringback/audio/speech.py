"""Where speech is: Silero VAD over one channel, as a stream of blocks, and the chunks cut from it."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from ringback import onnx
from ringback.audio.chunker import WINDOW, Chunker, Span
from ringback.audio.samples import Samples


class SpeechModel(Protocol):
    """What judges windows. Loaded once per process."""

    def run(
        self, windows: Samples, memory: tuple[Samples, Samples]
    ) -> tuple[Samples, tuple[Samples, Samples]]:
        """Probabilities of speech, shape (n,), for `windows`, shape (n, 64 + 512), and the new memory."""
        ...


def silero_is_installed() -> bool:
    """Whether onnxruntime, which Silero runs in, is here: it comes with the extra `speech`."""
    return importlib.util.find_spec("onnxruntime") is not None


def speech_model() -> SpeechModel:
    """Silero, or without the extra `speech` the loudness: `bootstrap` and `doctor` say which."""
    return Silero() if silero_is_installed() else Loudness()


class Loudness:
    """Takes for speech whatever is not quiet.

    For recognisers of other packages, where Silero is not installed: Whisper comes with Silero.
    """

    def run(
        self, windows: Samples, memory: tuple[Samples, Samples]
    ) -> tuple[Samples, tuple[Samples, Samples]]:
        powers = np.square(windows[:, _CONTEXT:]).mean(axis=1)
        return (powers >= _QUIET_POWER).astype(np.float32), memory


class Silero:
    """Silero VAD 6."""

    def __init__(self) -> None:
        self._session = onnx.session(_MODEL)

    def run(
        self, windows: Samples, memory: tuple[Samples, Samples]
    ) -> tuple[Samples, tuple[Samples, Samples]]:
        probabilities, h, c = self._session.run(None, {"input": windows, "h": memory[0], "c": memory[1]})
        return probabilities.reshape(-1), (h, c)


class Detector:
    """One channel, window after window: how probably each is speech, and how loud it is."""

    def __init__(self, model: SpeechModel) -> None:
        self._model = model
        self._memory = (np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32))
        self._context = np.zeros(_CONTEXT, np.float32)

    def judge(self, samples: Samples) -> list[tuple[float, float]]:
        """(probability, loudness) of each window; `samples` are a whole number of them, at least one."""
        windows = samples.reshape(-1, WINDOW)
        # Each window is preceded by the last samples of the one before it.
        inputs = np.empty((len(windows), _CONTEXT + WINDOW), np.float32)
        inputs[:, _CONTEXT:] = windows
        inputs[0, :_CONTEXT] = self._context
        inputs[1:, :_CONTEXT] = windows[:-1, -_CONTEXT:]
        self._context = windows[-1, -_CONTEXT:].copy()
        probabilities, self._memory = self._model.run(inputs, self._memory)
        loudness = np.square(windows).mean(axis=1)
        return list(zip(probabilities.tolist(), loudness.tolist(), strict=True))


class SpeechFinder:
    """Finds the chunks of one channel. Keeps at most one chunk and one block of samples."""

    def __init__(self, model: SpeechModel, max_chunk: float) -> None:
        self._detector = Detector(model)
        self._chunker = Chunker(max_chunk)
        self._buffer = np.zeros(0, np.float32)  # Samples that a chunk may still contain …
        self._buffer_from = 0  # … beginning with this one.
        self._judged_until = 0  # Samples that the detector has been given.

    def push(self, samples: Samples) -> Iterator[tuple[int, Samples]]:
        """More audio, in order. Yields each chunk that it closes: its first sample's index, its samples."""
        self._buffer = np.concatenate((self._buffer, samples))
        fresh = self._buffer[self._judged_until - self._buffer_from :]
        whole = len(fresh) // WINDOW * WINDOW
        if whole:
            yield from self._cut(self._chunker.push(self._judge(fresh[:whole])))

    def finish(self) -> Iterator[tuple[int, Samples]]:
        """There is no more audio."""
        rest = self._buffer[self._judged_until - self._buffer_from :]
        if len(rest):
            yield from self._cut(self._chunker.push(self._judge(np.pad(rest, (0, WINDOW - len(rest))))))
        yield from self._cut(self._chunker.finish())

    def _judge(self, samples: Samples) -> list[tuple[float, float]]:
        self._judged_until += len(samples)
        return self._detector.judge(samples)

    def _cut(self, spans: list[Span]) -> Iterator[tuple[int, Samples]]:
        for span in spans:
            yield span.start, self._buffer[span.start - self._buffer_from : span.end - self._buffer_from]
        unneeded = min(self._chunker.keep_from - self._buffer_from, len(self._buffer))
        if unneeded > 0:
            self._buffer = self._buffer[unneeded:]
            self._buffer_from += unneeded


_MODEL = Path(__file__).with_name("silero_vad_v6.onnx")
"""Silero VAD 6, MIT: its licence lies beside it."""
_QUIET_POWER = 1e-5
"""Mean square of samples: -50 dB of full scale."""
_CONTEXT = 64
"""Samples of the previous window that Silero wants to see."""
