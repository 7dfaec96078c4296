"""Real speech through the reader and the engine pool: how many words come out right.

The bounds lie far above what is measured (each test prints it): they catch a broken guard or a wrong
window, not a word more or less.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioReader, SpeechChunk
from ringback.engines.base import Quality, Task, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.transcript import joined
from support.accuracy import word_error_rate
from support.kernels import COMPUTE_TYPE

if TYPE_CHECKING:
    from support.clips import Clip

AUDIO = Path(__file__).parent.parent / "audio"


class Listener:
    """Files in, texts out."""

    def __init__(self, reader: AudioReader, pool: EnginePool) -> None:
        self._reader = reader
        self._pool = pool

    async def texts(self, paths: Sequence[Path], task: Task) -> list[str]:
        return await asyncio.gather(*(self._text(path, task) for path in paths))

    async def _text(self, path: Path, task: Task) -> str:
        async with self._reader.read(path, Decoding()) as items:
            chunks = [item async for item in items if isinstance(item, SpeechChunk)]
        recognised = await asyncio.gather(
            *(self._pool.recognise(chunk.samples, task, Urgency.RECORDING) for chunk in chunks)
        )
        return " ".join(joined(recognition.words) for recognition in recognised)


@asynccontextmanager
async def listening(models: Path) -> AsyncIterator[Listener]:
    pool = EnginePool(EngineSetup("tiny.en", str(models), compute_type=COMPUTE_TYPE))
    reader = AudioReader(children=1)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as services:
        services.create_task(reader.run(stopping))
        services.create_task(pool.run(stopping))
        try:
            yield Listener(reader, pool)
        finally:
            stopping.set()


async def error_rate(models: Path, clips: Sequence[tuple[Path, str]], task: Task) -> float:
    async with listening(models) as listener:
        texts = await listener.texts([path for path, _ in clips], task)
    pairs = [(reference, recognised) for (_, reference), recognised in zip(clips, texts, strict=True)]
    return word_error_rate(pairs, task.language or "en")


def committed(language: str) -> list[tuple[Path, str]]:
    entries = json.loads((AUDIO / "manifest.json").read_text())
    return [(AUDIO / entry["path"], entry["text"]) for entry in entries if entry["language"] == language]


def reported(name: str, rate: float) -> float:
    print(f"\nword error rate, {name}: {100 * rate:.1f} %")
    return rate


async def test_committed_clips(tmp_path: Path) -> None:
    rate = await error_rate(tmp_path, committed("en"), Task("tiny.en"))
    assert reported("committed clips, tiny.en", rate) < 0.15


@pytest.mark.parametrize(("folder", "bound"), [("en", 0.09), ("conv", 0.12), ("phone_en", 0.08)])
async def test_corpus(corpus: "list[Clip]", tmp_path: Path, folder: str, bound: float) -> None:
    clips = [
        (clip.path, clip.text)
        for clip in corpus
        if clip.text and clip.language == "en" and clip.path.parent.name == folder
    ]
    assert reported(f"{folder}, tiny.en", await error_rate(tmp_path, clips, Task("tiny.en"))) < bound


async def test_the_accurate_tier(corpus: "list[Clip]", tmp_path: Path) -> None:
    clips = [(clip.path, clip.text) for clip in corpus if clip.text and clip.path.parent.name == "conv"]
    task = Task("tiny.en", quality=Quality.ACCURATE)
    assert reported("conversations, tiny.en, accurate", await error_rate(tmp_path, clips, task)) < 0.12


@pytest.mark.parametrize(("folder", "language"), [("phone_fr", "fr"), ("phone_es", "es")])
async def test_other_languages(corpus: "list[Clip]", tmp_path: Path, folder: str, language: str) -> None:
    clips = [(clip.path, clip.text) for clip in corpus if clip.text and clip.path.parent.name == folder]
    assert reported(f"{folder}, base", await error_rate(tmp_path, clips, Task("base", language))) < 0.45


async def test_noise_music_and_silence_say_nothing(corpus: "list[Clip]", tmp_path: Path) -> None:
    clips = [clip.path for clip in corpus if clip.path.parent.name == "nospeech"]
    async with listening(tmp_path) as listener:
        texts = await listener.texts(clips, Task("tiny.en"))
    assert texts == [""] * len(clips)
