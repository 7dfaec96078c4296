"""The job handler for a text: text → sentences → what is understood → document → what follows."""

import asyncio

from ringback import telemetry
from ringback.blobs import BlobStore
from ringback.clock import Clock
from ringback.errors import Failure, Refusal
from ringback.jobs.job import Attempt, Job, Retry
from ringback.jobs.store import JobReader
from ringback.listen.read_results import read_document
from ringback.listen.understanding_parts import Understood
from ringback.listen.understanding_rules import check_served
from ringback.retry_schedule import RetrySchedule
from ringback.transcription.fetch import Fetching, fetched_again
from ringback.transcription.handling import CallerResponse, RequestHandler, error_response
from ringback.transcription.recordings import Recordings
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import TranscriptionOrder
from ringback.transcription.written_text import decode_text, sentences_of
from ringback.understanding.text import NumberedSentence
from ringback.understanding.understand import Understanding

MODEL_DELAYS = RetrySchedule((5.0, 30.0, 120.0, 600.0))
"""Seconds between tries of a text of which nothing was understood because the language model failed. Only
with a callback: a waiting caller is told at once."""


class TextReader(RequestHandler):
    """Carries out one `read` job per call."""

    done = "read"
    stage = "read"

    def __init__(
        self,
        *,
        store: JobReader,
        fetching: Fetching,
        blobs: BlobStore,
        clock: Clock,
        understanding: Understanding,
    ) -> None:
        super().__init__(blobs, clock)
        self._texts = Recordings(store, fetching, blobs)
        self._understanding = understanding

    async def _response(self, job: Job, order: TranscriptionOrder) -> CallerResponse | Retry:
        started_at = self._clock.now()
        try:
            check_served(order.options, has_model=self._understanding.has_model)
            sentences = await self._sentences(job, order)
        except AudioNotFetched as failed:
            return fetched_again(failed, job, order) or error_response(failed.failure, job)
        except Refusal as refusal:
            return error_response(refusal.failure, job)
        understood = await self._understanding.understand(sentences, order.options, job.lane)
        if understood.is_empty:
            return self._without_model(job, order, understood, started_at)
        document = await asyncio.to_thread(read_document, job.id, job.created_at, order.options, understood)
        tokens = understood.tokens
        return CallerResponse(200, document, input_tokens=tokens.input, output_tokens=tokens.output)

    async def _sentences(self, job: Job, order: TranscriptionOrder) -> list[NumberedSentence]:
        """Raises `Refusal`, and `AudioNotFetched` where the text may come later."""
        async with self._texts.open_recording(job, order) as stored:
            # A long text is half a second of pure Python: not on the loop that serves everybody.
            return await asyncio.to_thread(lambda: sentences_of(decode_text(stored.path.read_bytes())))

    def _without_model(
        self, job: Job, order: TranscriptionOrder, understood: Understood, started_at: float
    ) -> CallerResponse | Retry:
        """Only what needs the language model was asked for, and it failed."""
        delay = None if order.callback is None else MODEL_DELAYS.delay_after(job.tries + 1)
        telemetry.problem("read.nothing_understood", request_id=job.id, tries=job.tries + 1, again_in=delay)
        if delay is not None:
            return Retry(delay, attempt=Attempt(started_at, self._clock.now(), "not_understood"))
        why = " ".join(warning.message for warning in understood.warnings if warning.type == "failed")
        then = _TRY_AGAIN if order.callback is None else f"It was tried {job.tries + 1} times."
        return error_response(Failure(500, "Internal Server Error", f"{why} {then}"), job)

    def _report_end(
        self,
        job: Job,
        order: TranscriptionOrder,
        response: CallerResponse,
        since_accepted: float,
        seconds: float,
    ) -> None:
        telemetry.event(
            "read.ended",
            request_id=job.id,
            project=job.project,
            key=job.accessor,
            method=job.method,
            status=response.status,
            source="url" if order.audio is None else "upload",
            input_tokens=response.input_tokens,
            output_tokens=response.output_tokens,
            seconds=round(seconds, 3),
            seconds_since_accepted=round(since_accepted, 3),
        )


_TRY_AGAIN = "Try again later, or with `callback`: then the server tries again by itself."
