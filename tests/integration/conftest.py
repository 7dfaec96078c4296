"""Recordings that several modules read, and what attempts at a delivery are made with."""

import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from ringback.blobs import FolderBlobStore
from ringback.callbacks.delivery_handler import Deliverer
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from support.attempts import POLICY, deliverer_with
from support.deliveries import nothing_recorded
from support.reading import SPOKEN


@pytest.fixture
def silence(tmp_path: Path) -> Callable[[float], Path]:
    """A small flac of that many silent seconds."""

    def make(seconds: float) -> Path:
        import av

        path = tmp_path / f"silence {seconds:g}.flac"
        if path.exists():
            return path
        with av.open(path, "w") as container:
            stream = container.add_stream("flac", rate=4_000, layout="mono")
            block = np.zeros((1, 1 << 16), np.int16)
            for _ in range(int(seconds * 4_000 / block.shape[1])):
                frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
                frame.sample_rate = 4_000
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def talk(tmp_path: Path) -> Callable[[float], Path]:
    """A wav of at least that many seconds: the committed recordings over and over, with pauses."""

    def make(seconds: float) -> Path:
        import av

        piece = bytearray()
        for clip in SPOKEN:
            with av.open(str(clip)) as file:
                into = av.AudioResampler(format="s16", layout="mono", rate=16_000)
                frames = [f for frame in file.decode(audio=0) for f in into.resample(frame)]
                piece += b"".join(frame.to_ndarray().tobytes() for frame in [*frames, *into.resample(None)])
                piece += bytes(32_000)
        path = tmp_path / f"talk-{seconds:g}.wav"
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            for _ in range(int(seconds * 32_000 / len(piece)) + 1):
                out.writeframes(bytes(piece))
        return path

    return make


@pytest.fixture
async def egress() -> AsyncIterator[EgressClient]:
    async with EgressClient(POLICY, SystemClock()) as opened:
        yield opened


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path, SystemClock())


@pytest.fixture
def deliverer(egress: EgressClient, blobs: FolderBlobStore) -> Deliverer:
    return deliverer_with(egress, blobs, nothing_recorded)
