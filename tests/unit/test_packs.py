"""Small uploads in packs: what is read back after a crash, what deleting leaves, and who may append."""

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest

from ringback.blobs import (
    READ_SIZE,
    BlobKey,
    FolderBlobStore,
    StoredBlob,
    pack_writer,
    packs,
    single_chunk,
)
from ringback.blobs.pack_records import (
    HEADER_BYTES,
    PAGE,
    SECRET_BYTES,
    Record,
    first_page,
    header_of,
    record_from,
    records_in,
)
from ringback.blobs.packs import PACKS, PackReport, alone, copying, examine, index_of, pack_numbers
from ringback.system import sync_data
from support.blobs import bytes_below, keys_of, pieces
from support.waiting import eventually

LIMIT = 64 << 20
SECRET = bytes(range(SECRET_BYTES))
KEYS = [BlobKey(f"audio/{number}") for number in range(4)]


async def put(blobs: FolderBlobStore, key: BlobKey, body: bytes) -> StoredBlob:
    return await blobs.put(key, single_chunk(body), LIMIT)


def numbers(root: Path) -> list[int]:
    return pack_numbers(root / PACKS)


def disk_bytes(root: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in (root / PACKS).glob("0*"))


def pack_of(*bodies: bytes, secret: bytes = SECRET) -> bytearray:
    """A whole pack."""
    data = bytearray(first_page(secret))
    for key, body in zip(KEYS, bodies, strict=False):
        record = Record(key, len(data), len(body), 1.0)
        whole = header_of(record, hashlib.sha256(body).digest(), secret) + body
        data += whole.ljust(record.length, b"\0")
    return data


@pytest.fixture
def written(tmp_path: Path) -> "Written":
    return Written(tmp_path / "pack")


class Written:
    """What stands in a pack with these bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, data: bytes | bytearray) -> list[BlobKey]:
        self._path.write_bytes(data)
        file = os.open(self._path, os.O_RDONLY)
        try:
            return [record.key for record in records_in(file)]
        finally:
            os.close(file)


def test_records_are_read_in_their_order(written: Written) -> None:
    assert written.keys(pack_of(b"a", b"", b"c" * 3 * PAGE, b"d" * (PAGE - HEADER_BYTES))) == KEYS
    assert written.keys(pack_of()) == []


@pytest.mark.parametrize("size", [0, 10, len(first_page(SECRET)) - 1])
def test_a_pack_that_has_hardly_begun_has_no_records(written: Written, size: int) -> None:
    assert written.keys(first_page(SECRET)[:size]) == []


def test_a_damaged_header_costs_its_own_body_alone(written: Written) -> None:
    data = pack_of(b"a", b"b" * 3 * PAGE, b"c")
    data[2 * PAGE + 20] ^= 1
    assert written.keys(data) == [KEYS[0], KEYS[2]]


def test_a_body_that_was_cut_off_is_none(written: Written) -> None:
    whole = pack_of(b"a", b"b" * 5000)
    assert written.keys(whole) == KEYS[:2]
    assert written.keys(whole[: 2 * PAGE + HEADER_BYTES + 4999]) == KEYS[:1]


def test_zeros_stand_where_a_record_was_deleted(written: Written) -> None:
    data = pack_of(b"a", b"b" * 3 * PAGE, b"c")
    data[2 * PAGE : 6 * PAGE] = bytes(4 * PAGE)
    assert written.keys(data) == [KEYS[0], KEYS[2]]
    data[PAGE : 2 * PAGE] = bytes(PAGE)
    assert written.keys(data) == [KEYS[2]]


def test_a_body_cannot_pass_for_a_record(written: Written) -> None:
    """Its header is lost, and its pages look like records of a caller, who does not know the secret."""
    forged = bytes(pack_of(b"forged", secret=bytes(SECRET_BYTES)))[PAGE:]
    body = bytes(PAGE - HEADER_BYTES) + forged
    data = pack_of(body)
    assert written.keys(data) == KEYS[:1]
    for lost in (bytes(PAGE), b"x" * PAGE):
        data[PAGE : 2 * PAGE] = lost
        assert written.keys(data) == []


def test_a_header_counts_only_where_it_was_written() -> None:
    header = header_of(Record(KEYS[0], PAGE, 3, 1.0), bytes(32), SECRET)
    assert record_from(header, PAGE, SECRET) == Record(KEYS[0], PAGE, 3, 1.0)
    assert record_from(header, 2 * PAGE, SECRET) is None
    assert record_from(header[:-1], PAGE, SECRET) is None
    assert record_from(header, PAGE, bytes(SECRET_BYTES)) is None


async def test_small_uploads_share_a_pack_and_large_ones_have_files(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        for key, size in zip(KEYS, (0, 10, READ_SIZE - 1, READ_SIZE), strict=True):
            assert (await put(blobs, key, bytes(size))).size == size
        assert numbers(tmp_path) == [1]
        assert [path.name for path in (tmp_path / "audio").iterdir()] == ["3"]
        assert await keys_of(blobs, "audio") == KEYS


async def test_results_are_files(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        await blobs.put(KEYS[0], single_chunk(b"x"))
        assert (tmp_path / KEYS[0]).read_bytes() == b"x"


async def test_all_that_wait_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def counted(file: int) -> None:
        synced.append(file)
        sync_data(file)

    monkeypatch.setattr(pack_writer, "sync_data", counted)
    async with FolderBlobStore(tmp_path) as blobs:
        keys = [BlobKey(f"audio/{number}") for number in range(40)]
        await asyncio.gather(*(put(blobs, key, b"x" * 5000) for key in keys))
        assert len(synced) < 10
        assert sorted(await keys_of(blobs, "audio")) == sorted(keys)


async def test_the_next_start_finds_what_was_acknowledged(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        for key in KEYS[:3]:
            await put(blobs, key, key.encode() * 1000)
        await blobs.delete(KEYS[1])
    async with FolderBlobStore(tmp_path) as blobs:
        assert await keys_of(blobs, "audio") == [KEYS[0], KEYS[2]]
        assert await blobs.get(KEYS[2]) == KEYS[2].encode() * 1000
        await put(blobs, KEYS[3], b"new")
        assert numbers(tmp_path) == [1, 2], "nothing is appended to a pack of an earlier process"
        async with blobs.local(KEYS[3]) as path:
            assert path.read_bytes() == b"new"
        assert not path.exists()
        assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_damaged_body_is_not_given_out(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"words")
        with (tmp_path / PACKS / "0000000001").open("r+b") as file:
            file.seek(PAGE + HEADER_BYTES)
            file.write(b"wards")
        with pytest.raises(KeyError):
            await blobs.get(KEYS[0])


async def test_all_bodies_can_be_examined(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        for key in KEYS:
            await put(blobs, key, b"words")
        await blobs.delete(KEYS[3])
        assert examine(tmp_path / PACKS) == PackReport(bodies=3, damaged=0)
        with (tmp_path / PACKS / "0000000001").open("r+b") as file:
            file.seek(2 * PAGE + HEADER_BYTES)
            file.write(b"wards")
        assert examine(tmp_path / PACKS) == PackReport(bodies=3, damaged=1)


async def test_deleting_leaves_no_byte_and_gives_the_disk_back(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"secret words " * 20_000)
        await put(blobs, KEYS[1], b"other words " * 1000)
        before = disk_bytes(tmp_path)
        await blobs.delete(KEYS[0])
        assert b"secret words" not in bytes_below(tmp_path)
        assert before - disk_bytes(tmp_path) >= 240_000
        assert await blobs.get(KEYS[1]) == b"other words " * 1000


async def test_a_pack_without_bodies_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PACK_BYTES", 8 * PAGE)
    async with FolderBlobStore(tmp_path) as blobs:
        for key in KEYS:
            await put(blobs, key, bytes(8 * PAGE))
        assert numbers(tmp_path) == [1, 2, 3, 4]
        for key in (KEYS[1], KEYS[0]):
            await blobs.delete(key)
        assert numbers(tmp_path) == [3, 4]
        await blobs.delete(KEYS[3])
        assert numbers(tmp_path) == [3, 4], "it may get more"
    assert numbers(tmp_path) == [3]


async def test_what_is_put_again_replaces_what_is_in_a_pack(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        for body in (b"first words", b"second words", bytes(READ_SIZE), b"last words"):
            await put(blobs, KEYS[0], body)
            assert await blobs.get(KEYS[0]) == body
        assert await keys_of(blobs, "audio") == KEYS[:1]
        assert b"first words" not in bytes_below(tmp_path)
    async with FolderBlobStore(tmp_path) as blobs:
        assert await blobs.get(KEYS[0]) == b"last words"


async def test_of_two_records_of_one_key_the_later_counts(tmp_path: Path) -> None:
    """The process died before the first was punched out."""
    (tmp_path / PACKS).mkdir()
    body = b"earlier words"
    (tmp_path / PACKS / "0000000001").write_bytes(pack_of(body))
    (tmp_path / PACKS / "0000000002").write_bytes(pack_of(b"later words"))
    async with FolderBlobStore(tmp_path) as blobs:
        assert await blobs.get(KEYS[0]) == b"later words"
        assert await keys_of(blobs, "audio") == KEYS[:1]
        assert body not in bytes_below(tmp_path)


async def test_nothing_is_written_behind_a_write_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OSError(errno.EIO, "the disk failed")]

    def failing_once(file: int) -> None:
        if faults:
            raise faults.pop()
        sync_data(file)

    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"before")
        monkeypatch.setattr(pack_writer, "sync_data", failing_once)
        with pytest.raises(OSError, match="the disk failed"):
            await put(blobs, KEYS[1], b"not acknowledged")
        await put(blobs, KEYS[2], b"after")
        assert numbers(tmp_path) == [1, 2]
        assert await keys_of(blobs, "audio") == [KEYS[0], KEYS[2]]
        assert b"not acknowledged" not in bytes_below(tmp_path)
    assert set(index_of(tmp_path / PACKS)[0]) == {KEYS[0], KEYS[2]}


async def test_a_write_that_the_disk_takes_in_parts_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda file, parts, at: real(file, [b"".join(parts)[:1000]], at))
    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"x" * 5000)
        assert await blobs.get(KEYS[0]) == b"x" * 5000


async def test_an_upload_that_is_cancelled_while_it_is_written_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow_sync(file: int) -> None:
        loop.call_soon_threadsafe(reached.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        sync_data(file)

    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"before")
        monkeypatch.setattr(pack_writer, "sync_data", slow_sync)
        putting = asyncio.create_task(put(blobs, KEYS[1], b"of no caller"))
        await reached.wait()
        putting.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await putting

        async def is_deleted() -> bool:
            return await keys_of(blobs, "audio") == KEYS[:1] and b"of no caller" not in bytes_below(tmp_path)

        await eventually(is_deleted)


async def test_beside_the_process_that_appends_one_may_read_and_delete(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs, FolderBlobStore(tmp_path) as beside:
        await put(blobs, KEYS[0], b"words of the first")
        assert await beside.get(KEYS[0]) == b"words of the first"
        await put(beside, KEYS[1], b"a file")
        assert (tmp_path / KEYS[1]).exists()
        assert await keys_of(beside, "audio") == KEYS[:2]
        await beside.delete(KEYS[0])
        assert b"words of the first" not in bytes_below(tmp_path)
        with pytest.raises(KeyError):
            await blobs.get(KEYS[0])


async def test_nothing_is_punched_out_during_a_copy(tmp_path: Path) -> None:
    async with FolderBlobStore(tmp_path) as blobs:
        await put(blobs, KEYS[0], b"words that are copied")
        with copying(tmp_path / PACKS):
            with alone(tmp_path / PACKS) as is_alone:
                assert not is_alone
            await blobs.delete(KEYS[0])
            with pytest.raises(KeyError):
                await blobs.get(KEYS[0])
            assert b"words that are copied" in bytes_below(tmp_path)
        assert await keys_of(blobs, "audio") == []
        assert b"words that are copied" not in bytes_below(tmp_path)


async def test_without_holes_every_upload_has_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_holes(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no holes here")

    monkeypatch.setattr(packs, "punch_hole", no_holes)
    async with FolderBlobStore(tmp_path) as blobs:
        await blobs.put(KEYS[0], pieces(b"a ", b"file"), LIMIT)
        assert (tmp_path / KEYS[0]).read_bytes() == b"a file"
        assert numbers(tmp_path) == []
