"""Blobs as the tests look at them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

from ringback.blobs import BlobKey, BlobStore
from ringback.blobs.packs import PACKS, index_of
from ringback.clock import SystemClock

OpenBlobs = Callable[[int], AbstractAsyncContextManager[BlobStore]]
"""Opens the same place once more; takes the bytes to leave free."""


async def keys_of(blobs: BlobStore, kind: str, older_than: float = 0.0) -> list[BlobKey]:
    """All keys of one kind, in their order."""
    async with aclosing(blobs.listed(kind, older_than)) as pages:
        return sorted([blob.key async for page in pages for blob in page])


def stored_below(folder: Path) -> list[Path | BlobKey]:
    """All that a folder of blobs holds: files, and bodies in packs."""
    files = [path for path in folder.rglob("*") if path.is_file() and PACKS not in path.parts]
    return [*files, *index_of(folder / PACKS)[0]]


def bytes_below(folder: Path) -> bytes:
    """What a search through all files below a folder would find."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that comes in these chunks."""
    for part in parts:
        yield part


class ClockAhead(SystemClock):
    """The time of this machine and of the store's, moved on by `ahead` seconds: things look older."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead
