"""The commands of the Dockerfile, run here, over what it copies, in an environment of their own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import dockerfile

ROOT = Path(__file__).parents[2]
EXTRAS = "cluster traces"
"""Small ones; those of a node that only delivers."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that all steps up to the user of the image have made."""
    folder = tmp_path_factory.mktemp("image")
    working = folder / "app"
    working.mkdir()
    (working / "packages").symlink_to(ROOT / "packages")  # what the build mounts
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    environment = os.environ | {"PATH": f"{folder / 'venv' / 'bin'}:{os.environ['PATH']}", "EXTRAS": EXTRAS}
    for step in dockerfile.instructions():
        if step.name == "COPY":
            copy(step.words, working)
        elif step.name == "RUN" and "useradd" not in step.words:
            command = re.sub(r"^--mount=\S+ ", "", step.words)
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=working, env=environment, capture_output=True, text=True,
                check=False, timeout=280,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    return folder / "venv"


def copy(words: str, working: Path) -> None:
    *sources, target = words.split()
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / source, working / target, ignore=ignored)
        else:
            shutil.copy2(ROOT / source, working / target)


def ran(image: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [image / "bin" / command[0], *command[1:]], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_program_is_installed_and_whole(image: Path) -> None:
    assert ran(image, "ringback", "--version").stdout.startswith("ringback, version")
    checked = ran(image, "pip", "check")
    assert checked.returncode == 0, checked.stdout


def test_the_extras_are_there_and_no_recogniser(image: Path) -> None:
    program = "import importlib.util as u; print(*(n for n in {!r} if u.find_spec(n)))"
    found = ran(image, "python", "-c", program.format(["asyncpg", "obstore", "opentelemetry", "ctranslate2"]))
    assert found.stdout.split() == ["asyncpg", "obstore", "opentelemetry"]
