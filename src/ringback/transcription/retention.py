"""For how long things are kept once they have ended: first the contents go, later the record.

The documents of a recording and of its callbacks go `keep.results` after *their* end: a delivery that was
parked yesterday still has its body, although its transcription ended long before. What both share lies in one
blob, which goes with the last of them. The record (who asked what when, attempts) goes after `keep.history`.
Audio is the sweep's.

Crash anywhere here: blobs are deleted first, then the rows are stripped, then, much later, dropped. A row
that still names a deleted blob is met again in the next round, and until then is answered like one that is
stripped. A delivery that was asked for again in that very moment is parked as `body_lost`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from functools import partial
from typing import Protocol

import msgspec
from msgspec import structs

from ringback import telemetry
from ringback.blobs import BlobKey, BlobStore, StoredDocument, delete_all
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import order_of as delivery_of
from ringback.jobs.job import Job, JobId, State
from ringback.jobs.store import ChildrenByParent, JobReader, Stripped
from ringback.service import every
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import KIND as TRANSCRIBE
from ringback.transcription.request import audio_key, order_of, result_of

EVERY = 10.0
"""Seconds between two rounds."""

AGAIN = 1.0
"""Seconds until the next one, when a round reached its limit."""

AT_ONCE = 200
"""Jobs per question to the ledger; each may bring a document of 16 KB along."""

BATCHES = 25
"""Questions of one kind in a round: with `AGAIN`, some thousand jobs a second can be put away."""

FAMILY = 1_000
"""Deliveries of one request that are looked at before a blob goes that they may share. Where there are more
it stays, until the sweep of documents finds it without its request."""

LEAST_KEPT = 60.0
"""Seconds. A waiting caller has read the result by then, however short `keep.results` is."""


class RetentionStore(JobReader, ChildrenByParent, Protocol):
    """The ledger's side of retention."""

    async def ended(self, kind: str, seconds_ago: float, limit: int) -> list[Job]:
        """Jobs that ended at least so long ago and still have their contents, the longest ended first."""
        ...

    async def strip(self, jobs: Sequence[Stripped]) -> int:
        """Leave ended jobs with these contents from now on (`ended` no longer shows them); how many still
        were ended."""
        ...

    async def drop(self, seconds_ago: float, limit: int) -> int:
        """Forget up to `limit` jobs that ended at least so long ago, their attempts and idempotency keys
        with them; how many. A job stays while one that it is the parent of is there: children go first."""
        ...

    async def forget_usage(self, seconds_ago: float) -> None:
        """Forget what requests added up to in hours before then."""
        ...


class RetentionService:
    """A service that strips and drops; a ledger or a disk that fails does not end it."""

    name = "retention"

    def __init__(
        self,
        blobs: BlobStore,
        store: RetentionStore,
        *,
        keep_results: float,
        keep_history: float,
        keep_usage: float,
        requests: Sequence[str] = (TRANSCRIBE,),
    ) -> None:
        """`keep_results`, `keep_history`: seconds that contents, and all trace, stay after the end; and
        `keep_usage`: seconds that hourly sums stay.
        `requests`: the kinds of job that callers asked for, whose JSON is a transcription's."""
        self._blobs = blobs
        self._requests = requests
        self._store = store
        self._results = max(keep_results, LEAST_KEPT)
        self._history = max(keep_history, LEAST_KEPT)
        self._usage = max(keep_usage, LEAST_KEPT)

    async def run(self, stopping: asyncio.Event) -> None:
        async def one_round() -> float:
            try:
                return EVERY if await self.round(stopping) else AGAIN
            except Exception as error:
                # What is left over waits for the next round.
                telemetry.problem("retention.failed", error=str(error))
                return EVERY

        await every(EVERY, one_round, stopping)

    async def round(self, stopping: asyncio.Event) -> bool:
        """Put away what has had its time; False when the round ended at its limit."""
        steps: list[Callable[[], Awaitable[int]]] = [
            *(partial(self._strip_requests, kind) for kind in self._requests),
            self._strip_deliveries,
            self._strip_fetches,
            partial(self._store.drop, self._history, AT_ONCE),
        ]
        all_done = all([await _repeated(step, stopping) for step in steps])
        await self._store.forget_usage(self._usage)
        return all_done

    async def _strip_requests(self, kind: str) -> int:
        jobs = await self._store.ended(kind, self._results, AT_ONCE)
        followers = await self._store.children_of([job.id for job in jobs if _document_blob(job)], FAMILY)
        over = []
        for job in jobs:
            blob = _document_blob(job)
            if blob is not None and not _may_be_named_by(followers.get(job.id, ()), blob):
                over.append(blob)
            if job.state is State.PARKED:
                # It was kept for the case that the recording is asked for again.
                over.append(audio_key(job.id))
        await delete_all(self._blobs, over)
        await self._store.strip([_stripped_request(job) for job in jobs])
        return len(jobs)

    async def _strip_deliveries(self) -> int:
        jobs = await self._store.ended(DELIVER, self._results, AT_ONCE)
        with_blobs = {job.id: blob for job in jobs if (blob := delivery_of(job).body.key) is not None}
        if with_blobs:
            await self._delete_unless_needed(jobs, with_blobs)
        await self._store.strip([_stripped_delivery(job) for job in jobs])
        return len(jobs)

    async def _strip_fetches(self) -> int:
        """Why a fetch failed may quote its URL. A transcription that still waits fetches once more."""
        jobs = await self._store.ended(FETCH, self._results, AT_ONCE)
        await self._store.strip([Stripped(job.id, b"{}", None) for job in jobs])
        return len(jobs)

    async def _delete_unless_needed(self, jobs: Sequence[Job], blobs: Mapping[JobId, BlobKey]) -> None:
        """Delete the bodies of these deliveries that neither the transcription nor another delivery has."""
        going = {job.id for job in jobs}
        parents = {job.parent for job in jobs if job.id in blobs and job.parent is not None}
        families = await self._store.children_of(list(parents), FAMILY)
        over = []
        for job in jobs:
            blob = blobs.get(job.id)
            if blob is None:
                continue
            assert job.parent is not None
            parent = await self._store.get(job.parent)
            family = families.get(job.parent, ())
            if not _may_be_named_by(family, blob, going) and (
                parent is None or _document_blob(parent) != blob
            ):
                over.append(blob)
        await delete_all(self._blobs, over)


async def _repeated(step: Callable[[], Awaitable[int]], stopping: asyncio.Event) -> bool:
    """Whether nothing more was found before the limit, or the stop."""
    for _ in range(BATCHES):
        if stopping.is_set() or await step() < AT_ONCE:
            return True
    return False


def _document_blob(job: Job) -> BlobKey | None:
    return None if job.result is None else result_of(job.result).document.key


def _may_be_named_by(family: Sequence[Job], blob: BlobKey, but: Set[JobId] = frozenset()) -> bool:
    return len(family) == FAMILY or any(
        member.kind == DELIVER and delivery_of(member).body.key == blob
        for member in family
        if member.id not in but
    )


def _stripped_request(job: Job) -> Stripped:
    """Without its document, the caller's URLs and `extra`, and the way to its audio: it cannot be asked for
    again."""
    order = order_of(job.payload)
    options = structs.replace(order.options, extra={})
    order = structs.replace(order, options=options, audio=None, url=None, callback=None)
    result = job.result
    if result is not None:
        result = msgspec.json.encode(structs.replace(result_of(result), document=StoredDocument()))
    return Stripped(job.id, msgspec.json.encode(order), result)


def _stripped_delivery(job: Job) -> Stripped:
    """Without its body and its URL; where it went still stands in its lane."""
    order = structs.replace(delivery_of(job), url="", body=StoredDocument())
    return Stripped(job.id, msgspec.json.encode(order), job.result)
