"""Memory that others cannot read, and what is said where a layer is missing."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ringback.bootstrap.sandbox_check import missing_of
from ringback.sandbox import Layers, Profile, confine, kernel, landlock
from ringback.sandbox.check import SandboxReport
from ringback.sandbox.kernel import SUPPORTED
from ringback.settings import EngineSettings
from support.waiting import PATIENCE

LOOK = """
import os, sys
from ringback.sandbox import hide_memory, kernel
if os.getuid() == 0:
    os.setgid(12345)
    os.setuid(12345)
kernel.control_process(kernel.PR_SET_DUMPABLE, 1)
if sys.argv[1] == "hidden":
    assert hide_memory()
looked_at = os.getpid()
child = os.fork()
if child == 0:
    try:
        open(f"/proc/{looked_at}/environ").read()
    except PermissionError:
        os._exit(13)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not SUPPORTED, reason="Linux alone has it")
@pytest.mark.parametrize(("way", "status"), [("open", 0), ("hidden", 13)])
def test_a_process_of_the_same_user_cannot_read_our_environment(way: str, status: int) -> None:
    assert (
        subprocess.run([sys.executable, "-c", LOOK, way], check=False, timeout=PATIENCE).returncode == status
    )


@pytest.mark.skipif(not SUPPORTED, reason="Linux alone has it")
@pytest.mark.parametrize(
    ("missing", "remaining"),
    [
        (set(), Layers(no_new_privs=True, landlock=7, seccomp=True)),
        ({"landlock_create_ruleset"}, Layers(no_new_privs=True, landlock=0, seccomp=True)),
        ({"landlock_restrict_self"}, Layers(no_new_privs=True, landlock=0, seccomp=True)),
        ({"seccomp"}, Layers(no_new_privs=True, landlock=7, seccomp=False)),
        ({"prctl"}, Layers(no_new_privs=False, landlock=7, seccomp=False)),
    ],
)
def test_a_kernel_without_a_layer_keeps_the_others(
    missing: set[str], remaining: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(name: str, *arguments: object) -> int:
        if name in missing:
            raise OSError(errno.ENOSYS, "")
        if name == "landlock_create_ruleset":
            return 7 if arguments[0] is None else os.open(os.devnull, os.O_RDONLY)
        return 0

    monkeypatch.setattr(kernel, "system_call", answer)
    monkeypatch.setattr(landlock, "system_call", answer)
    assert confine(Profile.ENGINE, [Path("/usr/lib"), Path("/no such folder")]) == remaining


WHOLE = SandboxReport(memory_hidden=True, no_new_privs=True, landlock=7, seccomp=True)


def test_what_is_missing_is_named_with_what_it_means() -> None:
    engine = EngineSettings()
    assert missing_of(WHOLE, engine) == []
    assert str(WHOLE) == "memory hidden, no new privileges, Landlock 7, seccomp"
    without_landlock = SandboxReport(memory_hidden=True, no_new_privs=True, seccomp=True)
    [words] = missing_of(without_landlock, engine)
    assert "kernel 5.13" in words
    assert len(missing_of(SandboxReport(), engine)) == 4
    assert missing_of(SandboxReport(fault="no such processor"), engine) == ["no such processor"]


def test_an_engine_outside_is_reported_too() -> None:
    [words] = missing_of(WHOLE, EngineSettings(sandbox=False))
    assert "engine.sandbox" in words
