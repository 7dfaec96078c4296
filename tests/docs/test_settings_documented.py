"""Settings, the packaged ringback.toml and docs/settings.md say the same."""

import re
import tomllib
from importlib import resources
from pathlib import Path

from ringback.settings import Settings, keys, load, variable

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "settings.md"
ROW = re.compile(
    r"^\| `(?P<key>[a-z_.]+)` \| `(?P<variable>[A-Z_]+)` \| (?P<default>.*?) \| (?P<meaning>.+) \|$"
)


def packaged() -> str:
    return resources.files("ringback").joinpath("ringback.toml").read_text()


def rows() -> dict[str, re.Match[str]]:
    matches = [match for line in DOCUMENT.read_text().splitlines() if (match := ROW.match(line))]
    return {match["key"]: match for match in matches}


def test_the_packaged_file_is_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "ringback.toml"
    file.write_text(packaged())
    assert load(file, environ={}) == Settings()


def test_the_packaged_file_names_every_key() -> None:
    document = tomllib.loads(packaged())
    named = {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in document.items()
        for inner in (value if isinstance(value, dict) else [name])
    }
    assert named == set(keys())


def test_the_packaged_file_explains_what_it_sets() -> None:
    """A comment stands before each key, or before a run of keys that share it."""
    before = ""
    for line in packaged().splitlines():
        assert not (" = " in line and not line.startswith("#") and before in {"", "["}), line
        before = line[:1]


def test_every_setting_has_its_row_and_no_row_is_left_over() -> None:
    assert list(rows()) == list(keys())
    for key, row in rows().items():
        assert row["variable"] == variable(key)


def test_the_defaults_in_the_table_are_true() -> None:
    for key, default in keys().items():
        cell = rows()[key]["default"]
        if default in ("", ()):
            assert "`" not in cell or key == "data_dir", key
        elif isinstance(default, tuple):
            assert cell == f"`{','.join(map(str, default))}`", key
        elif isinstance(default, float):
            assert float(cell.strip("`")) == default, key
        elif isinstance(default, bool):
            assert cell == f"`{str(default).lower()}`", key
        else:
            assert cell == f"`{default}`", key
