"""Findings of `ringback doctor` about the small recordings in packs of the data folder."""

from collections.abc import Iterator

from ringback.blobs.packs import PACKS, examine, frees_parts_of_files
from ringback.cli.output import Finding, Grade
from ringback.settings import Settings


def pack_findings(settings: Settings) -> Iterator[Finding]:
    """Nothing where recordings lie at `blobs_url`, or there is no data folder."""
    if settings.blobs_url or not settings.data_path.is_dir():
        return
    folder = settings.data_path / "blobs" / PACKS
    if not frees_parts_of_files(settings.data_path):
        yield Finding(
            Grade.WARN,
            "recordings",
            "the file system cannot free a part of a file, so each small recording has a file of its own",
            "for twice as many requests a second, put data_dir on ext4, XFS or Btrfs",
        )
    found = examine(folder)
    if found.damaged:
        yield Finding(
            Grade.WARN,
            "recordings",
            f"{found.damaged} of {found.bodies} small recordings that wait in {folder} are damaged",
            "their requests will end with an error; look at the disk's health",
        )
    elif found.bodies:
        yield Finding(Grade.OK, "recordings", f"{found.bodies} small ones wait, all as they were accepted")
