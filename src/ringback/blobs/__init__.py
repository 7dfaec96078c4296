"""Audio, results and bodies by key: in a folder, or in an object store.

What `put` has acknowledged is durable. Only `blob_store_at` knows which store is used.
"""

from ringback.blobs.folder import READ_SIZE, FolderBlobStore
from ringback.blobs.opening import blob_store_at
from ringback.blobs.port import (
    BlobContent,
    BlobKey,
    BlobStore,
    DiskFull,
    ListedBlob,
    StoredBlob,
    StoreDenied,
    StoreUnreachable,
    TooLarge,
    delete_all,
)
from ringback.blobs.stored_document import (
    INLINE_LIMIT,
    StoredDocument,
    read_document,
    single_chunk,
    store_document,
)

__all__ = [
    "INLINE_LIMIT",
    "READ_SIZE",
    "BlobContent",
    "BlobKey",
    "BlobStore",
    "DiskFull",
    "FolderBlobStore",
    "ListedBlob",
    "StoreDenied",
    "StoreUnreachable",
    "StoredBlob",
    "StoredDocument",
    "TooLarge",
    "blob_store_at",
    "delete_all",
    "read_document",
    "single_chunk",
    "store_document",
]
