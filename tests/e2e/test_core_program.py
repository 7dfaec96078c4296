"""What goes onto an index: distributions that it accepts, and a core that works in a bare environment."""

import email
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import ModuleType

import pytest

from ringback.engines.speech_extra import INSTALL, PACKAGES
from support.program import Program
from support.receiver import Receiver
from support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
TWINE = ROOT / ".venvs" / "dist" / "bin" / "twine"
REPOSITORY = "https://forge.example/speech/ringback"
AUDIO = (ROOT / "tests" / "audio" / "librivox_0930.flac").read_bytes()
MOST_MEGABYTES = 300
"""Of the core, installed, Python itself left out. Linux on x86-64 has 232."""


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("distributions", ROOT / "tools" / "distributions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    files: list[Path] = tool().build(REPOSITORY, tmp_path_factory.mktemp("dist"))
    return files


def the(built: list[Path], beginning: str, end: str) -> Path:
    (file,) = [path for path in built if path.name.startswith(beginning) and path.name.endswith(end)]
    return file


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_each_project_has_a_wheel_and_an_sdist(built: list[Path]) -> None:
    names = [re.sub(r"-\d.*?(?=-py3|\.tar)", "", path.name) for path in built]
    assert sorted(names) == [
        "ringback-py3-none-any.whl", "ringback.tar.gz",
        "ringback_models-py3-none-any.whl", "ringback_models.tar.gz",
    ]  # fmt: skip


def test_an_index_takes_them(built: list[Path]) -> None:
    if not TWINE.exists():
        pytest.skip("there is no twine here: make .venvs/dist/.installed")
    done = subprocess.run(
        [TWINE, "check", "--strict", *built], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == len(built)


@pytest.mark.parametrize("beginning", ["ringback-", "ringback_models-"])
def test_what_the_page_of_the_index_shows(built: list[Path], beginning: str) -> None:
    about = metadata_of(the(built, beginning, ".whl"))
    page = str(about.get_payload())
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    place = re.compile(rf"{re.escape(REPOSITORY)}/(?:blob|raw)/v{about['Version']}/")
    ours = [place.sub("", link) for link in links if REPOSITORY in link]
    assert all((ROOT / link.partition("#")[0]).exists() for link in ours)
    assert len(about.get_all("Project-URL") or ()) >= 5
    assert about["Requires-Python"] == ">=3.11"
    assert len(about.get_all("Classifier") or ()) >= 5


def test_licences_of_all_that_is_inside_are_in_both(built: list[Path]) -> None:
    wheel, sdist = the(built, "ringback-", ".whl"), the(built, "ringback-", ".tar.gz")
    about = metadata_of(wheel)
    named = about.get_all("License-File") or []
    assert {"LICENSE", "THIRD_PARTY_NOTICES.md"} <= set(named)
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
    folder = f"ringback-{about['Version']}.dist-info/licenses"
    assert {f"{folder}/{name}" for name in named} <= set(inside)
    with tarfile.open(sdist) as archived:
        names = {name.partition("/")[2] for name in archived.getnames()}
    assert set(named) <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


@dataclass(frozen=True)
class BareEnvironment:
    folder: Path

    @property
    def ringback(self) -> Path:
        return self.folder / "bin" / "ringback"

    def run(self, *command: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **settings}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    @property
    def megabytes(self) -> float:
        (packages,) = self.folder.glob("lib/python3*/site-packages")
        return sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6


@pytest.fixture(scope="module")
def bare(built: list[Path], tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    """The wheel and the hashed requirements of the core, and nothing else."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    into = ("--quiet", "--python", folder / "bin" / "python")
    commands: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", *into, "--require-hashes", "-r", ROOT / "requirements" / "core.txt"],
        [uv, "pip", "install", *into, "--offline", the(built, "ringback-", ".whl")],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    return BareEnvironment(folder)


def test_the_core_is_small_and_has_no_recogniser(bare: BareEnvironment) -> None:
    python = bare.folder / "bin" / "python"
    missing = f"import importlib.util as u; print([n for n in {PACKAGES!r} if u.find_spec(n)])"
    assert bare.run(python, "-c", missing).stdout.strip() == "[]"
    print(f"the core: {bare.megabytes:.0f} MB")
    assert bare.megabytes < MOST_MEGABYTES


def test_without_a_recogniser_the_core_says_how_to_get_one(bare: BareEnvironment, tmp_path: Path) -> None:
    assert "Start the server." in bare.run(bare.ringback, "--help").stdout
    here = {"RINGBACK_DATA_DIR": str(tmp_path), "RINGBACK_PORT": "0"}
    served = bare.run(bare.ringback, "serve", **here)
    assert (served.returncode, INSTALL in served.stderr) == (2, True)
    examined = bare.run(bare.ringback, "doctor", **here)
    assert (examined.returncode, INSTALL in examined.stdout) == (1, True)


STAND_IN = """
import importlib.metadata, urllib.request
from ringback.stand_in.server import StandIn
print([each.value for each in importlib.metadata.entry_points(group="pytest11") if each.name == "ringback"])
with StandIn() as stand_in:
    request = urllib.request.Request(stand_in.url + "/v1/listen", b"RIFF", {"Authorization": "Token any"})
    print(urllib.request.urlopen(request).status)
"""


def test_the_stand_in_needs_no_more_than_the_core(bare: BareEnvironment) -> None:
    done = bare.run(bare.folder / "bin" / "python", "-c", STAND_IN)
    assert done.stdout == "['ringback.stand_in.pytest_plugin']\n200\n", done.stderr


@pytest.fixture
def scripted(tmp_path: Path) -> str:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"steps": [{"words": "hello from the core"}]}))
    return f"scripted:{script}"


def test_doctor_says_what_a_core_with_another_recogniser_lacks(
    bare: BareEnvironment, scripted: str, tmp_path: Path
) -> None:
    here = {"RINGBACK_DATA_DIR": str(tmp_path / "data"), "RINGBACK_PORT": "0", "RINGBACK_MODEL": scripted}
    done = bare.run(bare.ringback, "doctor", "--json", **here)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["subject"]: each for each in json.loads(done.stdout)["findings"]}
    assert "scripted is loaded" in found["model"]["what"]
    assert found["speech"]["grade"] == "warn"
    assert INSTALL in found["speech"]["fix"]


@pytest.fixture
def server(bare: BareEnvironment, scripted: str, tmp_path: Path) -> Iterator[Program]:
    settings = {"RINGBACK_MODEL": scripted}
    with Program(tmp_path / "data", settings, command=(str(bare.ringback),)) as program:
        yield program


def test_the_core_calls_back(server: Program) -> None:
    with Receiver() as receiver:
        accepted = server.listen(AUDIO, f"callback={receiver.url}", "audio/flac")
        assert accepted.status == 200, accepted.body
        (callback,) = receiver.wait_for(bool)
    said = callback.json()["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert said.startswith("hello from the core")
    assert server.call("GET", "/").status == 200, "the dashboard"
    assert "vad.by_loudness" in server.log
    assert server.stop() == 0
