"""What the engine process keeps of its rights: reading code and models, and on a GPU its device files."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from ringback.engines.messages import EngineSetup
from ringback.sandbox import Profile
from ringback.sandbox import confine as give_up_rights


def confine(setup: EngineSetup) -> None:
    """To be called before models are loaded, by the process's only thread."""
    devices = [] if setup.device == "cpu" else gpu_devices()
    profile = Profile.GPU_ENGINE if devices else Profile.ENGINE
    readable = [*_code(), *_models(setup), *_FACTS, *(_DRIVER if devices else ())]
    give_up_rights(profile, readable, devices)


def gpu_devices() -> list[Path]:
    """The device files of GPUs that CTranslate2 could use here."""
    return sorted(
        path for pattern in ("nvidia*", "nvidia-caps/*", "dxg") for path in Path("/dev").glob(pattern)
    )


def _code() -> Iterator[Path]:
    """Python's modules and the libraries under them: some are imported or linked only when they are used."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield from (Path(entry) for entry in sys.path if entry)
    yield Path(sys.base_prefix, "lib")
    yield from (Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry)
    yield from map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"))


def _models(setup: EngineSetup) -> Iterator[Path]:
    """Their folders, and what links in them lead to: caches of downloads keep the files elsewhere."""
    roots = [Path(setup.models)]
    for model in (setup.model, setup.live_model):
        name = model.partition(":")[2] or model  # KIND:NAME
        if os.sep in name:
            roots.append(Path(name).expanduser())
    for root in roots:
        yield root.resolve()
        for folder, folders, files in os.walk(root):
            links = (Path(folder, name) for name in (*folders, *files))
            yield from (link.resolve() for link in links if link.is_symlink())


_FACTS = tuple(
    map(
        Path,
        (
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/proc/stat",
            "/sys/devices/system",
            "/sys/bus/pci/devices",  # onnxruntime writes a warning into our log where it cannot list them
            "/sys/fs/cgroup",
            "/dev/urandom",
            "/dev/null",
        ),
    )
)
"""Files in which libraries look for the processor and its memory."""

_DRIVER = tuple(map(Path, ("/usr", "/opt", "/etc/ld.so.conf.d", "/etc/alternatives", "/proc", "/sys")))
"""What a GPU's driver reads besides; other processes' memory and environment are closed by themselves."""
