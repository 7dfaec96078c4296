"""The Dockerfile and the pages about it: files and extras that exist, a stop that is waited for."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ringback.server.drain import PROBE_SECONDS
from support import dockerfile
from support.front import front

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STOPS_WITHIN = 40 + PROBE_SECONDS
EXTRAS = {
    *tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"],
    "redact",
}


def extras_of_builds() -> list[tuple[str, str]]:
    """Where something is built with extras, and which."""
    files = [*PAGES, *sorted((ROOT / "deploy").glob("*.yaml"))]
    found = [
        (file.name, value.strip("'"))
        for file in files
        for value in re.findall(
            r"--build-arg EXTRAS=('[^']*'|\S+)|args: \{EXTRAS: ([^}]*)\}", file.read_text()
        )
        for value in value
        if value
    ]
    (default,) = [
        each.words.removeprefix("EXTRAS=") for each in dockerfile.of("ARG") if "EXTRAS" in each.words
    ]
    return [("Dockerfile", default), *found]


def test_its_instructions_are_docker_s() -> None:
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "ENV", "EXPOSE", "HEALTHCHECK", "CMD"}
    names = [each.name for each in dockerfile.instructions()]
    assert set(names) == known
    assert names[:2] == ["ARG", "FROM"]
    assert dockerfile.of("CMD")[0].command() == ["ringback", "serve"], "as process 1 it gets SIGTERM itself"


def test_what_it_copies_is_there() -> None:
    for copy in dockerfile.of("COPY"):
        *sources, _ = copy.words.split()
        assert [source for source in sources if not (ROOT / source).exists()] == []


def test_every_build_names_extras_that_exist() -> None:
    builds = extras_of_builds()
    assert len(builds) > 8
    for file, extras in builds:
        assert set(extras.split()) <= EXTRAS, file
    assert builds[0] == ("Dockerfile", "speech")


def test_every_extra_has_its_file_and_its_row() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    for extra in EXTRAS:
        assert (ROOT / "requirements" / f"{extra}.txt").is_file()
        assert f"\n| `{extra}` |" in page


def test_docker_is_told_to_wait_for_the_stop() -> None:
    runs = [line for page in PAGES for line in re.findall(r"docker run [^`\n]*", page.read_text())]
    assert len(runs) >= 3
    for line in runs:
        assert int(*re.findall(r"--stop-timeout (\d+)", line)) >= STOPS_WITHIN, line


def test_libraries_of_a_gpu_are_looked_for_below_the_python_of_the_image() -> None:
    (version,) = re.findall(r"python:(3\.\d+)\.", (ROOT / "Dockerfile").read_text())
    folder = f"/usr/local/lib/python{version}/site-packages/nvidia/cublas/lib"
    assert f"LD_LIBRARY_PATH={folder}" in [each.words for each in dockerfile.of("ENV")]


@pytest.mark.parametrize(("here", "code"), [(True, 0), (False, 1)])
async def test_its_probe_finds_a_server(tmp_path: Path, here: bool, code: int) -> None:
    (check,) = dockerfile.of("HEALTHCHECK")
    program, *arguments = check.command()
    assert program == "python"
    async with front(tmp_path) as opened:
        port = opened.port if here else 1
        probe = await _run([sys.executable, *arguments], {"RINGBACK_PORT": str(port)})
    assert probe == code


async def _run(command: list[str], settings: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | settings, stderr=subprocess.DEVNULL
    )
    return await process.wait()
