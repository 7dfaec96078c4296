"""Blobs to test, wherever they lie."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import BlobKey, BlobStore, FolderBlobStore, StoredBlob, blob_store_at
from support.blobs import ClockAhead, OpenBlobs
from support.s3 import CREDENTIALS, S3


@pytest.fixture
def clock() -> ClockAhead:
    return ClockAhead()


class Uploads(FolderBlobStore):
    """Everything is put as new work is: what is small goes to a pack."""

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> StoredBlob:
        return await super().put(key, chunks, 1 << 40 if limit is None else limit)


@pytest.fixture(params=["folder", "packs", "shared folder", "s3"])
def open_blobs(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ClockAhead, monkeypatch: pytest.MonkeyPatch
) -> OpenBlobs:
    """Each time the same place, as a process that starts finds it; takes the reserve."""
    place = request.param
    if place == "packs":
        return lambda reserve: Uploads(tmp_path / "data" / "blobs", clock, reserve)
    if place == "folder":
        url = ""
    elif place == "shared folder":
        url = f"file://{tmp_path}/shared"
    else:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        s3: S3 = request.getfixturevalue("s3")
        url = s3.blobs_url(uuid.uuid4().hex)
    return lambda reserve: blob_store_at(url, tmp_path / "data", clock, reserve)


@pytest.fixture
async def blobs(open_blobs: OpenBlobs) -> AsyncIterator[BlobStore]:
    async with open_blobs(0) as blobs:
        yield blobs
