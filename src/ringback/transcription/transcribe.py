"""The job handler for a recording: audio → speech → recogniser → features → document → what follows.

If the process dies anywhere in here, the job's lease is lost and another claim starts it from the top:
nothing is written but the audio fetched from a URL and the document, both under keys of the request's
own, so that a second run overwrites what the first one left.
"""

import asyncio
from dataclasses import dataclass, replace

import msgspec

from ringback import telemetry
from ringback.audio.reader import AudioReader
from ringback.blobs import BlobStore, StoredDocument, StoreUnreachable, store_document
from ringback.callbacks.delivery import DeliveryOrder
from ringback.callbacks.delivery import order_job as delivery_job
from ringback.clock import Clock
from ringback.engines.base import ModelInfo, Quality
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.engines.voices import diarizer
from ringback.errors import EngineFailure, Failure, Refusal
from ringback.features.finish import Finished, finish
from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Attempt,
    Done,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
)
from ringback.jobs.store import JobReader
from ringback.listen import results
from ringback.listen.json_parts import SentimentOfWords
from ringback.listen.options import ListenOptions
from ringback.listen.understanding_parts import Understood
from ringback.quota import AudioQuota, Holder, seconds_to_tomorrow
from ringback.transcription.faults import FAULT, report_fault, schedule_for
from ringback.transcription.fetch import Fetching, fetched_again
from ringback.transcription.model import model_for
from ringback.transcription.names import find_names
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser
from ringback.transcription.recordings import Recordings
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import (
    TranscriptionOrder,
    TranscriptionResult,
    document_key,
    order_of,
)
from ringback.transcription.understanding import understand_recording
from ringback.understanding.understand import Understanding

BLOB_STORE_DELAYS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds between tries to store a finished document, before the whole job is tried again later."""

QUOTA_CHECK_SECONDS = 600.0
"""A recording that waits for tomorrow looks again so often whether its limit was raised."""


@dataclass(frozen=True, slots=True)
class _Response:
    """What the caller gets, whether it waits or is called back."""

    status: int
    document: bytes
    duration: float = 0.0
    """Seconds of audio."""
    channels: int = 0
    model: str | None = None
    """The uuid of the model that ran."""
    counted_seconds: float = 0.0
    """Seconds of audio that count against daily limits: those that were worked on, of every channel."""


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
        understanding: Understanding,
    ) -> None:
        self._recogniser = RecordingRecogniser(reader, pool, progress, quality)
        self._recordings = Recordings(store, fetching, blobs)
        self._pool = pool
        self._catalogue = catalogue
        self._blobs = blobs
        self._progress = progress
        self._clock = clock
        self._quota = quota
        self._understanding = understanding

    async def __call__(self, lease: Lease) -> Outcome:
        """Make the response, store its document, end the job with its delivery."""
        job = lease.job
        order = order_of(job.payload)
        started_at = self._clock.now()
        try:
            response = await self._response(job, order)
            if isinstance(response, Interrupted):
                return response
            if isinstance(response, Retry):
                return replace(response, attempt=Attempt(started_at, self._clock.now(), "not_fetched"))
            stored = await self._store_document(job.id, response.document)
        except Exception as error:
            delay = schedule_for(error).delay_after(job.tries + 1)
            report_fault(job, error, delay)
            if delay is not None:
                return Retry(delay, attempt=Attempt(started_at, self._clock.now(), "failed"))
            response = _error_response(FAULT, job)
            # Small enough for the job's row: this works without a blob store.
            stored = await store_document(self._blobs, document_key(job.id), response.document)
        finally:
            self._progress.end(job.id)
        return self._done(job, order, response, stored, started_at)

    async def _response(self, job: Job, order: TranscriptionOrder) -> _Response | Retry | Interrupted:
        """The response, good or bad. Or `Retry`: the audio is to be fetched again; or `Interrupted`: no audio
        is left today. Raises for faults of ours that may pass."""
        if job.losses >= LOSSES_BEFORE_PARKING - 1:
            # One crash more, and the job is parked with no response at all: give one now.
            telemetry.problem("transcription.poisonous", request_id=job.id, losses=job.losses)
            return _error_response(FAULT, job)
        if order.counts_audio and (over_quota := await self._over_quota(job)):
            return over_quota
        try:
            return await self._transcribe(job, order)
        except AudioNotFetched as failed:
            return fetched_again(failed, job, order) or _error_response(failed.failure, job)
        except Refusal as refusal:
            recognised = self._progress.recognised_here(job.id)
            return replace(_error_response(refusal.failure, job), counted_seconds=recognised)
        except EngineFailure as failure:
            telemetry.problem("transcription.engine_failed", request_id=job.id, error=str(failure))
            return _error_response(FAULT, job)

    async def _over_quota(self, job: Job) -> _Response | Interrupted | None:
        """None while the job's key and project have audio left today."""
        refusal = await self._quota.refusal_now(Holder(job.project, job.accessor or ""))
        if refusal is None:
            return None
        if job.method == "sync":
            return _error_response(refusal.failure, job)
        # A callback can wait: until tomorrow, or until the limit is raised.
        return Interrupted(min(QUOTA_CHECK_SECONDS, seconds_to_tomorrow(self._clock.now())))

    async def _transcribe(self, job: Job, order: TranscriptionOrder) -> _Response:
        """Raises `AudioNotFetched` and `Refusal` for bad audio, `EngineFailure` for a fault of ours."""
        options, model = order.options, self._model(order)
        async with self._recordings.open_recording(job, order) as recording:
            transcript = await self._recogniser.recognise_recording(
                recording.path, job.id, options, model, job.lane
            )
        metadata = results.ResultMetadata(
            request_id=job.id,
            sha256=recording.sha256,
            created=job.created_at,
            models=(results.ModelMetadata(model.uuid, model.name, model.version, model.arch),),
            diarizer=diarizer(options, live=False) if self._pool.finds_voices else None,
        )
        names = await find_names(transcript, options, self._pool, job.id, job.lane)
        # A ten-hour transcript is a second of pure Python: not on the loop that serves everybody.
        finished = await asyncio.to_thread(finish, transcript, options, names)
        understood = await understand_recording(finished, options, self._understanding)
        document = await asyncio.to_thread(_document, finished, options, metadata, understood)
        duration, channels = transcript.duration, len(transcript.channels)
        return _Response(200, document, duration, channels, model.uuid, duration * channels)

    def _model(self, order: TranscriptionOrder) -> ModelInfo:
        """The model that was promised; where it is gone since, the one that the options resolve to today."""
        for model in self._catalogue.models():
            if model.name == order.model:
                return model
        return model_for(order.options, self._catalogue)

    async def _store_document(self, job_id: JobId, document: bytes) -> StoredDocument:
        """Waits while the blob store cannot be reached: a new try of the job may be hours of work."""
        for delay in BLOB_STORE_DELAYS:
            try:
                return await store_document(self._blobs, document_key(job_id), document)
            except StoreUnreachable as error:
                telemetry.problem(
                    "transcription.not_kept", request_id=job_id, error=str(error), again_in=delay
                )
            await asyncio.sleep(delay)
        return await store_document(self._blobs, document_key(job_id), document)

    def _done(
        self,
        job: Job,
        order: TranscriptionOrder,
        response: _Response,
        stored: StoredDocument,
        started_at: float,
    ) -> Done:
        """The end of the job, with the delivery that follows from it in the same transaction."""
        ended_at = self._clock.now()
        _report_end(job, order, response, ended_at - job.created_at, ended_at - started_at)
        outcome = "transcribed" if response.status == 200 else "refused"
        return Done(
            code=response.status,
            result=msgspec.json.encode(
                TranscriptionResult(stored, response.duration, response.channels, response.model)
            ),
            follow_ups=_deliveries(job, order, response.status, stored),
            attempt=Attempt(started_at, ended_at, outcome, response.status),
            audio_seconds=response.counted_seconds if order.counts_audio else 0.0,
        )


def _document(
    finished: Finished,
    options: ListenOptions,
    metadata: results.ResultMetadata,
    understood: tuple[Understood, SentimentOfWords],
) -> bytes:
    return results.result_document(
        finished.transcript,
        options,
        metadata,
        utterances=finished.utterances,
        paragraphs=finished.paragraphs,
        entities=finished.entities,
        search=finished.search,
        understood=understood[0],
        sentiment=understood[1],
    )


def _error_response(failure: Failure, job: Job) -> _Response:
    return _Response(failure.status, results.error_body(failure, job.id))


def _deliveries(
    job: Job, order: TranscriptionOrder, status: int, document: StoredDocument
) -> tuple[NewJob, ...]:
    """None or one: the callback."""
    if order.callback is None:
        return ()
    delivery = DeliveryOrder(
        request_id=job.id,
        url=order.callback,
        method=order.options.callback_method,
        status=status,
        key_id=job.accessor,
        body=document,
        schedule=order.options.callback_schedule,
        origin=order.callback_origin,
        accepted_at=job.created_at,
    )
    return (delivery_job(delivery, project=job.project, accessor=job.accessor, tags=job.tags),)


def _report_end(
    job: Job, order: TranscriptionOrder, response: _Response, since_accepted: float, seconds: float
) -> None:
    """The canonical event of one transcription."""
    if response.status == 200:
        telemetry.AUDIO_SECONDS.inc(response.duration)
        telemetry.REAL_TIME_FACTOR.observe(response.duration / max(seconds, 0.001))
    if order.callback is not None:
        telemetry.CALLBACK_SECONDS.labels("wait").observe(max(0.0, since_accepted - seconds))
        telemetry.CALLBACK_SECONDS.labels("transcribe").observe(seconds)
    telemetry.event(
        "transcription.ended",
        request_id=job.id,
        project=job.project,
        key=job.accessor,
        method=job.method,
        status=response.status,
        model=order.model,
        source="url" if order.audio is None else "upload",
        audio_seconds=round(response.duration, 3),
        channels=response.channels,
        seconds=round(seconds, 3),
        seconds_since_accepted=round(since_accepted, 3),
    )
