"""What is asked of the disk below a folder, whoever writes there."""

import os
from pathlib import Path

from ringback.blobs.port import NoRoom


def spare(folder: Path, reserve: int, more: int) -> None:
    """Raises `NoRoom` if `more` bytes would leave less than the reserve on the folder's disk."""
    if reserve:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free - more < reserve:
            raise NoRoom(free)
