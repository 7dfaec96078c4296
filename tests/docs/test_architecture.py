"""ARCHITECTURE.md, the glossary and CONTRIBUTING.md name packages and modules that are there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
PAGE = (ROOT / "ARCHITECTURE.md").read_text()

MODULE = re.compile(r"`(?:src/ringback/)?([a-z_]+(?:/[a-z_]+)+)(?:\.py|\.[A-Z]\w+)?`")


def layers() -> list[set[str]]:
    """The packages of each level, the highest first, as the import rules have them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [
        {name.strip().removeprefix("ringback.") for name in line.split("|")} for line in contract["layers"]
    ]


def test_the_levels_are_those_of_the_import_rules() -> None:
    rows = re.findall(r"^\| [1-7] \| (.+) \|$", PAGE, re.MULTILINE)
    answered = [set(re.findall(r"(?:^|· )`(\w+)`", row)) for row in rows]
    assert answered == [level for level in layers() if level != {"__main__"}]


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/glossary.md"])
def test_each_module_that_is_named_is_there(name: str) -> None:
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    named = {
        module for module in MODULE.findall((ROOT / name).read_text()) if module.split("/")[0] in packages
    }
    missing = {
        module
        for module in named
        if not (SOURCE / f"{module}.py").exists() and not (SOURCE / module).is_dir()
    }
    assert not missing
