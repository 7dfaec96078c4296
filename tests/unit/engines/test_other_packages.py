"""Recognisers that other packages bring."""

from pathlib import Path

import pytest

from ringback.bootstrap.values import engine_setup, model_catalogue
from ringback.engines.registry import all_kinds, own_kinds
from ringback.settings import Settings

MODULE = """
from ringback.engines.scripted import ScriptedKind

class OtherKind(ScriptedKind):
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that brings the kind `other`."""
    (tmp_path / "other_recogniser.py").write_text(MODULE)
    facts = tmp_path / "other_recogniser-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: other-recogniser\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[ringback.engines]\nother = other_recogniser:OtherKind\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_server_finds_it_and_tells_the_engine_process(package: Path) -> None:
    script = package / "script.json"
    script.write_text('{"steps": [{"words": "hello"}]}')
    settings = Settings(model=f"other:{script}", data_dir=str(package))
    setup = engine_setup(settings)
    assert setup.kinds == {"other": "other_recogniser:OtherKind"}
    assert type(all_kinds(setup.kinds)["other"]).__name__ == "OtherKind"
    assert model_catalogue(settings).default.name == model_catalogue(settings).models()[0].name


def test_our_own_kinds_stay(package: Path) -> None:
    assert list(all_kinds({"other": "other_recogniser:OtherKind"})) == [*own_kinds(), "other"]
