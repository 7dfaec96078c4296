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

from ringback.blobs.answers import translated
from ringback.blobs.body import Body, blocks
from ringback.blobs.copy_room import CopyRoom
from ringback.blobs.disk import spare
from ringback.blobs.feed import Feed
from ringback.blobs.fetched import Fetched
from ringback.blobs.port import LISTED_AT_ONCE, BlobKey, Denied, Listed, OutOfReach, Stored, checked, is_key
from ringback.blobs.threads import Threads
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

CALL_SECONDS = 20.0
"""One call, with its wait for a free slot and its retries: a caller must hear within that."""

CALLS_AT_ONCE = 64

ABORT_SECONDS = 10.0
"""For telling the store that an upload is over which will not be finished."""

CHECKED_BEFORE = 3600.0
"""Seconds after which what a start has tried the store with was left over by a crash."""

LAST_WORDS_SECONDS = 0.05
"""obstore tells asyncio of an ended call from a thread of its own, just after we have heard of it. A loop
that was closed in between brought the process down (SIGABRT, 17 of 125 runs; none with this pause)."""

THREADS = 8


class ObjectBlobs:
    """Blobs as objects `<prefix>/<kind>/<name>`.

    An async context: entering it makes sure that the store can be used. Raises `Misconfigured` where it
    refuses us, and `OutOfReach` where it does not answer.
    """

    listing_pause = 60.0

    def __init__(
        self,
        store: "ObjectStore",
        fetched: Path,
        clock: Clock | None = None,
        reserve: int = 0,
        *,
        shown: str = "the object store",
    ) -> None:
        """`fetched`: folder for copies that are read here. `reserve`: bytes of its disk that they may not
        use. `shown`: the place, as an operator knows it."""
        self._store = store
        self._fetched = Fetched(fetched)
        self._clock = clock or SystemClock()
        self._reserve = reserve
        self._shown = shown
        self._copies = CopyRoom()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._threads = Threads(THREADS)

    async def __aenter__(self) -> Self:
        try:
            await self._make_sure()
            self._fetched.open()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> Stored:
        checked(key)
        body = Body(limit, self._threads)
        async with aclosing(blocks(chunks, body, PART_SIZE)) as coming:
            first = await anext(coming)
            if body.ended:
                await self._call(partial(obstore.put_async, self._store, key, first, use_multipart=False))
            else:
                await self._put_in_parts(key, first, coming)
        return Stored(key, body.size, body.sha256)

    async def room(self) -> None:
        """An object store has room; whether this machine's disk has is asked when a copy is made."""

    async def get(self, key: BlobKey) -> bytes:
        return b"".join([piece async for piece in self._pieces(checked(key))])

    @asynccontextmanager
    async def local(self, key: BlobKey) -> AsyncIterator[Path]:
        checked(key)
        meta = await self._call(partial(obstore.head_async, self._store, key), key)
        async with self._copies.of(meta["size"]):
            path = self._fetched.name()
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

    async def listed(self, kind: str, older_than: float) -> AsyncGenerator[Sequence[Listed], None]:
        stream = obstore.list(self._store, kind, chunk_size=LISTED_AT_ONCE)
        while True:
            try:
                page = await self._call(stream.__anext__)
            except StopAsyncIteration:
                return
            now = self._clock.now()
            found = [(each["path"], now - each["last_modified"].timestamp()) for each in page]
            yield [Listed(BlobKey(key), age) for key, age in found if is_key(key) and age >= older_than]

    async def _put_in_parts(self, key: BlobKey, first: bytes, rest: AsyncIterator[bytes]) -> None:
        """The chunks are taken in the caller's own task, which may be cancelled or fail; the upload runs
        beside it, so that it is always brought to an end: completed, or aborted."""
        feed = Feed(first)
        upload = asyncio.create_task(self._upload(key, feed))
        try:
            async for block in rest:
                if block:
                    await feed.hand_over(block, upload)
            await feed.end(upload)
        except BaseException:
            feed.break_off()
            await asyncio.wait([upload], timeout=ABORT_SECONDS)
            raise
        finally:
            upload.cancel()

    async def _upload(self, key: BlobKey, feed: Feed) -> None:
        with translated():
            await obstore.put_async(
                self._store,
                key,
                feed,
                use_multipart=True,
                chunk_size=PART_SIZE,
                max_concurrency=PARTS_AT_ONCE,
            )

    async def _pieces(self, key: BlobKey) -> AsyncGenerator[bytes, None]:
        """The object as it was when its first piece was asked for; another one in between is `OutOfReach`."""
        result = await self._call(partial(obstore.get_async, self._store, key), key)
        size, version = result.meta["size"], result.meta["e_tag"]
        if size <= PIECE_SIZE:
            yield bytes(await self._call(result.bytes_async))
            return
        for start in range(0, size, PIECE_SIZE):
            wanted = {"range": (start, min(start + PIECE_SIZE, size)), "if_match": version}
            yield await self._call(partial(self._piece, key, wanted), key)

    async def _piece(self, key: BlobKey, wanted: Any) -> bytes:
        result = await obstore.get_async(self._store, key, options=wanted)
        return bytes(await result.bytes_async())

    def _append(self, path: Path, piece: bytes) -> None:
        spare(path.parent, self._reserve, len(piece))
        with path.open("ab") as file:
            file.write(piece)

    async def _call(self, call: Callable[[], Awaitable[T]], key: BlobKey | None = None) -> T:
        """One call in a free slot, within its time; raises `OutOfReach`, or `KeyError` for an unknown key."""
        with translated(key):
            async with asyncio.timeout(CALL_SECONDS), self._slots:
                return await call()

    async def _make_sure(self) -> None:
        """Do once what will be done all the time. Raises as entering does."""
        try:
            await self._try_all()
        except Denied as error:
            raise Misconfigured(
                f"blobs_url: {self._shown} refuses us: {error}: check the bucket, the credentials in the "
                "environment and their rights to put, get, delete and list (docs/storage.md)"
            ) from None
        except OutOfReach as error:
            raise OutOfReach(
                f"blobs_url: {self._shown} cannot be reached: {error}: check its endpoint and region "
                "(docs/storage.md)"
            ) from None

    async def _try_all(self) -> None:
        async with aclosing(self.listed("check", CHECKED_BEFORE)) as pages:
            async for page in pages:
                for left_over in page:
                    await self.delete(left_over.key)
        key = BlobKey(f"check/{uuid.uuid4().hex}")
        await self._call(partial(obstore.put_async, self._store, key, b"ringback", use_multipart=False))
        try:
            await self.get(key)
        except KeyError:
            raise Denied("what was written could not be read again") from None
        await self.delete(key)
        with suppress(KeyError):
            await self.get(key)
            raise Denied("what was deleted can still be read")

    async def _end(self) -> None:
        self._fetched.close()
        await self._threads.end()
        await asyncio.sleep(LAST_WORDS_SECONDS)
