"""The job handler for a recording: audio → speech → recogniser → features → document → what follows.

If the process dies anywhere in here, the job's lease is lost and another claim starts it from the top:
nothing is written but the audio fetched from a URL and the document, both under keys of the request's
own, so that a second run overwrites what the first one left.
"""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ringback import telemetry
from ringback.audio.reader import AudioReader
from ringback.blobs import BlobKey, BlobStore, StoredDocument, StoreUnreachable, store_document
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.clock import Clock
from ringback.engines.base import ModelInfo, Quality
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.errors import EngineFailure, Failure, Refusal
from ringback.features.finish import finish
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Attempt,
    Done,
    Interrupted,
    Job,
    Lease,
    NewJob,
    Outcome,
    Retry,
)
from ringback.jobs.store import JobReader
from ringback.listen import results
from ringback.listen.options import ListenOptions
from ringback.quota import AudioQuota, Holder, seconds_to_tomorrow
from ringback.transcript import NamedSpan, Transcript
from ringback.transcription.faults import FAULT, RecordingLost, report_fault, schedule_for
from ringback.transcription.fetch import Fetching, fetched, fetched_again
from ringback.transcription.model import model_for
from ringback.transcription.names import find_names
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import (
    TranscriptionOrder,
    TranscriptionResult,
    audio_key,
    document_key,
    order_of,
)

WHILE_BLOBS_ARE_AWAY = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds between tries to keep a finished document, before the whole job is tried again later."""

UNTIL_ASKED_AGAIN = 600.0
"""Seconds after which a recording that waits for tomorrow looks whether its limit was raised."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the caller gets, whether it waits or is called back."""

    status: int
    document: bytes
    duration: float = 0.0
    channels: int = 0
    model: str | None = None
    heard: float = 0.0
    """Seconds of audio that were worked on, every channel counted."""


class Transcriber:
    """Carries out one transcription job per call; many run at once."""

    def __init__(
        self,
        *,
        reader: AudioReader,
        pool: EnginePool,
        catalogue: ModelCatalogue,
        store: JobReader,
        fetching: Fetching,
        blobs: BlobStore,
        progress: Progress,
        clock: Clock,
        quality: Quality,
        quota: AudioQuota,
    ) -> None:
        self._recogniser = RecordingRecogniser(reader, pool, progress, quality)
        self._pool = pool
        self._catalogue = catalogue
        self._store = store
        self._fetching = fetching
        self._blobs = blobs
        self._progress = progress
        self._clock = clock
        self._quota = quota

    async def __call__(self, lease: Lease) -> Outcome:
        job = lease.job
        order = order_of(job.payload)
        started_at = self._clock.now()
        try:
            answer = await self._answer(job, order)
            if isinstance(answer, Interrupted):
                return answer
            if isinstance(answer, Retry):
                return self._recorded(answer, started_at)
            kept = await self._kept(job, answer)
        except Exception as error:
            delay = schedule_for(error).delay_after(job.tries + 1)
            report_fault(job, error, delay)
            if delay is not None:
                return Retry(delay, attempt=Attempt(started_at, self._clock.now(), "failed"))
            # The caller must hear of it in the end. This document is small: it needs no blob.
            answer = _refused(FAULT, job)
            kept = await store_document(self._blobs, document_key(job.id), answer.document)
        finally:
            self._progress.end(job.id)
        return self._end(job, order, answer, kept, started_at)

    async def _answer(self, job: Job, order: TranscriptionOrder) -> _Answer | Retry | Interrupted:
        """What the caller is to hear, good or bad, or when its audio is fetched again, or when its recording
        may be heard; raises for what may pass otherwise."""
        if job.losses >= LOSSES_BEFORE_PARKING - 1:
            # One crash more and the job would be parked, with nobody told: say now that it failed.
            telemetry.problem("transcription.poisonous", request_id=job.id, losses=job.losses)
            return _refused(FAULT, job)
        if order.counts_audio and (used_up := await self._used_up(job)):
            return used_up
        try:
            return await self._transcribe(job, order)
        except AudioNotFetched as failed:
            return fetched_again(failed, job, order) or _refused(failed.failure, job)
        except Refusal as refusal:
            return replace(_refused(refusal.failure, job), heard=self._progress.here(job.id))
        except EngineFailure as failure:
            telemetry.problem("transcription.engine_failed", request_id=job.id, error=str(failure))
            return _refused(FAULT, job)

    async def _used_up(self, job: Job) -> _Answer | Interrupted | None:
        """None while its key and project have audio left today. Else who waits for the answer hears so now,
        and what is called back is heard tomorrow, or when the limit is raised."""
        refusal = await self._quota.refusal_now(Holder(job.project, job.accessor or ""))
        if refusal is None:
            return None
        if job.method == "sync":
            return _refused(refusal.failure, job)
        return Interrupted(min(UNTIL_ASKED_AGAIN, seconds_to_tomorrow(self._clock.now())))

    async def _kept(self, job: Job, answer: _Answer) -> StoredDocument:
        """The document, kept. Blobs that are away for a while are waited for: else hours of work would be
        done again for want of a moment."""
        for pause in WHILE_BLOBS_ARE_AWAY:
            try:
                return await store_document(self._blobs, document_key(job.id), answer.document)
            except StoreUnreachable as error:
                telemetry.problem(
                    "transcription.not_kept", request_id=job.id, error=str(error), again_in=pause
                )
            await asyncio.sleep(pause)
        return await store_document(self._blobs, document_key(job.id), answer.document)

    async def _transcribe(self, job: Job, order: TranscriptionOrder) -> _Answer:
        model = self._model(order)
        async with self._audio(job, order) as (path, sha256):
            try:
                transcript = await self._recogniser.recognise_recording(
                    path, job.id, order.options, model, job.lane
                )
            except (Refusal, FileNotFoundError):
                # Is the audio bad, or is it no longer the audio that was accepted?
                await asyncio.to_thread(_must_be_intact, path, sha256)
                raise
        facts = results.ResultMetadata(
            request_id=job.id,
            sha256=sha256,
            created=job.created_at,
            models=(results.ModelMetadata(model.uuid, model.name, model.version, model.arch),),
        )
        names = await find_names(transcript, order.options, self._pool, job.id, job.lane)
        # A ten-hour transcript is a second of pure Python: not on the loop that serves everybody.
        document = await asyncio.to_thread(_document, transcript, order.options, facts, names)
        duration, channels = transcript.duration, len(transcript.channels)
        return _Answer(200, document, duration, channels, model.uuid, duration * channels)

    @asynccontextmanager
    async def _audio(self, job: Job, order: TranscriptionOrder) -> AsyncIterator[tuple[Path, str]]:
        """The recording as a local file, and its hash. Raises `RecordingLost` when it is not there."""
        key, sha256 = order.audio, order.sha256
        if key is None or sha256 is None:
            key, sha256 = audio_key(job.id), await self._fetched(job, order)
        async with self._local(key) as path:
            yield path, sha256

    @asynccontextmanager
    async def _local(self, key: BlobKey) -> AsyncIterator[Path]:
        async with AsyncExitStack() as stack:
            try:
                path = await stack.enter_async_context(self._blobs.local(key))
            except (KeyError, FileNotFoundError):
                raise _lost() from None
            yield path

    async def _fetched(self, job: Job, order: TranscriptionOrder) -> str:
        """The hash of the audio that was fetched for this request; raises `Refusal` if it did not come."""
        end = await fetched(self._store, job.id)
        if end is None:
            # Accepted by a version that had no job for it, or so long ago that the fetch is forgotten.
            return (await self._fetching.store(job, order)).sha256
        if end.sha256 is None:
            failure = end.failure
            raise Refusal(failure.status, failure.err_code, failure.err_msg)
        return end.sha256

    def _recorded(self, again: Retry, started_at: float) -> Retry:
        return replace(again, attempt=Attempt(started_at, self._clock.now(), "not_fetched"))

    def _model(self, order: TranscriptionOrder) -> ModelInfo:
        """The model that was promised; where it is gone since, the one that answers to the request today."""
        for model in self._catalogue.models():
            if model.name == order.model:
                return model
        return model_for(order.options, self._catalogue)

    def _end(
        self, job: Job, order: TranscriptionOrder, answer: _Answer, kept: StoredDocument, started_at: float
    ) -> Done:
        """The end of the job, with the delivery that follows from it in the same transaction."""
        ended_at = self._clock.now()
        _report(job, order, answer, ended_at - job.created_at, ended_at - started_at)
        return Done(
            code=answer.status,
            result=msgspec.json.encode(
                TranscriptionResult(kept, answer.duration, answer.channels, answer.model)
            ),
            follow_ups=_deliveries(job, order, answer, kept),
            attempt=Attempt(
                started_at, ended_at, "transcribed" if answer.status == 200 else "refused", answer.status
            ),
            audio_seconds=answer.heard if order.counts_audio else 0.0,
        )


def _must_be_intact(path: Path, sha256: str) -> None:
    """Raises `RecordingLost` where the file is gone, or holds other bytes than were accepted."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise _lost() from None
    if found != sha256:
        raise RecordingLost(errno.EIO, "the recording in the blob store is not the one that was accepted")


def _lost() -> RecordingLost:
    return RecordingLost(errno.ENOENT, "the recording is not in the blob store")


def _document(
    heard: Transcript,
    options: ListenOptions,
    facts: results.ResultMetadata,
    names: Sequence[Sequence[NamedSpan]] | None,
) -> bytes:
    finished = finish(heard, options, names)
    return results.result_document(
        finished.transcript,
        options,
        facts,
        utterances=finished.utterances,
        paragraphs=finished.paragraphs,
        entities=finished.entities,
        search=finished.search,
    )


def _deliveries(
    job: Job, order: TranscriptionOrder, answer: _Answer, body: StoredDocument
) -> tuple[NewJob, ...]:
    if order.callback is None:
        return ()
    delivery = DeliveryOrder(
        request_id=job.id,
        url=order.callback,
        method=order.options.callback_method,
        status=answer.status,
        key_id=job.accessor,
        body=body,
        schedule=order.options.callback_schedule,
        origin=order.callback_origin,
    )
    return (delivery_job(delivery, project=job.project, accessor=job.accessor, tags=job.tags),)


def _refused(failure: Failure, job: Job) -> _Answer:
    return _Answer(failure.status, results.error_body(failure, job.id))


def _report(job: Job, order: TranscriptionOrder, answer: _Answer, waited: float, worked: float) -> None:
    """The canonical event of one transcription."""
    if answer.status == 200:
        telemetry.AUDIO_SECONDS.inc(answer.duration)
        telemetry.REAL_TIME_FACTOR.observe(answer.duration / max(worked, 0.001))
    telemetry.event(
        "transcription.ended",
        request_id=job.id,
        project=job.project,
        key=job.accessor,
        method=job.method,
        status=answer.status,
        model=order.model,
        source="url" if order.audio is None else "upload",
        audio_seconds=round(answer.duration, 3),
        channels=answer.channels,
        seconds=round(worked, 3),
        seconds_since_accepted=round(waited, 3),
    )
