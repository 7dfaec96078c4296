"""The job handler for a recording: audio → speech → recogniser → features → document → what follows.

If the process dies anywhere in here, another claim starts from the top (`handling`); audio that is fetched
from a URL is written under a key of the request's own, too.
"""

import asyncio
from dataclasses import replace

from ringback import telemetry
from ringback.audio.reader import AudioReader
from ringback.blobs import BlobStore
from ringback.clock import Clock
from ringback.engines.base import ModelInfo, Quality
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.engines.voices import diarizer
from ringback.errors import EngineFailure, Refusal
from ringback.features.finish import Finished, finish
from ringback.jobs.job import Interrupted, Job, Lease, Outcome, Retry
from ringback.jobs.store import JobReader
from ringback.listen import results
from ringback.listen.json_parts import SentimentOfWords
from ringback.listen.options import ListenOptions
from ringback.listen.understanding_parts import Understood
from ringback.quota import AudioQuota, Holder, seconds_to_tomorrow
from ringback.telemetry.tracing import stage
from ringback.transcription.faults import FAULT
from ringback.transcription.fetch import Fetching, fetched_again
from ringback.transcription.handling import CallerResponse, RequestHandler, error_response
from ringback.transcription.model import model_for
from ringback.transcription.names import find_names
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser
from ringback.transcription.recordings import Recordings
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import TranscriptionOrder
from ringback.transcription.understanding import understand_recording
from ringback.understanding.understand import Understanding

QUOTA_CHECK_SECONDS = 600.0
"""A recording that waits for tomorrow looks again so often whether its limit was raised."""


class Transcriber(RequestHandler):
    """Carries out one transcription job per call."""

    done = "transcribed"
    stage = "transcribe"

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
        super().__init__(blobs, clock)
        self._recogniser = RecordingRecogniser(reader, pool, progress, quality)
        self._recordings = Recordings(store, fetching, blobs)
        self._pool = pool
        self._catalogue = catalogue
        self._progress = progress
        self._quota = quota
        self._understanding = understanding

    async def __call__(self, lease: Lease) -> Outcome:
        try:
            return await super().__call__(lease)
        finally:
            self._progress.end(lease.job.id)

    async def _response(self, job: Job, order: TranscriptionOrder) -> CallerResponse | Retry | Interrupted:
        """`Interrupted`: no audio is left today."""
        if order.counts_audio and (over_quota := await self._over_quota(job)):
            return over_quota
        try:
            return await self._transcribe(job, order)
        except AudioNotFetched as failed:
            return fetched_again(failed, job, order) or error_response(failed.failure, job)
        except Refusal as refusal:
            recognised = self._progress.recognised_here(job.id)
            return replace(error_response(refusal.failure, job), counted_seconds=recognised)
        except EngineFailure as failure:
            telemetry.problem("transcription.engine_failed", request_id=job.id, error=str(failure))
            return error_response(FAULT, job)

    async def _over_quota(self, job: Job) -> CallerResponse | Interrupted | None:
        """None while the job's key and project have audio left today."""
        refusal = await self._quota.refusal_now(Holder(job.project, job.accessor or ""))
        if refusal is None:
            return None
        if job.method == "sync":
            return error_response(refusal.failure, job)
        # A callback can wait: until tomorrow, or until the limit is raised.
        return Interrupted(min(QUOTA_CHECK_SECONDS, seconds_to_tomorrow(self._clock.now())))

    async def _transcribe(self, job: Job, order: TranscriptionOrder) -> CallerResponse:
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
        with stage("format"):
            names = await find_names(transcript, options, self._pool, job.id, job.lane)
            # A ten-hour transcript is a second of pure Python: not on the loop that serves everybody.
            finished = await asyncio.to_thread(finish, transcript, options, names)
            understood = await understand_recording(finished, options, self._understanding, job.lane)
            document = await asyncio.to_thread(_document, finished, options, metadata, understood)
        duration, channels = transcript.duration, len(transcript.channels)
        tokens = understood[0].tokens
        return CallerResponse(
            200, document, duration, channels, model.uuid, duration * channels, tokens.input, tokens.output
        )

    def _model(self, order: TranscriptionOrder) -> ModelInfo:
        """The model that was promised; where it is gone since, the one that the options resolve to today."""
        for model in self._catalogue.models():
            if model.name == order.model:
                return model
        return model_for(order.options, self._catalogue)

    def _report_end(
        self,
        job: Job,
        order: TranscriptionOrder,
        response: CallerResponse,
        since_accepted: float,
        seconds: float,
    ) -> None:
        if response.status == 200:
            telemetry.AUDIO_SECONDS.inc(response.duration)
            telemetry.REAL_TIME_FACTOR.observe(response.duration / max(seconds, 0.001))
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
