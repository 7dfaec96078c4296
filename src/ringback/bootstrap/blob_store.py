"""Ties the ledger to the blob store of `blobs_url` (`blobs.verified` says how)."""

from typing import Protocol

from ringback.blobs import BlobStore
from ringback.blobs.verified import VerifiedBlobStore, read_marker, write_marker
from ringback.errors import Misconfigured
from ringback.keys import KeyStore


class BlobStoreIdentity(KeyStore, Protocol):
    """The ledger's side."""

    async def blob_store(self) -> str | None:
        """The identity of the store that recordings and results lie in; None: none is known yet."""
        ...

    async def tie_blob_store(self, identity: str) -> None:
        """Remember it, where none is known yet."""
        ...


async def verified_blob_store(ledger: BlobStoreIdentity, blobs: BlobStore, url: str) -> VerifiedBlobStore:
    """The store, once it is known to be the ledger's; raises `Misconfigured` where it is another's.

    The identity is that of the ledger's first project, so that nodes which start at once write the same.
    The marker is written before the ledger says that there is one: a crash in between is made good by the
    next start. `url`: `blobs_url` without credentials.
    """
    identity = (await ledger.projects())[0].id
    known, found = await ledger.blob_store(), await read_marker(blobs)
    if found is None and known is None:
        await write_marker(blobs, identity)
    elif found is None:
        raise Misconfigured(
            f"blobs_url: {url} is not the store that this ledger's recordings and results lie in: it lacks "
            "their marker. Is it another bucket or prefix, or a folder that is not mounted? Where the store "
            "was moved, copy all of it; where it is lost for good, begin with an empty one: `ringback "
            "migrate --new-blob-store`."
        )
    elif found != identity:
        raise Misconfigured(
            f"blobs_url: {url} belongs to another installation of Ringback: give this one its own prefix."
        )
    if known is None:
        await ledger.tie_blob_store(identity)
    return VerifiedBlobStore(blobs, identity)


async def adopt_empty_store(ledger: BlobStoreIdentity, blobs: BlobStore, url: str) -> None:
    """Make an empty store the ledger's; raises `Misconfigured` where it belongs to another installation."""
    identity = (await ledger.projects())[0].id
    if await read_marker(blobs) not in {None, identity}:
        raise Misconfigured(f"blobs_url: {url} belongs to another installation of Ringback.")
    await write_marker(blobs, identity)
    await ledger.tie_blob_store(identity)
