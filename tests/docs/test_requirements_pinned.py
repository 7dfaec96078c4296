"""What `make setup` installs is pinned by hash, names no index, and is what pyproject.toml asks for."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ringback import __version__

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "requirements").glob("*.txt"))
EXTRAS = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
OURS = {"ringback"} | {
    tomllib.loads(file.read_text())["project"]["name"] for file in ROOT.glob("packages/*/pyproject.toml")
}
"""Distributions of this repository, which the lock does not name."""
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?P<marker> ;[^\\]*)?(?P<more> \\)?$")


def pins(file: Path) -> dict[str, set[str]]:
    """Package → the versions pinned for it (several where Pythons or platforms differ)."""
    found: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def pins_of(name: str) -> dict[str, set[str]]:
    return pins(ROOT / "requirements" / f"{name}.txt")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_is_a_pin_or_its_hash(file: Path) -> None:
    lines = file.read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if not line.startswith("    --hash=sha256:"):
            assert PIN.match(line), line
            assert following.startswith("    --hash=sha256:"), f"{line} has no hash"
    assert "://" not in file.read_text()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("core", ["project.dependencies", "dependency-groups.build"]),
        ("dev", ["dependency-groups.dev"]),
        ("deepgram5", ["dependency-groups.deepgram5"]),
        ("dist", ["dependency-groups.dist"]),
        ("site", ["dependency-groups.site"]),
        ("plots", ["dependency-groups.plots"]),
        ("uv", ["dependency-groups.uv"]),
        ("supply", ["dependency-groups.supply"]),
        *((extra, [f"project.optional-dependencies.{extra}"]) for extra in EXTRAS),
    ],
)
def test_the_pins_fulfil_pyproject(file: str, expected: list[str]) -> None:
    pinned = {name: versions for known in ("core", file) for name, versions in pins_of(known).items()}
    for path in expected:
        table: Any = project()
        for key in path.split("."):
            table = table[key]
        for requirement in map(Requirement, table):
            if requirement.name in OURS:
                assert all(extra in EXTRAS for extra in requirement.extras)
                continue
            versions = pinned.get(canonicalize_name(requirement.name), set())
            assert versions, f"{requirement} is not in {file}.txt: run `make lock`"
            assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("first", ["core", *EXTRAS])
def test_files_of_extras_fit_beside_each_other(first: str) -> None:
    """One lock made them; `redact` is not of it, and installed for its files alone."""
    for second in ("core", *EXTRAS, "dev"):
        both = pins_of(first).keys() & pins_of(second).keys()
        assert {name: pins_of(first)[name] for name in both} == {name: pins_of(second)[name] for name in both}


def test_an_extra_has_only_what_it_adds() -> None:
    """But for a pin that the core needs on other platforms than the extra does."""

    def lines(name: str) -> set[str]:
        return set(
            re.findall(r"^[^ ].*==.*$", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)
        )

    for extra in EXTRAS:
        assert not lines(extra) & lines("core"), "run `make lock`"


def test_the_lock_of_the_javascript_sdk_names_no_index() -> None:
    lock = json.loads((ROOT / "tests" / "contract" / "js" / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or "integrity" in package, name


def test_the_version_in_the_source_is_the_distributions() -> None:
    assert __version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
