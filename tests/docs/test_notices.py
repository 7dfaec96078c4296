"""THIRD_PARTY_NOTICES.md names what is installed, and what wheels bring along."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
HINT = "run `make notices`"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notices", ROOT / "tools" / "notices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_pinned_package_is_named_with_its_version(tool: ModuleType) -> None:
    named = re.findall(
        r"^\| ([A-Za-z0-9._-]+) \| ([0-9][^|]*) \| ([^|]+) \|$", tool.NOTICES.read_text(), re.M
    )
    assert {name: versions.split(", ") for name, versions, _ in named} == tool.pinned(), HINT
    assert [name for name, _, licence in named if licence == "see the package"] == []


def test_what_stands_around_the_table_is_current(tool: ModuleType) -> None:
    written = tool.NOTICES.read_text()
    for part in (tool.HEAD, tool.TAIL):
        assert part in written, HINT
    for library, (licence, _) in tool.IN_AV.items():
        assert f"| {library} | {licence} |" in written, HINT


@pytest.mark.skipif(sys.platform != "linux", reason="the wheel for Linux is meant")
def test_every_library_inside_the_av_wheel_is_named(tool: ModuleType) -> None:
    spec = importlib.util.find_spec("av")
    assert spec is not None
    assert spec.origin is not None
    inside = Path(spec.origin).parent.parent / "av.libs"
    if not inside.is_dir():
        pytest.skip("PyAV was built from source here")
    found = {
        match[1] for file in inside.iterdir() if (match := re.match(r"lib(.+)-[0-9a-f]{8}\.so", file.name))
    }
    assert found == {name for _, names in tool.IN_AV.values() for name in names}
