"""`packages/ringback-models`: every file has its hash, its licence and its notice, and git stays small."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "packages" / "ringback-models"
FILES = PACKAGE / "src" / "ringback_models"
HASHES = {
    name: digest
    for digest, name in (line.split() for line in (FILES / "SHA256SUMS").read_text().splitlines())
}
MOST_MEGABYTES = 40


def test_every_file_has_a_hash_and_a_notice() -> None:
    files = {path.name for path in FILES.iterdir() if path.suffix not in {".py", ".typed", ""}}
    notice = (PACKAGE / "NOTICE").read_text()
    assert files == set(HASHES)
    assert [name for name in HASHES if name not in notice] == []


@pytest.mark.parametrize("name", sorted(HASHES))
def test_a_file_is_what_its_hash_says(name: str) -> None:
    assert hashlib.sha256((FILES / name).read_bytes()).hexdigest() == HASHES[name]


def test_licences_that_the_notice_names_are_there() -> None:
    for licence in (PACKAGE / "licenses").iterdir():
        assert f"licenses/{licence.name}" in (PACKAGE / "NOTICE").read_text()


def test_it_stays_small() -> None:
    assert sum(path.stat().st_size for path in FILES.iterdir() if path.is_file()) < MOST_MEGABYTES * 1_000_000


def test_the_extra_asks_for_the_version_that_is_here() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "speakers"
    ]
    ours = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert f"{ours['name']}=={ours['version']}" in {str(Requirement(each)) for each in extra}
