"""Checks the free space of the disk below a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from ringback.blobs.port import DiskFull


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes of a disk."""

    total: int
    free: int
    """For this process, which may not use what is reserved for root."""


def disk_space(folder: Path) -> DiskSpace | None:
    """The disk that the folder lies on; None where it cannot be asked."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return DiskSpace(disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize)


def check_free_space(folder: Path, reserve: int, more: int) -> None:
    """Raises `DiskFull` if `more` bytes would leave less than the reserve on the folder's disk."""
    if reserve:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free - more < reserve:
            raise DiskFull(free)
