"""The audio, or text, behind a `{"url": …}`, fetched by a job of its own before its transcription is queued.

A host that sends slowly so takes no place of recordings: fetches have their own, many, in fair shares of
projects and keys. Both jobs are in one sequence: the transcription is held until the fetch has ended, and
then finds its result: the audio's hash, or the failure with which the request is refused.

| step | if the process dies right after it |
|---|---|
| fetch and transcription are added, in one transaction | the fetch is found at the next start |
| the audio is written | it is fetched again, over the same blob |
| the fetch is settled, which queues the transcription | the transcription is found at the next start |
"""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ringback import telemetry
from ringback.blobs import BlobStore, StoredBlob, TooLarge
from ringback.clock import Clock
from ringback.egress.names import Requester
from ringback.errors import Failure, Refusal
from ringback.jobs.activity import Activity
from ringback.jobs.job import LOSSES_BEFORE_PARKING, Attempt, Done, Job, JobId, Lease, NewJob, Outcome, Retry
from ringback.jobs.store import JobCanceller, JobReader
from ringback.jobs.work_span import work_span
from ringback.listen.understanding_rules import MOST_TEXT_BYTES, too_long
from ringback.sealing import Seal
from ringback.telemetry.tracing import SpanKind
from ringback.transcription.faults import FAULT, report_fault, schedule_for
from ringback.transcription.refetch import delay_until_refetch
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import READ, TranscriptionOrder, audio_key, opened_url, order_of

KIND = "fetch"

MOST_FETCHED_TEXT_BYTES = 2 * MOST_TEXT_BYTES
"""UTF-16 takes up to twice as many as UTF-8."""

Fetch = Callable[[str, Requester], AsyncIterator[bytes]]
"""The bytes behind a URL, fetched for a project and key. Raises `Refusal` with Deepgram's messages
(`AudioNotFetched` where another try may help). `bootstrap` implements it with `egress`."""


class FetchEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a fetch: the hash of the blob under the request's audio key, or why there is none."""

    sha256: str | None = None
    status: int = 0
    err_code: str = ""
    err_msg: str = ""

    @property
    def failure(self) -> Failure:
        return Failure(self.status, self.err_code, self.err_msg)


def with_fetch(transcription: NewJob) -> list[NewJob]:
    """The transcription of a URL's audio, and before it the job that fetches the audio."""
    request_id = transcription.id
    fetch = NewJob(
        id=fetch_id(request_id),
        kind=KIND,
        lane=transcription.lane,
        project=transcription.project,
        payload=b"{}",
        parent=request_id,
        accessor=transcription.accessor,
        method=transcription.method,
        sequence=request_id,
    )
    return [fetch, replace(transcription, sequence=request_id)]


def fetch_id(request_id: JobId) -> JobId:
    """The id of the job that fetches a request's audio."""
    return JobId(str(uuid.uuid5(uuid.UUID(request_id), KIND)))


async def cancel_request(store: JobCanceller, request_id: JobId) -> bool:
    """End a request, and the fetch of its audio; False when the request had already ended or never was."""
    # In this order: the end of the fetch would send the transcription on its way.
    cancelled = await store.cancel(request_id)
    await store.cancel(fetch_id(request_id))
    return cancelled


async def fetched(store: JobReader, request_id: JobId) -> FetchEnd | None:
    """How the fetch for a request ended; None: there was none, or it is no longer known."""
    job = await store.get(fetch_id(request_id))
    return None if job is None or job.result is None else _END.decode(job.result)


@dataclass(frozen=True, slots=True)
class Fetching:
    """Brings a URL's audio into the blobs."""

    fetch: Fetch
    seal: Seal
    blobs: BlobStore
    upload_limit: int

    async def store(self, request: Job, order: TranscriptionOrder) -> StoredBlob:
        """Raises `Refusal` when the audio does not come, and `OSError` when it cannot be kept."""
        url = opened_url(order, request.id, self.seal)
        is_text = request.kind == READ
        limit = MOST_FETCHED_TEXT_BYTES if is_text else self.upload_limit
        chunks = self.fetch(url, Requester(request.project, request.accessor or ""))
        try:
            return await self.blobs.put(audio_key(request.id), chunks, limit)
        except TooLarge:
            if is_text:
                raise too_long() from None
            raise Refusal(413, "PAYLOAD_TOO_LARGE", "The audio behind the URL is too large.") from None


def with_activity(fetch: Fetch, activity: Activity) -> Fetch:
    """The same, with each piece that comes noted as activity."""

    async def fetch_with_activity(url: str, requester: Requester) -> AsyncIterator[bytes]:
        async for piece in fetch(url, requester):
            activity.note()
            yield piece

    return fetch_with_activity


class Fetcher:
    """Carries out one fetch per call. A fetch that fails is `Done` too: its transcription reports the
    failure."""

    def __init__(self, fetching: Fetching, store: JobReader, clock: Clock) -> None:
        self._fetching = fetching
        self._store = store
        self._clock = clock

    async def __call__(self, lease: Lease) -> Outcome:
        job = lease.job
        started_at = self._clock.now()
        try:
            outcome = await self._outcome(job)
        except Exception as error:
            outcome = _after_fault(job, error)
        name = "not_fetched"
        if isinstance(outcome, Done):
            name = "fetched" if outcome.code == 200 else "refused"
        return replace(outcome, attempt=Attempt(started_at, self._clock.now(), name))

    async def _outcome(self, job: Job) -> Done | Retry:
        assert job.parent is not None
        if job.losses >= LOSSES_BEFORE_PARKING - 1:
            # One crash more, and both jobs are parked with no response at all: give one now.
            telemetry.problem("transcription.poisonous", request_id=job.parent, losses=job.losses)
            return _failed(FAULT)
        request = await self._store.get(job.parent)
        if request is None:
            return Done(code=200)
        order = order_of(request.payload)
        if order.url is None:
            return Done(code=200)  # it was cancelled long ago, and has no contents any more
        try:
            with work_span("fetch", SpanKind.CLIENT, job, order.trace, self._clock.now()):
                stored = await self._fetching.store(request, order)
        except AudioNotFetched as failed:
            return fetched_again(failed, job, order) or _failed(failed.failure)
        except Refusal as refusal:
            return _failed(refusal.failure)
        return Done(code=200, result=msgspec.json.encode(FetchEnd(stored.sha256)))


def fetched_again(failed: AudioNotFetched, job: Job, order: TranscriptionOrder) -> Retry | None:
    """The next try at audio that did not come; None: this was the last."""
    delay = delay_until_refetch(job.tries + 1, failed.retry_after, caller_waits=order.callback is None)
    telemetry.problem(
        "transcription.not_fetched",
        request_id=job.parent or job.id,
        tries=job.tries + 1,
        again_in=delay,
        reason=failed.reason,
    )
    return None if delay is None else Retry(delay)


def _after_fault(job: Job, error: Exception) -> Done | Retry:
    delay = schedule_for(error).delay_after(job.tries + 1)
    report_fault(job, error, delay)
    return _failed(FAULT) if delay is None else Retry(delay)


def _failed(failure: Failure) -> Done:
    end = FetchEnd(None, failure.status, failure.err_code, failure.err_msg)
    return Done(code=failure.status, result=msgspec.json.encode(end))


_END = msgspec.json.Decoder(FetchEnd)
