"""A blob store that was verified to be this ledger's, by a marker object that holds the ledger's identity.

Every node of a cluster must see the same store. One with another `blobs_url`, or whose shared folder is not
mounted, would store recordings where no other node finds them, and miss those of the others.

| marker in the store | at the start | while running |
|---|---|---|
| the ledger's identity | it is used | `fault` is None |
| another one | refused: it belongs to another installation | `WrongStore` from every call |
| none, and the ledger has no store yet | the marker is written | |
| none, and the ledger has one | refused: another store, or an empty one | `WrongStore` from every call |
| it cannot be read | waited for | `fault` says so; calls are tried all the same |
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ringback import telemetry
from ringback.blobs.port import BlobContent, BlobKey, BlobStore, ListedBlob, StoredBlob, StoreUnreachable
from ringback.blobs.stored_document import single_chunk
from ringback.service import every

Opened = TypeVar("Opened")

MARKER = BlobKey("identity/store")

CHECK_SECONDS = 5.0
"""Between two looks at the marker; each is one small read."""


class WrongStore(StoreUnreachable):
    """The store at `blobs_url` is not the one that the ledger's recordings and results lie in."""


async def read_marker(blobs: BlobStore) -> str | None:
    """The identity in a store; None: it has none. Raises `OSError`."""
    try:
        return (await blobs.get(MARKER)).decode("ascii", "replace").strip()
    except KeyError:
        return None


async def write_marker(blobs: BlobStore, identity: str) -> None:
    await blobs.put(MARKER, single_chunk(identity.encode()))


class VerifiedBlobStore:
    """Implements `BlobStore` over a store that had the ledger's marker at the start."""

    def __init__(self, blobs: BlobStore, identity: str) -> None:
        self._blobs = blobs
        self._identity = identity
        self._wrong = False
        self.fault: str | None = None
        """Why the store cannot be used just now."""

    @property
    def is_ours(self) -> bool:
        """False once the marker was found missing or changed: no work may be claimed then."""
        return not self._wrong

    async def check(self) -> None:
        """Look at the marker now. Raises `WrongStore`, or what the store raises."""
        try:
            found = await read_marker(self._blobs)
        except OSError:
            self._set_fault(self._wrong, "the blob store cannot be reached")
            raise
        self._set_fault(found != self._identity, None)
        self._require_ours()

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> StoredBlob:
        self._require_ours()
        return await self._blobs.put(key, chunks, limit)

    async def check_space(self) -> None:
        self._require_ours()
        await self._blobs.check_space()

    async def get(self, key: BlobKey) -> bytes:
        self._require_ours()
        try:
            return await self._blobs.get(key)
        except KeyError:
            await self.check()  # missing here, or is this another store?
            raise

    @asynccontextmanager
    async def content(self, key: BlobKey) -> AsyncIterator[BlobContent]:
        async with self._opened(self._blobs.content, key) as content:
            yield content

    @asynccontextmanager
    async def local(self, key: BlobKey) -> AsyncIterator[Path]:
        async with self._opened(self._blobs.local, key) as path:
            yield path

    @asynccontextmanager
    async def _opened(
        self, opened: Callable[[BlobKey], AbstractAsyncContextManager[Opened]], key: BlobKey
    ) -> AsyncIterator[Opened]:
        self._require_ours()
        async with AsyncExitStack() as stack:
            try:
                entered = await stack.enter_async_context(opened(key))
            except KeyError:
                await self.check()  # missing here, or is this another store?
                raise
            yield entered

    async def delete(self, key: BlobKey) -> None:
        self._require_ours()
        await self._blobs.delete(key)

    def listed(self, kind: str, older_than: float) -> AsyncGenerator[Sequence[ListedBlob], None]:
        self._require_ours()
        return self._blobs.listed(kind, older_than)

    @property
    def listing_pause(self) -> float:
        return self._blobs.listing_pause

    def _require_ours(self) -> None:
        if self._wrong:
            raise WrongStore(_WRONG)

    def _set_fault(self, wrong: bool, unreachable: str | None) -> None:
        self._wrong = wrong
        fault = _WRONG if wrong else unreachable
        telemetry.BLOB_STORE_UP.set(0 if fault else 1)
        if fault == self.fault:
            return
        self.fault = fault
        if fault is None:
            telemetry.event("blob_store.back")
        else:
            telemetry.problem("blob_store.down", reason=fault)


class BlobStoreWatch:
    """A service: looks at the marker every few seconds, so that probes and metrics tell of a store that is
    away, and a node that lost its mount stops claiming."""

    name = "blob store watch"

    def __init__(self, blobs: VerifiedBlobStore) -> None:
        self._blobs = blobs

    async def run(self, stopping: asyncio.Event) -> None:
        await every(CHECK_SECONDS, self._check, stopping)

    async def _check(self) -> None:
        with suppress(OSError):
            await self._blobs.check()


_WRONG = "the store at blobs_url is not the one that this ledger's recordings and results lie in"
