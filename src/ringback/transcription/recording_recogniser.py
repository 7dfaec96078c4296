"""From a file to a transcript: chunks of speech to the engine pool, their words back into the recording's
time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioEnd, AudioFacts, AudioReader, SpeechChunk
from ringback.audio.samples import SAMPLE_RATE
from ringback.engines.base import ModelInfo, Quality, Recognition, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word, base_language
from ringback.transcription.progress import Progress

CHUNKS_PER_THREAD = 3
"""Chunks of one recording that wait for a recogniser: enough to keep it busy, few enough to stay small."""

CHUNKS_TO_DETECT_LANGUAGE = 3
"""Chunks of a channel that are recognised first to detect its language."""


@dataclass(slots=True)
class _ChannelRun:
    """One channel while its recording is read; chunks may be recognised in any order."""

    recognised: list[tuple[SpeechChunk, Recognition]] = field(default_factory=list)
    pending: list[SpeechChunk] = field(default_factory=list)
    """Chunks that wait until the language is detected."""
    language: str | None = None
    """As detected."""

    def result(self, detected: bool) -> Channel:
        """`detected`: whether the language was to be detected."""
        self.recognised.sort(key=lambda pair: pair[0].start)
        words = tuple(_words_in_order(self.recognised))
        if not detected or self.language is None:
            return Channel(Alternative(words))
        confidences = [
            recognition.language_confidence
            for _, recognition in self.recognised
            if recognition.language == self.language and recognition.language_confidence is not None
        ]
        confidence = sum(confidences) / len(confidences) if confidences else None
        return Channel(Alternative(words), self.language, confidence)


@dataclass(frozen=True, slots=True)
class RecordingRecogniser:
    """Recognises recordings through the audio reader and the engine pool, a few chunks at a time."""

    reader: AudioReader
    pool: EnginePool
    progress: Progress
    quality: Quality

    async def recognise_recording(
        self, path: Path, job: JobId, options: ListenOptions, model: ModelInfo, caller: str = ""
    ) -> Transcript:
        """The transcript of one recording; raises Refusal for bad audio, EngineFailure for our own fault.

        `caller` (`PROJECT/KEY`): for whose share of decoders and engine this counts.
        """
        try:
            return await _RecordingRun(self, job, options, model).run(path, caller)
        except ExceptionGroup as group:
            # Chunks are recognised concurrently; the first fault is reported.
            raise group.exceptions[0] from group


class _RecordingRun:
    """The recognition of one recording."""

    def __init__(
        self, shared: RecordingRecogniser, job: JobId, options: ListenOptions, model: ModelInfo
    ) -> None:
        self._shared = shared
        self._job = job
        self._caller = ""
        self._decoding = Decoding(
            options.encoding, options.sample_rate, options.channels, options.multichannel
        )
        self._detect = bool(options.detect_language)
        self._switching = options.language == "multi" and not self._detect
        self._task = Task(
            model=model.name,
            language=None if self._detect or self._switching else base_language(options.language),
            quality=shared.quality,
            candidates=options.candidates,
            terms=options.terms,
        )
        self._chunk_slots = asyncio.Semaphore(CHUNKS_PER_THREAD * shared.pool.threads)
        self._channels: defaultdict[int, _ChannelRun] = defaultdict(_ChannelRun)
        self._duration: float | None = None
        self._recognised = 0.0

    async def run(self, path: Path, caller: str) -> Transcript:
        end = AudioEnd(channels=1, duration=0.0)
        self._caller = caller
        reader = self._shared.reader
        async with asyncio.TaskGroup() as group, reader.read(path, self._decoding, caller) as pieces:
            async for piece in pieces:
                match piece:
                    case AudioFacts():
                        self._duration = piece.duration
                        self._shared.progress.reach(self._job, 0.0, piece.duration)
                    case SpeechChunk():
                        await self._on_chunk(piece, group)
                    case AudioEnd():
                        end = piece
            for number in list(self._channels):
                await self._detect_language(number, group)
        channels = tuple(self._channels[number].result(self._detect) for number in range(end.channels))
        return Transcript(end.duration, channels, audio_warnings(end))

    async def _on_chunk(self, chunk: SpeechChunk, group: asyncio.TaskGroup) -> None:
        """Recognise a chunk, or let it wait until its channel's language is detected."""
        channel = self._channels[chunk.channel]
        if not self._detect or channel.language is not None:
            await self._start_recognising(chunk, group)
            return
        channel.pending.append(chunk)
        if len(channel.pending) == CHUNKS_TO_DETECT_LANGUAGE:
            await self._detect_language(chunk.channel, group)

    async def _detect_language(self, number: int, group: asyncio.TaskGroup) -> None:
        """Detect a channel's language by the chunks that wait; recognise those again that seemed to be in
        another one."""
        channel = self._channels[number]
        pending, channel.pending = channel.pending, []
        if not pending:
            return
        guesses = await asyncio.gather(*(self._recognise(chunk, self._task) for chunk in pending))
        channel.language = _likeliest_language(zip(pending, guesses, strict=True))
        for chunk, guess in zip(pending, guesses, strict=True):
            if guess.language == channel.language:
                self._store(chunk, guess)
            else:
                await self._start_recognising(chunk, group)

    async def _start_recognising(self, chunk: SpeechChunk, group: asyncio.TaskGroup) -> None:
        """Recognise a chunk while reading goes on, but only a few chunks at once."""
        await self._chunk_slots.acquire()
        language = self._channels[chunk.channel].language or self._task.language
        group.create_task(self._recognise_and_store(chunk, replace(self._task, language=language)))

    async def _recognise_and_store(self, chunk: SpeechChunk, task: Task) -> None:
        try:
            self._store(chunk, await self._recognise(chunk, task))
        finally:
            self._chunk_slots.release()

    async def _recognise(self, chunk: SpeechChunk, task: Task) -> Recognition:
        return await self._shared.pool.recognise(
            chunk.samples, task, Urgency.RECORDING, self._job, self._caller
        )

    def _store(self, chunk: SpeechChunk, recognition: Recognition) -> None:
        # Only its place in time is still needed: the samples must not fill the memory.
        place = replace(chunk, samples=_NO_SAMPLES)
        if self._switching:
            recognition = _with_language(recognition)
        self._channels[chunk.channel].recognised.append((place, recognition))
        self._recognised = max(self._recognised, chunk.start + len(chunk.samples) / SAMPLE_RATE)
        self._shared.progress.reach(self._job, self._recognised, self._duration)


_NO_SAMPLES = np.empty(0, np.float32)


def _with_language(recognition: Recognition) -> Recognition:
    """With code switching each word has its language (Deepgram's docs/multilingual-code-switching)."""
    words = tuple(replace(word, language=recognition.language) for word in recognition.words)
    return replace(recognition, words=words)


def _likeliest_language(guesses: Iterable[tuple[SpeechChunk, Recognition]]) -> str:
    """The language with the most confident seconds of speech."""
    weights: defaultdict[str, float] = defaultdict(float)
    for chunk, guess in guesses:
        weights[guess.language] += len(chunk.samples) * (guess.language_confidence or 0.0)
    return max(weights, key=lambda language: weights[language])


def _words_in_order(pieces: Iterable[tuple[SpeechChunk, Recognition]]) -> Iterable[Word]:
    for chunk, recognition in pieces:
        for word in recognition.words:
            yield in_media_time(word, chunk)


def in_media_time(word: Word, chunk: SpeechChunk) -> Word:
    """A word of a chunk, in the recording's time. A word across a hole in the audio is put on the side on
    which its middle is, so that it does not grow by the hole."""
    if not chunk.holes:
        return word.shifted(chunk.start)
    middle = (word.start + word.end) / 2
    start, end, passed = word.start, word.end, 0.0
    for at, seconds in chunk.holes:
        if at <= middle:
            start, passed = max(start, at), passed + seconds
        else:
            end = min(end, at)
            break
    return replace(word, start=start, end=end).shifted(chunk.start + passed)


def audio_warnings(end: AudioEnd) -> tuple[str, ...]:
    """Warnings for the caller of a recording that could not be recognised in full."""
    warnings = []
    if end.unread_seconds > 0:
        warnings.append(
            f"{_percent(end.unread_seconds)} of the seconds that the recording claims could not be read."
        )
    elif end.unread_bytes > 0:
        warnings.append(f"{_percent(end.unread_bytes)} of the recording's bytes could not be read.")
    if end.jumps_ignored:
        warnings.append("The recording's timestamps jump too far; times after such a jump may be wrong.")
    return tuple(warnings)


def _percent(share: float) -> str:
    return f"{max(1, round(100 * share))} %"
