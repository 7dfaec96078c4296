"""The recording of a transcription job, as a local file that holds what was accepted."""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ringback.blobs import BlobStore
from ringback.errors import Refusal
from ringback.jobs.job import Job
from ringback.jobs.store import JobReader
from ringback.transcription.faults import RecordingLost
from ringback.transcription.fetch import Fetching, fetched
from ringback.transcription.request import TranscriptionOrder, audio_key


@dataclass(frozen=True, slots=True)
class LocalRecording:
    """A recording that is open for reading."""

    path: Path
    sha256: str
    """Hexadecimal; of the bytes that were accepted."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """Uploads, and what was fetched from URLs."""

    store: JobReader
    fetching: Fetching
    blobs: BlobStore

    @asynccontextmanager
    async def open_recording(self, job: Job, order: TranscriptionOrder) -> AsyncIterator[LocalRecording]:
        """The recording of a job, for the time of the context.

        Raises `RecordingLost` when it is not there, and the fetch's `Refusal` when its URL gave none. A
        `Refusal` of the audio inside the context becomes `RecordingLost` when the file is not what was
        accepted.
        """
        key, sha256 = order.audio, order.sha256
        if key is None or sha256 is None:
            key, sha256 = audio_key(job.id), await self._sha256_of_fetched(job, order)
        # A stack: a `FileNotFoundError` of opening is caught here, not one of the context's body.
        async with AsyncExitStack() as stack:
            try:
                path = await stack.enter_async_context(self.blobs.local(key))
            except (KeyError, FileNotFoundError):
                raise _not_there() from None
            try:
                yield LocalRecording(path, sha256)
            except (Refusal, FileNotFoundError):
                await asyncio.to_thread(_check_intact, path, sha256)
                raise

    async def _sha256_of_fetched(self, job: Job, order: TranscriptionOrder) -> str:
        end = await fetched(self.store, job.id)
        if end is None:
            # Accepted by a version that had no job for it, or so long ago that the fetch is forgotten.
            return (await self.fetching.store(job, order)).sha256
        if end.sha256 is None:
            failure = end.failure
            raise Refusal(failure.status, failure.err_code, failure.err_msg)
        return end.sha256


def _check_intact(path: Path, sha256: str) -> None:
    """Raises `RecordingLost` where the file is gone, or holds other bytes than were accepted."""
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise _not_there() from None
    if actual != sha256:
        raise RecordingLost(errno.EIO, "the recording in the blob store is not the one that was accepted")


def _not_there() -> RecordingLost:
    return RecordingLost(errno.ENOENT, "the recording is not in the blob store")
