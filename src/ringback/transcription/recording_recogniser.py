"""From a file to a transcript: chunks of speech to the engine pool, their words back into the recording's
time."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ringback.audio.decoder_process import ReaderItem
from ringback.audio.encodings import Decoding
from ringback.audio.phrases import phrases_of
from ringback.audio.reader import AudioEnd, AudioFacts, AudioReader, SpeechChunk
from ringback.audio.samples import SAMPLE_RATE
from ringback.engines.base import ModelInfo, Quality, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.spoken_languages import (
    IdentifiedPhrase,
    LanguageStretch,
    LanguageTracker,
    SpokenStretch,
    detected_channel,
    language_choice,
    stretches_of,
)
from ringback.errors import EngineFailure, Misconfigured
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.service import all_results
from ringback.speakers.labels import RecognisedWords, unlabelled_seconds, with_speakers
from ringback.speakers.voices import Voice
from ringback.telemetry import problem
from ringback.telemetry.tracing import stage
from ringback.transcript import Alternative, Channel, Transcript, Word, base_language
from ringback.transcription.progress import Progress

CHUNKS_PER_THREAD = 3
"""Chunks of one recording that wait for a recogniser: enough to keep it busy, few enough to stay small."""

CHUNKS_TO_IDENTIFY = 3
"""Chunks of a channel whose languages are decided together: what comes later helps with what came before."""


@dataclass(frozen=True, slots=True)
class _RecognisedChunk:
    place: SpeechChunk
    """Without samples."""
    words: RecognisedWords
    """With times from the chunk's start."""
    stretch: LanguageStretch | None
    """Where the language was found out."""


@dataclass(slots=True)
class _ChannelRun:
    """One channel while its recording is read; chunks may be recognised in any order."""

    tracker: LanguageTracker
    recognised: list[_RecognisedChunk] = field(default_factory=list)
    pending: list[tuple[SpeechChunk, asyncio.Task[list[IdentifiedPhrase]]]] = field(default_factory=list)
    """Chunks that wait until their languages are decided."""

    def result(self, *, detect: bool, diarize: bool) -> Channel:
        """`detect`, `diarize`: whether the caller wants to know the channel's language, and its speakers."""
        self.recognised.sort(key=lambda each: each.place.start)
        parts = [each.words for each in self.recognised]
        labelled = with_speakers(parts) if diarize else [part.words for part in parts]
        words = tuple(_in_media_time(labelled, self.recognised))
        channel = Channel(Alternative(words))
        if detect:
            channel = detected_channel(words, list(_spoken_stretches(self.recognised)), self.tracker.choice)
        return replace(channel, unlabelled_seconds=unlabelled_seconds(words)) if diarize else channel


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
        self._diarize = options.diarize
        self._identify = self._detect or options.code_switching
        self._task = Task(
            model=model.name,
            language=base_language(options.language),
            quality=shared.quality,
            terms=options.terms,
        )
        tracker = LanguageTracker(language_choice(options, model))
        self._chunk_slots = asyncio.Semaphore(CHUNKS_PER_THREAD * shared.pool.threads)
        self._channels: defaultdict[int, _ChannelRun] = defaultdict(lambda: _ChannelRun(tracker))
        self._duration: float | None = None
        self._recognised = 0.0

    async def run(self, path: Path, caller: str) -> Transcript:
        self._caller = caller
        reader = self._shared.reader
        with stage("recognise"):
            async with asyncio.TaskGroup() as group, reader.read(path, self._decoding, caller) as pieces:
                with stage("decode"), self._shared.pool.announced(self._job):
                    end = await self._read(pieces, group)
                for number in list(self._channels):
                    await self._decide_languages(number, group)
        channels = [self._channels[number] for number in range(end.channels)]
        if self._diarize:
            # Of a long recording this takes a while: not on the loop that serves everybody.
            found = await asyncio.to_thread(self._results, channels)
        else:
            found = self._results(channels)
        return Transcript(end.duration, found, audio_warnings(end))

    async def _read(self, pieces: AsyncIterator[ReaderItem], group: asyncio.TaskGroup) -> AudioEnd:
        """Take in what the decoder brings, to its end; chunks are recognised meanwhile."""
        end = AudioEnd(channels=1, duration=0.0)
        async for piece in pieces:
            match piece:
                case AudioFacts():
                    self._duration = piece.duration
                    self._shared.progress.reach(self._job, 0.0, piece.duration)
                case SpeechChunk():
                    await self._on_chunk(piece, group)
                case AudioEnd():
                    end = piece
        return end

    def _results(self, channels: Iterable[_ChannelRun]) -> tuple[Channel, ...]:
        return tuple(each.result(detect=self._detect, diarize=self._diarize) for each in channels)

    async def _on_chunk(self, chunk: SpeechChunk, group: asyncio.TaskGroup) -> None:
        """Recognise a chunk, or let it wait until its languages are decided."""
        if not self._identify:
            await self._start_recognising(chunk, group)
            return
        channel = self._channels[chunk.channel]
        channel.pending.append((chunk, group.create_task(self._identified(chunk))))
        if len(channel.pending) == CHUNKS_TO_IDENTIFY:
            await self._decide_languages(chunk.channel, group)

    async def _identified(self, chunk: SpeechChunk) -> list[IdentifiedPhrase]:
        """The chunk's phrases; their languages are decided when neighbours are known too."""
        pool, phrases = self._shared.pool, phrases_of(chunk.samples)
        languages = await all_results(
            pool.identify(
                chunk.samples[phrase.start : phrase.end],
                self._task.model,
                Urgency.RECORDING,
                self._job,
                self._caller,
            )
            for phrase in phrases
        )
        return [IdentifiedPhrase(*pair) for pair in zip(phrases, languages, strict=True)]

    async def _decide_languages(self, number: int, group: asyncio.TaskGroup) -> None:
        """Decide the languages of a channel's chunks that wait; recognise each stretch in its own."""
        channel = self._channels[number]
        pending, channel.pending = channel.pending, []
        identified = [(chunk, await phrases) for chunk, phrases in pending]
        languages, channel.tracker = channel.tracker.decide([each for _, own in identified for each in own])
        following = iter(languages)
        for chunk, phrases in identified:
            for stretch in stretches_of(phrases, [next(following) for _ in phrases]):
                await self._start_recognising(chunk.part(stretch.start, stretch.end), group, stretch)

    async def _start_recognising(
        self, chunk: SpeechChunk, group: asyncio.TaskGroup, stretch: LanguageStretch | None = None
    ) -> None:
        """Recognise a chunk while reading goes on, but only a few chunks at once."""
        await self._chunk_slots.acquire()
        group.create_task(self._recognise_and_store(chunk, stretch))

    async def _recognise_and_store(self, chunk: SpeechChunk, stretch: LanguageStretch | None) -> None:
        try:
            voices = asyncio.ensure_future(self._voices(chunk))
            try:
                words = await self._recognise(chunk, stretch)
                self._store(chunk, RecognisedWords(words, await voices), stretch)
            finally:
                voices.cancel()
        finally:
            self._chunk_slots.release()

    async def _voices(self, chunk: SpeechChunk) -> tuple[Voice, ...] | None:
        """Who speaks in the chunk; None: it was not asked, or could not be found out. The words stay."""
        pool = self._shared.pool
        if not self._diarize or not pool.finds_voices:
            return None
        try:
            return await pool.find_voices(chunk.samples, Urgency.RECORDING, self._job, self._caller)
        except (EngineFailure, Misconfigured) as failure:
            problem("transcription.not_labelled", request_id=self._job, error=str(failure))
            return None

    async def _recognise(self, chunk: SpeechChunk, stretch: LanguageStretch | None) -> tuple[Word, ...]:
        task = self._task if stretch is None else replace(self._task, language=stretch.language)
        recognition = await self._shared.pool.recognise(
            chunk.samples, task, Urgency.RECORDING, self._job, self._caller
        )
        if stretch is None:
            return recognition.words
        return tuple(replace(word, language=stretch.language) for word in recognition.words)

    def _store(self, chunk: SpeechChunk, words: RecognisedWords, stretch: LanguageStretch | None) -> None:
        # Only its place in time is still needed: the samples must not fill the memory.
        place = replace(chunk, samples=_NO_SAMPLES)
        self._channels[chunk.channel].recognised.append(_RecognisedChunk(place, words, stretch))
        self._recognised = max(self._recognised, chunk.start + len(chunk.samples) / SAMPLE_RATE)
        self._shared.progress.reach(self._job, self._recognised, self._duration)


_NO_SAMPLES = np.empty(0, np.float32)


def _in_media_time(
    labelled: Iterable[Sequence[Word]], recognised: Iterable[_RecognisedChunk]
) -> Iterable[Word]:
    for words, each in zip(labelled, recognised, strict=True):
        for word in words:
            yield in_media_time(word, each.place)


def _spoken_stretches(recognised: Iterable[_RecognisedChunk]) -> Iterable[SpokenStretch]:
    for each in recognised:
        if each.stretch is not None:
            seconds = sum(word.end - word.start for word in each.words.words)
            yield SpokenStretch(seconds, each.stretch.language, each.stretch.probabilities)


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
