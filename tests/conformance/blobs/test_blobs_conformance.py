"""What every place of blobs promises (`ringback.blobs.BlobStore`)."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from ringback.blobs import (
    INLINE_LIMIT,
    BlobKey,
    BlobStore,
    StoredDocument,
    TooLarge,
    read_document,
    single_chunk,
    store_document,
)
from support.blobs import ClockAhead, OpenBlobs, keys_of, pieces

KEY = BlobKey("audio/0b5c")
LARGE = 12 << 20
"""Bytes: more than one part of an upload, more than one piece of a read."""


async def content_of(blobs: BlobStore) -> tuple[int, bytes]:
    async with blobs.content(KEY) as content:
        return content.size, b"".join([piece async for piece in content.pieces])


async def test_content_is_read_as_it_is_taken(blobs: BlobStore) -> None:
    await blobs.put(KEY, single_chunk(bytes(LARGE)))
    async with blobs.content(KEY) as content:
        assert len(await anext(content.pieces)) <= 1 << 20


async def test_what_is_put_is_there_with_its_size_and_hash(blobs: BlobStore) -> None:
    stored = await blobs.put(KEY, pieces(b"ring", b"", b"back"))
    assert (stored.key, stored.size) == (KEY, 8)
    assert stored.sha256 == hashlib.sha256(b"ringback").hexdigest()
    assert await blobs.get(KEY) == b"ringback"
    assert await content_of(blobs) == (8, b"ringback")
    async with blobs.local(KEY) as path:
        assert path.read_bytes() == b"ringback"


async def test_an_empty_body_is_a_body(blobs: BlobStore) -> None:
    assert (await blobs.put(KEY, pieces())).size == 0
    assert await blobs.get(KEY) == b""
    assert await content_of(blobs) == (0, b"")
    async with blobs.local(KEY) as path:
        assert path.read_bytes() == b""


@pytest.mark.parametrize("size", [5 << 20, 8 << 20, LARGE])
async def test_large_bodies_come_back_as_they_were(blobs: BlobStore, size: int) -> None:
    body = os.urandom(size)
    stored = await blobs.put(KEY, pieces(*(body[at : at + 700_001] for at in range(0, size, 700_001))))
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(body).hexdigest())
    assert await blobs.get(KEY) == body
    assert await content_of(blobs) == (size, body)
    async with blobs.local(KEY) as path:
        assert path.read_bytes() == body


async def test_a_large_body_may_come_in_one_chunk(blobs: BlobStore) -> None:
    body = os.urandom(LARGE)
    assert (await blobs.put(KEY, single_chunk(body))).size == LARGE
    assert await blobs.get(KEY) == body


@pytest.mark.parametrize("limit", [1_000, LARGE])
async def test_nothing_is_kept_past_the_limit(blobs: BlobStore, limit: int) -> None:
    half = b"x" * (limit // 2)
    with pytest.raises(TooLarge):
        await blobs.put(KEY, pieces(half, half, b"x"), limit)
    assert await keys_of(blobs, "audio") == []
    assert (await blobs.put(KEY, pieces(half, half), limit)).size == limit


@pytest.mark.parametrize("size", [1_000, LARGE])
async def test_nothing_is_kept_of_an_upload_that_breaks(blobs: BlobStore, size: int) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * size
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(KEY, breaking())
    assert await keys_of(blobs, "audio") == []
    with pytest.raises(KeyError):
        await blobs.get(KEY)


@pytest.mark.parametrize("size", [1_000, LARGE])
async def test_nothing_is_kept_of_an_upload_that_is_cancelled(blobs: BlobStore, size: int) -> None:
    came = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * size
        came.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(blobs.put(KEY, slow()))
    await came.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await keys_of(blobs, "audio") == []


async def test_an_upload_is_not_there_before_it_is_complete(blobs: BlobStore) -> None:
    seen: list[list[BlobKey]] = []

    async def watching() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (LARGE // 3)
            seen.append(await keys_of(blobs, "audio"))

    await blobs.put(KEY, watching())
    assert seen == [[], [], []]
    assert await keys_of(blobs, "audio") == [KEY]


async def test_putting_again_replaces(blobs: BlobStore) -> None:
    for body in (b"first", b"x" * LARGE, b"last"):
        await blobs.put(KEY, single_chunk(body))
        assert await blobs.get(KEY) == body
    assert await keys_of(blobs, "audio") == [KEY]


async def test_deleting_is_final_and_may_be_repeated(blobs: BlobStore) -> None:
    await blobs.put(KEY, single_chunk(b"x"))
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    with pytest.raises(KeyError):
        await blobs.get(KEY)
    with pytest.raises(KeyError):
        await content_of(blobs)
    with pytest.raises(KeyError):
        async with blobs.local(KEY):
            pass


async def test_listed_by_kind_and_age(blobs: BlobStore, clock: ClockAhead) -> None:
    await blobs.put(KEY, single_chunk(b"x"))
    await blobs.put(BlobKey("audios/1"), single_chunk(b"x"))
    await blobs.put(BlobKey("result/1"), single_chunk(b"x"))
    assert await keys_of(blobs, "audio") == [KEY]
    assert await keys_of(blobs, "audio", older_than=3_000) == []
    clock.ahead = 3_600
    assert await keys_of(blobs, "audio", older_than=3_000) == [KEY]
    assert await keys_of(blobs, "result", older_than=3_000) == ["result/1"]
    assert await keys_of(blobs, "nothing") == []
    async with aclosing(blobs.listed("audio", 0.0)) as pages:
        [blob] = [blob async for page in pages for blob in page]
    assert 3_500 < blob.age < 4_200


async def test_listings_come_in_pages(blobs: BlobStore) -> None:
    keys = [BlobKey(f"audio/{number:04}") for number in range(1_100)]
    for start in range(0, len(keys), 50):
        await asyncio.gather(*(blobs.put(key, single_chunk(b"")) for key in keys[start : start + 50]))
    async with aclosing(blobs.listed("audio", 0.0)) as pages:
        found = [page async for page in pages]
    assert max(len(page) for page in found) <= 500
    assert sorted(blob.key for page in found for blob in page) == keys
    async with aclosing(blobs.listed("audio", 0.0)) as pages:
        async for _ in pages:
            break  # a reader that is to stop does not read on


@pytest.mark.parametrize(
    "key", ["../x", "audio/..", "audio/a/b", "/etc/passwd", "audio/", "audio", "audio/.x"]
)
async def test_a_key_cannot_lead_out(blobs: BlobStore, key: str) -> None:
    for call in (
        blobs.put(BlobKey(key), single_chunk(b"x")),
        blobs.get(BlobKey(key)),
        blobs.delete(BlobKey(key)),
    ):
        with pytest.raises(ValueError, match="not a blob key"):
            await call


async def test_many_at_once_are_all_kept(blobs: BlobStore) -> None:
    bodies = {BlobKey(f"audio/{number}"): b"%d" % number * 1000 for number in range(100)}
    stored = await asyncio.gather(*(blobs.put(key, single_chunk(body)) for key, body in bodies.items()))
    assert [stored_document.size for stored_document in stored] == [len(body) for body in bodies.values()]
    assert {key: await blobs.get(key) for key in bodies} == bodies


async def test_what_was_put_is_there_for_the_next_process(open_blobs: OpenBlobs) -> None:
    async with open_blobs(0) as blobs:
        await blobs.put(KEY, single_chunk(b"ringback"))
    async with open_blobs(0) as blobs, open_blobs(0) as other:
        assert await blobs.get(KEY) == await other.get(KEY) == b"ringback"


async def test_there_is_room_above_the_reserve(open_blobs: OpenBlobs) -> None:
    for reserve in (0, 1):
        async with open_blobs(reserve) as blobs:
            await blobs.check_space()


async def test_small_documents_ride_in_the_row_and_large_ones_in_a_blob(blobs: BlobStore) -> None:
    small = await store_document(blobs, BlobKey("result/1"), b'{"a": "\xc3\xa9"}')
    assert small.inline == '{"a": "é"}'
    assert await keys_of(blobs, "result") == []
    assert await read_document(blobs, small) == b'{"a": "\xc3\xa9"}'

    document = b"x" * (INLINE_LIMIT + 1)
    large = await store_document(blobs, BlobKey("result/1"), document)
    assert large.key == "result/1"
    assert await read_document(blobs, large) == document


async def test_a_document_that_is_no_longer_kept_is_not_found(blobs: BlobStore) -> None:
    for deleted in (StoredDocument(), StoredDocument(key=BlobKey("result/gone"))):
        with pytest.raises(KeyError):
            await read_document(blobs, deleted)
