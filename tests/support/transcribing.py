"""The transcription handler over a real ledger, blobs and engine, for tests that hand it one job."""

import asyncio
import errno
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ringback.audio.reader import AudioReader
from ringback.blobs import (
    FolderBlobStore,
    read_document,
)
from ringback.egress.names import Requester
from ringback.engines.base import Quality
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.errors import Failure, Refusal
from ringback.jobs.job import (
    Done,
    Job,
    JobId,
    Lease,
    NewJob,
)
from ringback.listen.options import ListenOptions
from ringback.quota import AudioQuota, DailyLimits
from ringback.storage.sqlite import SqliteLedger
from ringback.transcription.fetch import Fetcher, Fetching
from ringback.transcription.progress import Progress
from ringback.transcription.remote import AudioNotFetched
from ringback.transcription.request import (
    KIND,
    TranscriptionOrder,
    result_of,
)
from ringback.transcription.transcribe import Transcriber
from ringback.understanding.understand import Understanding
from support.clock import ManualClock
from support.orders import job_of
from support.sealing import SEAL

AUDIO = b"no audio at all"
CALLBACK = "https://user:secret@example.com/hook?token=1"


@dataclass
class Setup:
    """The handler over a real ledger and real blobs; these requests end before they reach its engine."""

    ledger: SqliteLedger
    blobs: FolderBlobStore
    clock: ManualClock
    transcriber: Transcriber
    fetcher: Fetcher

    async def accepted(self, order: TranscriptionOrder) -> Lease:
        """A job for this order, claimed."""
        await self.ledger.add([job_for(order)])
        (lease,) = await self.ledger.claim(KIND, 1, 60)
        return lease


async def refused_fetch(url: str, _: Requester) -> AsyncIterator[bytes]:
    if "full" in url:
        raise OSError(errno.ENOSPC, "no space left, and a secret in the text")
    if "odd" in url:
        raise ZeroDivisionError
    if "busy" in url:
        failure = Failure(400, "REMOTE_CONTENT_ERROR", "it answered 503")
        raise AudioNotFetched(failure, "it answered 503", 40.0 if "asks" in url else None)
    if url:
        raise Refusal(400, "REMOTE_CONTENT_ERROR", f"not from {url}")
    yield AUDIO


def limited(callback: str | None = None) -> TranscriptionOrder:
    return TranscriptionOrder(
        ListenOptions(), "tiny.en", url="https://x.com", callback=callback, counts_audio=True
    )


def job_for(order: TranscriptionOrder) -> NewJob:
    return job_of(order, JobId(str(uuid.uuid4())), SEAL, project="p", accessor="key")


@asynccontextmanager
async def ended_with(reader: AudioReader) -> AsyncIterator[None]:
    try:
        yield
    finally:
        stopping = asyncio.Event()
        stopping.set()
        await reader.run(stopping)


@asynccontextmanager
async def setup_in(folder: Path, clock: ManualClock) -> AsyncIterator[Setup]:
    ledger = await SqliteLedger.open(folder / "ringback.db", clock, serving=True)
    blobs = FolderBlobStore(folder / "blobs", clock)
    fetching = Fetching(refused_fetch, SEAL, blobs, 1_000)
    reader = AudioReader(children=1)
    async with ledger, ended_with(reader):
        yield Setup(
            ledger,
            blobs,
            clock,
            Transcriber(
                reader=reader,
                pool=EnginePool(EngineSetup("none", str(folder), 1, "cpu", "default")),
                catalogue=ModelCatalogue("tiny.en", folder / "models"),
                store=ledger,
                fetching=fetching,
                blobs=blobs,
                progress=Progress(),
                clock=clock,
                quality=Quality.FAST,
                quota=AudioQuota(ledger, DailyLimits(key=10), clock),
                understanding=Understanding(),
            ),
            Fetcher(fetching, ledger, clock),
        )


async def document(setup: Setup, done: Done) -> dict[str, str]:
    assert done.result is not None
    found: dict[str, str] = json.loads(await read_document(setup.blobs, result_of(done.result).document))
    return found


def as_job(like: Job, new: NewJob) -> Job:
    return replace(like, id=new.id, kind=new.kind, payload=new.payload)
