"""Checks the free space of the disk below a folder."""

import os
from pathlib import Path

from ringback.blobs.port import DiskFull


def check_free_space(folder: Path, reserve: int, more: int) -> None:
    """Raises `DiskFull` if `more` bytes would leave less than the reserve on the folder's disk."""
    if reserve:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free - more < reserve:
            raise DiskFull(free)
