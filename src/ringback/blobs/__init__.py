"""Audio, results and bodies by key: in a folder, or in an object store.

What `put` has acknowledged is durable. Where blobs lie is `blobs_at`'s to know, and nobody else's.
"""

from ringback.blobs.folder import READ_SIZE, FolderBlobs
from ringback.blobs.kept import INLINE_LIMIT, Kept, keep, once, read_kept
from ringback.blobs.opening import blobs_at
from ringback.blobs.port import (
    BlobKey,
    Blobs,
    Denied,
    Listed,
    NoRoom,
    OutOfReach,
    Stored,
    TooLarge,
    delete_all,
)

__all__ = [
    "INLINE_LIMIT",
    "READ_SIZE",
    "BlobKey",
    "Blobs",
    "Denied",
    "FolderBlobs",
    "Kept",
    "Listed",
    "NoRoom",
    "OutOfReach",
    "Stored",
    "TooLarge",
    "blobs_at",
    "delete_all",
    "keep",
    "once",
    "read_kept",
]
