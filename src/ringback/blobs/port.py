"""The blob store's port: how blobs are named, stored, read and listed."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import NewType, Protocol

import msgspec

BlobKey = NewType("BlobKey", str)
"""`kind/name`, such as `audio/6f…`; only letters, digits, `-`, `_`, `.` and one `/`."""

LISTED_AT_ONCE = 500
"""Blobs on one page of a listing, at most."""

DELETED_AT_ONCE = 32


class TooLarge(Exception):
    """The bytes offered exceed the limit given; nothing is kept."""


class DiskFull(OSError):
    """Storing this would use the disk's reserve; nothing is stored."""

    def __init__(self, free: int) -> None:
        super().__init__(ENOSPC, f"only {free:,} bytes are free on the disk of the blobs")


class StoreUnreachable(OSError):
    """The store does not answer; nothing is known to be stored. Temporary."""


class StoreDenied(StoreUnreachable):
    """It answers, and refuses: credentials, rights or the bucket are wrong. An operator can fix that."""


class StoredBlob(msgspec.Struct, frozen=True):
    key: BlobKey
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ListedBlob:
    """A blob that is there, and the seconds since it was last written."""

    key: BlobKey
    age: float


@dataclass(frozen=True, slots=True)
class BlobContent:
    """A blob that is being read: its size, and its bytes in pieces that are read as they are taken."""

    size: int
    pieces: AsyncGenerator[bytes, None]


class BlobStore(Protocol):
    """Every call may raise `OSError`: the disk failed, or `StoreUnreachable`. It may be made again."""

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> StoredBlob:
        """Keep these bytes, durably. Leaves nothing behind on any error.

        With a `limit` (new work: audio) raises `TooLarge` past it, and `DiskFull` where the disk's reserve
        begins. Without one (what work that was accepted leaves behind) the reserve may be used: it is
        there so that what was accepted can end.
        """
        ...

    async def check_space(self) -> None:
        """Raises `DiskFull` where the disk's reserve has been reached: no new work now, of any size."""
        ...

    async def get(self, key: BlobKey) -> bytes:
        """All bytes; `KeyError` when there are none."""
        ...

    def content(self, key: BlobKey) -> AbstractAsyncContextManager[BlobContent]:
        """The bytes piece by piece, to be passed on: no more than a piece is in memory, however slowly they
        are taken, and there is no copy.

        `KeyError` when there are none; a blob that is deleted meanwhile may end in `KeyError`, too.
        """
        ...

    def local(self, key: BlobKey) -> AbstractAsyncContextManager[Path]:
        """The bytes as a file of this machine, to be read only, for as long as the context lasts.

        `KeyError` when there are none; `DiskFull` when they would have to be brought here, and there is none.
        """
        ...

    async def delete(self, key: BlobKey) -> None:
        """Gone after this; no error if it was not there."""
        ...

    def listed(self, kind: str, older_than: float) -> AsyncGenerator[Sequence[ListedBlob], None]:
        """Pages of what there is of this kind, last written at least `older_than` seconds ago.

        For sweeps. Blobs may be added and deleted meanwhile.
        """
        ...

    @property
    def listing_pause(self) -> float:
        """Seconds to leave between two listings: where each of them is paid for, they are fewer."""
        ...


async def delete_all(blobs: BlobStore, keys: Sequence[BlobKey]) -> None:
    """Delete all, `DELETED_AT_ONCE` at a time: each call to an object store takes a while."""
    for start in range(0, len(keys), DELETED_AT_ONCE):
        await asyncio.gather(*map(blobs.delete, keys[start : start + DELETED_AT_ONCE]))


def is_key(text: str) -> bool:
    """Whether this is the name of a blob; other files (`.nfs…`, a console's folders) are ignored."""
    return _KEY.fullmatch(text) is not None


def checked(key: BlobKey) -> BlobKey:
    """The key, or a `ValueError`: no key leads out of where blobs lie."""
    if not is_key(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


_KEY = re.compile(r"[a-z]+/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
