"""The blobs of a folder as they are now, kept through deletions while they are copied elsewhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ringback.blobs.folder import INCOMING
from ringback.blobs.port import BlobKey, is_key


class Snapshot:
    """Hard links to the blobs of a folder: they take no room, and stay when the blobs are deleted."""

    def __init__(self, root: Path, links: Path) -> None:
        self._root = root
        self._links = links

    def take(self) -> None:
        """Add what is there now. Blobs never change, so what was linked before is as good as new."""
        for kind in _folders(self._root):
            if kind != INCOMING:
                (self._links / kind).mkdir(mode=0o700, exist_ok=True)
                for path in (self._root / kind).iterdir():
                    if is_key(f"{kind}/{path.name}"):
                        _link(path, self._links / kind / path.name)

    def holds(self, key: BlobKey) -> bool:
        return (self._links / key).exists()

    def files(self) -> list[tuple[BlobKey, int]]:
        """Every blob in it, with its bytes."""
        return [
            (BlobKey(f"{kind}/{entry.name}"), entry.stat().st_size)
            for kind in _folders(self._links)
            for entry in os.scandir(self._links / kind)
        ]

    def path(self, key: BlobKey) -> Path:
        return self._links / key


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
    try:
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
