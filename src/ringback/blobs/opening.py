"""From `blobs_url` to the blobs that lie there."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ringback.blobs.folder import FolderBlobs
from ringback.blobs.place import read_place
from ringback.blobs.port import Blobs
from ringback.clock import Clock
from ringback.errors import Misconfigured


def blobs_at(
    url: str, data_folder: Path, clock: Clock, reserve: int = 0
) -> AbstractAsyncContextManager[Blobs]:
    """Blobs at `blobs_url`; with an empty one below the data folder. Raises `Misconfigured`.

    Entering the context makes sure of an object store: a bucket that refuses is told at the start.
    `reserve`: bytes of the local disk that new work may not use.
    """
    if not url:
        return FolderBlobs(data_folder / "blobs", clock, reserve)
    place = read_place(url)
    if place.scheme == "file":
        return _shared_folder(Path(place.prefix), clock, reserve)
    try:
        # Not at the top: it is there with the extra alone.
        from ringback.blobs.objects import ObjectBlobs  # noqa: PLC0415
        from ringback.blobs.providers import store_at  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise Misconfigured(
            f"blobs_url: {place.scheme}:// needs the extra `cluster`, which is not installed: "
            "run `make setup EXTRAS=cluster`, or install `ringback[cluster]`"
        ) from None
    return ObjectBlobs(store_at(place), data_folder / "fetched", clock, reserve, shown=place.shown)


def _shared_folder(path: Path, clock: Clock, reserve: int) -> FolderBlobs:
    try:
        return FolderBlobs(path, clock, reserve, shared=True)
    except OSError as error:
        raise Misconfigured(
            f"blobs_url: {path} cannot be used ({error.strerror}): check its rights"
        ) from None
