"""From `blobs_url` to the blobs that lie there."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ringback.blobs.folder import FolderBlobStore
from ringback.blobs.location import parse_blobs_url
from ringback.blobs.port import BlobStore
from ringback.clock import Clock
from ringback.errors import Misconfigured


def blob_store_at(
    url: str, data_folder: Path, clock: Clock, reserve: int = 0
) -> AbstractAsyncContextManager[BlobStore]:
    """Blobs at `blobs_url`; with an empty one below the data folder. Raises `Misconfigured`.

    Entering the context tries the object store, so that a bucket that refuses stops the start.
    `reserve`: bytes of the local disk that new work may not use.
    """
    if not url:
        return FolderBlobStore(data_folder / "blobs", clock, reserve)
    place = parse_blobs_url(url)
    if place.scheme == "file":
        return _shared_folder(Path(place.prefix), clock, reserve)
    try:
        # Not at the top: it is there with the extra alone.
        from ringback.blobs.objects import ObjectBlobStore  # noqa: PLC0415
        from ringback.blobs.providers import store_at  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise Misconfigured(
            f"blobs_url: {place.scheme}:// needs the extra `cluster`, which is not installed: "
            "run `make setup EXTRAS=cluster`, or install `ringback[cluster]`"
        ) from None
    return ObjectBlobStore(
        store_at(place), data_folder / "fetched", clock, reserve, display_name=place.display_name
    )


def _shared_folder(path: Path, clock: Clock, reserve: int) -> FolderBlobStore:
    try:
        return FolderBlobStore(path, clock, reserve, shared=True)
    except OSError as error:
        raise Misconfigured(
            f"blobs_url: {path} cannot be used ({error.strerror}): check its rights"
        ) from None
