"""Documents: small ones are stored in the row that names them, large ones in a blob."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ringback.blobs.port import BlobKey, BlobStore

INLINE_LIMIT = 16_384
"""Bytes. A short recording's result spares a file and two fsyncs; the ledger stays small."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document that stands either in a ledger row (`inline`, small ones) or in a blob (`key`); with
    neither, it is no longer kept."""

    inline: str | None = None
    key: BlobKey | None = None


async def store_document(blobs: BlobStore, key: BlobKey, document: bytes) -> StoredDocument:
    """Store a UTF-8 document. A small one becomes durable with the row that holds the returned value."""
    if len(document) <= INLINE_LIMIT:
        return StoredDocument(inline=document.decode())
    stored = await blobs.put(key, single_chunk(document))
    return StoredDocument(key=stored.key)


async def read_document(blobs: BlobStore, stored: StoredDocument) -> bytes:
    """The document again; `KeyError` when it is no longer kept, or its blob is gone."""
    if stored.inline is not None:
        return stored.inline.encode()
    if stored.key is None:
        raise KeyError
    return await blobs.get(stored.key)


async def single_chunk(data: bytes) -> AsyncIterator[bytes]:
    """Bytes as the iterator of chunks that `put` takes."""
    yield data
