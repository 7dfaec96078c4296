"""Telling at the start, and in `ringback doctor`, what of the sandbox this kernel grants."""

import asyncio

from ringback.engines.confinement import gpu_devices
from ringback.sandbox.check import SandboxReport, report
from ringback.settings import EngineSettings
from ringback.telemetry import event, problem


class SandboxCheck:
    """A service: a process of its own gives up its rights and tries them, once, while the server starts.

    Where a layer is missing the server goes on without it, and says so.
    """

    name = "sandbox"

    def __init__(self, engine: EngineSettings) -> None:
        self._engine = engine

    async def run(self, stopping: asyncio.Event) -> None:
        found = await asyncio.to_thread(report)
        missing = missing_of(found, self._engine)
        if missing:
            problem("sandbox.incomplete", holds=str(found), missing=missing)
        else:
            event("sandbox.checked", holds=str(found))
        await stopping.wait()


def missing_of(found: SandboxReport, engine: EngineSettings) -> list[str]:
    """What does not hold, each with what that means."""
    missing = found.missing if found.fault is None else [found.fault]
    if not engine.sandbox:
        missing.append("engine.sandbox is false: the engine process has all rights of the server's user")
    return missing


def gpu_note(engine: EngineSettings) -> str:
    """Which device files the engine keeps, if any."""
    devices = [] if engine.device == "cpu" or not engine.sandbox else gpu_devices()
    return f"; the engine may use {', '.join(map(str, devices))}" if devices else ""
