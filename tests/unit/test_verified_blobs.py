"""A blob store that is checked to be the ledger's own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import BlobKey, FolderBlobStore, StoreUnreachable, single_chunk
from ringback.blobs.verified import MARKER, VerifiedBlobStore, WrongStore, read_marker
from ringback.bootstrap.blob_store import adopt_empty_store, verified_blob_store
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.keys import Project
from ringback.storage.sqlite import SqliteLedger

KEY = BlobKey("audio/one")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(tmp_path / "ours.db", SystemClock()) as opened:
        yield opened


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FolderBlobStore]:
    async with FolderBlobStore(tmp_path / "blobs", shared=True) as opened:
        yield opened


async def first_project(ledger: SqliteLedger) -> Project:
    return (await ledger.projects())[0]


async def test_the_first_start_ties_them_and_the_next_ones_agree(
    ledger: SqliteLedger, blobs: FolderBlobStore
) -> None:
    for _ in range(2):
        store = await verified_blob_store(ledger, blobs, "here")
        await store.check()
        assert store.fault is None
    assert await read_marker(blobs) == await ledger.blob_store() == (await first_project(ledger)).id


async def test_a_crash_between_marker_and_ledger_is_made_good(
    ledger: SqliteLedger, blobs: FolderBlobStore
) -> None:
    await blobs.put(MARKER, single_chunk((await first_project(ledger)).id.encode()))
    await verified_blob_store(ledger, blobs, "here")
    assert await ledger.blob_store() == (await first_project(ledger)).id


async def test_an_empty_store_is_not_the_one_before(
    ledger: SqliteLedger, blobs: FolderBlobStore, tmp_path: Path
) -> None:
    await verified_blob_store(ledger, blobs, "here")
    async with FolderBlobStore(tmp_path / "elsewhere", shared=True) as empty:
        with pytest.raises(Misconfigured, match="not mounted"):
            await verified_blob_store(ledger, empty, "elsewhere")
        assert await read_marker(empty) is None, "nothing was written"
        await adopt_empty_store(ledger, empty, "elsewhere")
        await (await verified_blob_store(ledger, empty, "elsewhere")).check()


async def test_two_installations_do_not_share_a_store(
    ledger: SqliteLedger, blobs: FolderBlobStore, tmp_path: Path
) -> None:
    await verified_blob_store(ledger, blobs, "here")
    async with await SqliteLedger.open(tmp_path / "theirs.db", SystemClock()) as theirs:
        with pytest.raises(Misconfigured, match="another installation"):
            await verified_blob_store(theirs, blobs, "here")
        with pytest.raises(Misconfigured, match="another installation"):
            await adopt_empty_store(theirs, blobs, "here")
        assert await theirs.blob_store() is None


@pytest.fixture
async def store(ledger: SqliteLedger, blobs: FolderBlobStore) -> VerifiedBlobStore:
    return await verified_blob_store(ledger, blobs, "here")


def unmount(tmp_path: Path) -> None:
    (tmp_path / "blobs").rename(tmp_path / "unmounted")
    (tmp_path / "blobs" / "incoming").mkdir(parents=True)


def mount(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "unmounted").rename(tmp_path / "blobs")


async def test_a_missing_blob_of_the_right_store_is_missing(store: VerifiedBlobStore) -> None:
    with pytest.raises(KeyError):
        await store.get(KEY)
    with pytest.raises(KeyError):
        async with store.local(KEY):
            pass
    assert store.is_ours


async def test_a_missing_blob_of_an_unmounted_folder_is_out_of_reach(
    store: VerifiedBlobStore, tmp_path: Path
) -> None:
    await store.put(KEY, single_chunk(b"audio"))
    unmount(tmp_path)
    with pytest.raises(WrongStore):
        await store.get(KEY)
    assert (store.is_ours, bool(store.fault)) == (False, True)
    calls = (store.put(KEY, single_chunk(b"x")), store.delete(KEY), store.check_space(), store.get(KEY))
    for call in calls:
        with pytest.raises(StoreUnreachable):
            await call
    with pytest.raises(StoreUnreachable):
        store.listed("audio", 0)
    mount(tmp_path)
    await store.check()
    assert (store.is_ours, store.fault) == (True, None)
    assert await store.get(KEY) == b"audio"


async def test_a_file_that_is_asked_for_after_an_unmount_is_out_of_reach(
    store: VerifiedBlobStore, tmp_path: Path
) -> None:
    await store.put(KEY, single_chunk(b"audio"))
    unmount(tmp_path)
    with pytest.raises(WrongStore):
        async with store.local(KEY):
            pass


async def test_a_store_that_is_away_for_a_while_is_not_a_wrong_one(
    store: VerifiedBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(FolderBlobStore, "get", _away)
        with pytest.raises(StoreUnreachable):
            await store.check()
    assert (store.is_ours, store.fault) == (True, "the blob store cannot be reached")
    await store.check()
    assert (store.is_ours, store.fault) == (True, None)


async def _away(_self: FolderBlobStore, _key: BlobKey) -> bytes:
    raise StoreUnreachable("away")
