"""What a process tree costs: processor time, and memory with shared pages counted once."""

import mmap
import threading
import time
from array import array
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


def cpu_seconds(*pids: int) -> float:
    """User and system time of the whole trees, those of their ended and awaited children included."""
    total = 0.0
    for process in _tree(*pids):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def main_thread_seconds(pid: int) -> float:
    """User and system time of a process's first thread, in which its event loop runs."""
    nanoseconds = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1e9


def busy_seconds() -> float:
    """Processor time that the whole machine has spent on anything, over all cores."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


@dataclass(frozen=True, slots=True)
class Peak:
    """MiB. `pss` shares each shared page out among its users; `high_water` adds up the kernel's own peaks."""

    pss: float
    high_water: float


def resident(*pids: int) -> float:
    """MiB resident in the trees now, shared pages once for each process: what `high_water` starts from."""
    total = 0
    for process in _tree(*pids):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total / 2**20


def peak_resident(pid: int) -> float:
    """MiB: the most that this one process has ever had resident, as the kernel keeps it."""
    return _kib(pid, "status", "VmHWM") / 1024


class MemoryWatch:
    """Samples the memory of a tree, or of several, until told to stop.

    Proportional set size is the measure: pages that several of our processes map count once in the sum.
    Between two samples a short peak can hide; the sum of every process's resident high-water mark, which
    the kernel keeps exactly, bounds it from above (it counts shared pages for each, and peaks that never
    coincided).
    """

    def __init__(self, *pids: int, every: float = 0.1) -> None:
        """`every` so many seconds a sample is taken: a look at a hundred processes takes time of its own."""
        self._pids = pids
        self._every = every
        self._stop = threading.Event()
        self._samples: list[float] = []
        self._high_water: dict[int, float] = {}
        for process in _tree(*pids):
            # `5` sets the high-water mark back to what is resident now.
            with suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> Peak:
        self._stop.set()
        self._thread.join()
        self._sample()
        return Peak(max(self._samples), sum(self._high_water.values()))

    @property
    def median(self) -> float:
        ordered = sorted(self._samples)
        return ordered[len(ordered) // 2]

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self._sample()

    def _sample(self) -> None:
        total = 0.0
        for process in _tree(*self._pids):
            with suppress(OSError, KeyError):
                total += _kib(process.pid, "smaps_rollup", "Pss") / 1024
                self._high_water[process.pid] = peak_resident(process.pid)
        self._samples.append(total)


def memory_by_process(pid: int) -> dict[str, float]:
    """PSS in MiB of each process of the tree, by what its command line says it is."""
    found: dict[str, float] = {}
    for process in _tree(pid):
        with suppress(psutil.Error, OSError, KeyError):
            found[f"{_name_of(process)} {process.pid}"] = round(
                _kib(process.pid, "smaps_rollup", "Pss") / 1024, 1
            )
    return found


def memory_alone(pid: int) -> dict[str, float]:
    """MiB of each process of the tree as if nothing else ran, by what its command line says it is.

    Page frames that the tree maps, each shared out among the processes of the tree alone. The proportional
    set size shares them with other programs, too: beside another server of the same packages it is
    40 MB less. Raises `PermissionError` where this is not root, whom alone the kernel shows frames.
    """
    processes = _tree(pid)
    frames = {process.pid: _frames(process.pid) for process in processes}
    users = Counter(frame for mapped in frames.values() for frame in mapped)
    found = defaultdict[str, float](float)
    for process in processes:
        share = sum(1 / users[frame] for frame in frames[process.pid])
        found[_name_of(process)] += share * mmap.PAGESIZE / 2**20
    return dict(found)


def _frames(pid: int) -> set[int]:
    """Numbers of the page frames that a process maps (proc_pid_pagemap(5))."""
    frames = set[int]()
    with Path(f"/proc/{pid}/pagemap").open("rb") as pages:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(address, 16) // mmap.PAGESIZE for address in line.split()[0].split("-"))
            if "[v" in line:
                continue  # vsyscall, vvar, vdso: the kernel's
            pages.seek(start * 8)
            entries = array("Q", pages.read((end - start) * 8))
            frames.update(entry & _FRAME for entry in entries if entry & _PRESENT)
    if frames == {0}:
        raise PermissionError("page frames are shown to root alone")
    return frames


_PRESENT, _FRAME = 1 << 63, (1 << 55) - 1


def _name_of(process: psutil.Process) -> str:
    return next((word for word in process.cmdline() if word.startswith("ringback.")), None) or "serve"


class Neighbours:
    """How much of the machine others used meanwhile: a benchmark on a busy machine should say so."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self._started = time.monotonic()
        self._busy = busy_seconds()
        self._own = cpu_seconds(ours)

    def cores(self) -> float:
        """Mean cores that were busy with something else. Children that ended unawaited count as others."""
        wall = time.monotonic() - self._started
        return max(0.0, (busy_seconds() - self._busy) - (cpu_seconds(self._ours) - self._own)) / wall


def _tree(*pids: int) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            found += [parent, *parent.children(recursive=True)]
    return found


def _kib(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)
