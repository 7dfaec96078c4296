"""Blobs as objects of S3, Google Cloud Storage or Azure, through obstore.

An object is there as a whole or not at all, and once the store has said so it is durable: the provider's
promise takes the place of our fsync. What a crash leaves behind is an upload that was never completed, which
no listing shows: a rule in the bucket removes it (docs/storage.md).
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import obstore

from ringback.blobs.copy_budget import CopyBudget
from ringback.blobs.free_space import check_free_space
from ringback.blobs.local_copies import LocalCopies
from ringback.blobs.port import (
    LISTED_AT_ONCE,
    BlobContent,
    BlobKey,
    ListedBlob,
    StoredBlob,
    StoreDenied,
    StoreUnreachable,
    checked,
    is_key,
)
from ringback.blobs.store_errors import translated_errors
from ringback.blobs.threads import BlobThreads
from ringback.blobs.upload_body import UploadBody, blocks
from ringback.blobs.upload_feed import UploadFeed
from ringback.clock import Clock, SystemClock
from ringback.errors import Misconfigured

if TYPE_CHECKING:
    from obstore.store import ObjectStore  # a type alone: not there at run time

T = TypeVar("T")

PART_SIZE = 5 << 20
"""Bytes: the smallest part that S3 takes. What is shorter goes in one request."""

PARTS_AT_ONCE = 4
"""Parts of one upload on their way. With what is being filled, an upload holds some 30 MiB at most."""

PIECE_SIZE = 8 << 20
"""Bytes of one request when a large blob is read: each has its own time limit and retries."""

CONTENT_PIECE = 1 << 20
"""The same of a blob that is passed on: there may be many slow readers, and each request is paid for."""

CALL_SECONDS = 20.0
"""One call, with its wait for a free slot and its retries: a caller must hear within that."""

CALLS_AT_ONCE = 64

ABORT_SECONDS = 10.0
"""For telling the store that an upload is over which will not be finished."""

CHECKED_BEFORE = 3600.0
"""Seconds after which what a start has tried the store with was left over by a crash."""

CLOSE_PAUSE_SECONDS = 0.05
"""obstore reports an ended call to asyncio from its own thread, just after the call has returned. Closing the
loop in between aborted the process (SIGABRT in 17 of 125 runs; in none with this pause)."""

THREADS = 8


class ObjectBlobStore:
    """Blobs as objects `<prefix>/<kind>/<name>`.

    An async context: entering it makes sure that the store can be used. Raises `Misconfigured` where it
    refuses us, and `StoreUnreachable` where it does not answer.
    """

    listing_pause = 60.0

    def __init__(
        self,
        store: "ObjectStore",
        copies: Path,
        clock: Clock | None = None,
        reserve: int = 0,
        *,
        display_name: str = "the object store",
    ) -> None:
        """`copies`: folder for copies that are read here. `reserve`: bytes of its disk that they may not
        use. `display_name`: the place, as an operator knows it."""
        self._store = store
        self._copies = LocalCopies(copies)
        self._clock = clock or SystemClock()
        self._reserve = reserve
        self._display_name = display_name
        self._copy_budget = CopyBudget()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._threads = BlobThreads(THREADS)

    async def __aenter__(self) -> Self:
        try:
            await self._check_access()
            self._copies.open()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> StoredBlob:
        checked(key)
        body = UploadBody(limit, self._threads)
        async with aclosing(blocks(chunks, body, PART_SIZE)) as coming:
            first = await anext(coming)
            if body.ended:
                await self._call(partial(obstore.put_async, self._store, key, first, use_multipart=False))
            else:
                await self._put_in_parts(key, first, coming)
        return StoredBlob(key, body.size, body.sha256)

    async def check_space(self) -> None:
        """Never full: the disk of this machine is checked when a local copy is made."""

    async def get(self, key: BlobKey) -> bytes:
        return b"".join([piece async for piece in self._pieces(checked(key))])

    @asynccontextmanager
    async def content(self, key: BlobKey) -> AsyncIterator[BlobContent]:
        meta = await self._call(partial(obstore.head_async, self._store, checked(key)), key)
        size = meta["size"]
        async with aclosing(self._ranges(key, size, meta["e_tag"], CONTENT_PIECE)) as pieces:
            yield BlobContent(size, pieces)

    @asynccontextmanager
    async def local(self, key: BlobKey) -> AsyncIterator[Path]:
        checked(key)
        meta = await self._call(partial(obstore.head_async, self._store, key), key)
        async with self._copy_budget.reserve(meta["size"]):
            path = self._copies.name()
            try:
                await self._threads.run(partial(path.touch, 0o600))
                async with aclosing(self._pieces(key)) as pieces:
                    async for piece in pieces:
                        await self._threads.run(partial(self._append, path, piece))
                yield path
            finally:
                # To remove a long one takes the file system its time.
                await self._threads.run(partial(path.unlink, missing_ok=True))

    async def delete(self, key: BlobKey) -> None:
        with suppress(KeyError):
            await self._call(partial(obstore.delete_async, self._store, checked(key)), key)

    async def listed(self, kind: str, older_than: float) -> AsyncGenerator[Sequence[ListedBlob], None]:
        stream = obstore.list(self._store, kind, chunk_size=LISTED_AT_ONCE)
        while True:
            try:
                page = await self._call(stream.__anext__)
            except StopAsyncIteration:
                return
            now = self._clock.now()
            found = [(each["path"], now - each["last_modified"].timestamp()) for each in page]
            yield [ListedBlob(BlobKey(key), age) for key, age in found if is_key(key) and age >= older_than]

    async def _put_in_parts(self, key: BlobKey, first: bytes, rest: AsyncIterator[bytes]) -> None:
        """The chunks are taken in the caller's own task, which may be cancelled or fail; the upload runs
        beside it, so that it is always brought to an end: completed, or aborted."""
        feed = UploadFeed(first)
        upload = asyncio.create_task(self._upload(key, feed))
        try:
            async for block in rest:
                if block:
                    await feed.put_block(block, upload)
            await feed.end(upload)
        except BaseException:
            feed.abort()
            await asyncio.wait([upload], timeout=ABORT_SECONDS)
            raise
        finally:
            upload.cancel()

    async def _upload(self, key: BlobKey, feed: UploadFeed) -> None:
        with translated_errors():
            await obstore.put_async(
                self._store,
                key,
                feed,
                use_multipart=True,
                chunk_size=PART_SIZE,
                max_concurrency=PARTS_AT_ONCE,
            )

    async def _pieces(self, key: BlobKey) -> AsyncGenerator[bytes, None]:
        """The object as it was when its first piece was asked for; a changed one is `StoreUnreachable`."""
        result = await self._call(partial(obstore.get_async, self._store, key), key)
        size, version = result.meta["size"], result.meta["e_tag"]
        if size <= PIECE_SIZE:
            yield bytes(await self._call(result.bytes_async))
            return
        async with aclosing(self._ranges(key, size, version, PIECE_SIZE)) as ranges:
            async for piece in ranges:
                yield piece

    async def _ranges(
        self, key: BlobKey, size: int, version: str | None, step: int
    ) -> AsyncGenerator[bytes, None]:
        """This version of an object, `step` bytes a request."""
        for start in range(0, size, step):
            options = {"range": (start, min(start + step, size)), "if_match": version}
            yield await self._call(partial(self._piece, key, options), key)

    async def _piece(self, key: BlobKey, options: Any) -> bytes:
        result = await obstore.get_async(self._store, key, options=options)
        return bytes(await result.bytes_async())

    def _append(self, path: Path, piece: bytes) -> None:
        check_free_space(path.parent, self._reserve, len(piece))
        with path.open("ab") as file:
            file.write(piece)

    async def _call(self, call: Callable[[], Awaitable[T]], key: BlobKey | None = None) -> T:
        """One call in a free slot, within its time limit.

        Raises `StoreUnreachable`, or `KeyError` for an unknown key.
        """
        with translated_errors(key):
            async with asyncio.timeout(CALL_SECONDS), self._slots:
                return await call()

    async def _check_access(self) -> None:
        """Do once what will be done all the time. Raises as entering does."""
        try:
            await self._try_operations()
        except StoreDenied as error:
            raise Misconfigured(
                f"blobs_url: {self._display_name} refuses us: {error}: check the bucket, the credentials in "
                "the environment and their rights to put, get, delete and list (docs/storage.md)"
            ) from None
        except StoreUnreachable as error:
            raise StoreUnreachable(
                f"blobs_url: {self._display_name} cannot be reached: {error}: check its endpoint and region "
                "(docs/storage.md)"
            ) from None

    async def _try_operations(self) -> None:
        async with aclosing(self.listed("check", CHECKED_BEFORE)) as pages:
            async for page in pages:
                for left_over in page:
                    await self.delete(left_over.key)
        key = BlobKey(f"check/{uuid.uuid4().hex}")
        await self._call(partial(obstore.put_async, self._store, key, b"ringback", use_multipart=False))
        try:
            await self.get(key)
        except KeyError:
            raise StoreDenied("what was written could not be read again") from None
        await self.delete(key)
        with suppress(KeyError):
            await self.get(key)
            raise StoreDenied("what was deleted can still be read")

    async def _end(self) -> None:
        self._copies.close()
        await self._threads.end()
        await asyncio.sleep(CLOSE_PAUSE_SECONDS)
