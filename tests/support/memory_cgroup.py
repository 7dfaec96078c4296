"""A limit on the memory of a process tree: a cgroup (version 1) of its own, where one can be made."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support.waiting import PATIENCE, wait_until

ROOT = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True)
class MemoryCgroup:
    folder: Path

    def command(self, *command: str) -> tuple[str, ...]:
        """The command, and all that it starts, within the limit."""
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$0" "$@"', *command)

    @property
    def killed(self) -> int:
        """Processes that the kernel has killed for want of memory."""
        facts = (self.folder / "memory.oom_control").read_text().split()
        return int(facts[facts.index("oom_kill") + 1])

    @property
    def peak(self) -> int:
        """Bytes, the page cache included."""
        return int((self.folder / "memory.max_usage_in_bytes").read_text())


def may_be_made() -> bool:
    folder = ROOT / f"ringback-{uuid.uuid4().hex}"
    try:
        folder.mkdir()
        made = (folder / "memory.limit_in_bytes").exists()
        folder.rmdir()
    except OSError:
        return False
    return made


@contextmanager
def memory_cgroup(limit: int) -> Iterator[MemoryCgroup]:
    """So many bytes. What runs in it must have ended when the context does."""
    folder = ROOT / f"ringback-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(limit))
        yield MemoryCgroup(folder)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Killed processes are in it until the kernel has done with them."""

    def removed() -> bool:
        with suppress(OSError):
            folder.rmdir()
        return not folder.exists()

    wait_until(removed, PATIENCE, f"processes are left in {folder}")
