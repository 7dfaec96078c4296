"""The processes that this one has started."""

import psutil


def children_running(module: str) -> list[psutil.Process]:
    """Those that run this module, in the order of their starts; one that ends in this moment is none."""
    return [child for child in psutil.Process().children() if module in _command(child)]


def _command(process: psutil.Process) -> list[str]:
    """Empty where it has ended, and waits to be collected or is gone."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
