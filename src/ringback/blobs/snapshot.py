"""The blobs of a folder as they are now, kept through deletions while they are copied elsewhere."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from ringback.blobs.folder import INCOMING
from ringback.blobs.packs import PACKS, BodyPlace, copying, index_of, read_body
from ringback.blobs.port import BlobKey, is_key


class Snapshot:
    """Hard links to the blobs of a folder: they take no room, and stay when the blobs are deleted. So do
    those in packs, of which nothing is deleted meanwhile."""

    def __init__(self, root: Path, links: Path) -> None:
        self._root = root
        self._links = links
        self._places: dict[BlobKey, BodyPlace] = {}
        """Of blobs in packs."""

    def take(self) -> None:
        """Add what is there now. Blobs never change, so what was linked before is as good as new."""
        for kind in _folders(self._root):
            if kind not in (INCOMING, PACKS):
                (self._links / kind).mkdir(mode=0o700, exist_ok=True)
                for path in (self._root / kind).iterdir():
                    if is_key(f"{kind}/{path.name}"):
                        _link(path, self._links / kind / path.name)
        self._places |= index_of(self._root / PACKS)[0]

    def holds(self, key: BlobKey) -> bool:
        return key in self._places or (self._links / key).exists()

    def sizes(self) -> dict[BlobKey, int]:
        """Every blob in it, with its bytes."""
        linked = {
            BlobKey(f"{kind}/{entry.name}"): entry.stat().st_size
            for kind in _folders(self._links)
            for entry in os.scandir(self._links / kind)
        }
        return linked | {key: place.record.size for key, place in self._places.items()}

    def open(self, key: BlobKey) -> BinaryIO:
        """A blob's bytes; raises `FileNotFoundError`."""
        place = self._places.get(key)
        if place is None:
            return (self._links / key).open("rb")
        body = read_body(self._root / PACKS, place)
        if body is None:
            raise FileNotFoundError(key)
        return io.BytesIO(body)


@contextmanager
def snapshot(root: Path) -> Iterator[Snapshot]:
    """Of the blobs below `root`; its links are gone when the context ends.

    They lie where a start of the server removes what is unfinished: a process that dies in here leaves
    nothing for good.
    """
    incoming = root / INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    links = incoming / f"snapshot-{os.getpid()}"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir(mode=0o700)
    packs = root / PACKS
    try:
        with copying(packs) if packs.exists() else nullcontext():
            yield Snapshot(root, links)
    finally:
        shutil.rmtree(links, ignore_errors=True)


def _folders(root: Path) -> list[str]:
    return [entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        return  # linked already, or deleted since it was listed
    except OSError:  # a file system without links
        with suppress(FileNotFoundError):
            shutil.copyfile(source, target)
