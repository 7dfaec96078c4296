"""Silero on real recordings."""

from pathlib import Path

import av
import faster_whisper
import numpy as np
import numpy.typing as npt
import pytest

from ringback import onnx
from ringback.audio.speech import Detector, Silero, SpeechFinder

Samples = npt.NDArray[np.float32]
CLIPS = Path(__file__).parents[2] / "audio"


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


@pytest.fixture(scope="module")
def talk() -> Samples:
    """Three sentences, some 10 s, with pauses of a second."""
    pieces = []
    for clip in sorted(CLIPS.glob("librivox_*.flac")):
        with av.open(str(clip)) as file:
            into = av.AudioResampler(format="flt", layout="mono", rate=16_000)
            frames = [f for frame in file.decode(audio=0) for f in into.resample(frame)]
            pieces += [frame.to_ndarray()[0] for frame in [*frames, *into.resample(None)]]
        pieces.append(np.zeros(16_000, np.float32))
    return np.concatenate(pieces)


def find(silero: Silero, samples: Samples, block: int, max_chunk: float = 15.0) -> list[tuple[int, Samples]]:
    finder = SpeechFinder(silero, max_chunk)
    chunks = [
        chunk for at in range(0, len(samples), block) for chunk in finder.push(samples[at : at + block])
    ]
    return [*chunks, *finder.finish()]


def test_our_file_says_what_the_published_one_says(silero: Silero, talk: Samples) -> None:
    published = Silero()
    assets = Path(faster_whisper.__file__).parent / "assets"
    published._session = onnx.session(assets / "silero_vad_v6.onnx")
    whole = talk[: len(talk) // 512 * 512]
    for block in (512, 100 * 512, len(whole)):
        ours, theirs = Detector(silero), Detector(published)
        for at in range(0, len(whole), block):
            expected = [each for each, _ in theirs.judge(whole[at : at + block])]
            found = [each for each, _ in ours.judge(whole[at : at + block])]
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_chunk_is_the_very_stretch_of_the_recording(silero: Silero, talk: Samples) -> None:
    chunks = find(silero, talk, 32_000, max_chunk=5.0)
    assert len(chunks) >= 2
    for start, samples in chunks:
        np.testing.assert_array_equal(samples, talk[start : start + len(samples)])


@pytest.mark.parametrize("block", [100, 511, 512, 16_000, 10**9])
def test_the_size_of_blocks_does_not_matter(block: int, silero: Silero, talk: Samples) -> None:
    expected = find(silero, talk, 32_000, max_chunk=5.0)
    found = find(silero, talk, block, max_chunk=5.0)
    assert [(start, len(samples)) for start, samples in found] == [
        (start, len(samples)) for start, samples in expected
    ]


def test_most_of_the_talk_is_in_the_chunks_and_long_silence_is_not(silero: Silero, talk: Samples) -> None:
    silence = np.zeros(5 * 16_000, np.float32)
    chunks = find(silero, np.concatenate((silence, talk, silence)), 32_000)
    held = sum(float(np.square(samples).sum()) for _, samples in chunks)
    assert held > 0.99 * float(np.square(talk).sum())
    assert chunks[0][0] >= 4.5 * 16_000
    assert sum(len(samples) for _, samples in chunks) <= len(talk) + 16_000


def test_noise_and_hum_are_not_speech(silero: Silero) -> None:
    chance = np.random.default_rng(7)
    noise = (0.1 * chance.standard_normal(20 * 16_000)).astype(np.float32)
    hum = (0.3 * np.sin(2 * np.pi * 50 * np.arange(20 * 16_000) / 16_000)).astype(np.float32)
    for samples in (noise, hum, np.zeros(20 * 16_000, np.float32)):
        assert find(silero, samples, 32_000) == []


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513])
def test_scraps(length: int, silero: Silero) -> None:
    assert find(silero, np.zeros(length, np.float32), 32_000) == []
