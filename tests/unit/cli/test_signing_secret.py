"""`ringback keys signing-secret`: shown, rotated, and refused where the server could not open it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringback.cli.keys import command
from ringback.errors import Misconfigured


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGBACK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def key_id(data: Path) -> str:
    assert keys("create").exit_code == 0
    return keys("list").stdout.split()[0]


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def displayed(*arguments: str) -> list[str]:
    result = keys("signing-secret", *arguments)
    assert result.exit_code == 0, result
    return result.stdout.splitlines()


def test_it_is_shown_and_rotated(key_id: str) -> None:
    (before,) = displayed(key_id)
    assert before.startswith("whsec_")
    assert displayed(key_id) == [before]
    after = displayed(key_id, "--rotate", "--overlap", "5m")
    assert (len(after), after[1]) == (2, before)
    (alone,) = displayed(key_id, "--rotate", "--overlap", "0s")
    assert alone not in after


def test_the_server_has_public_keys() -> None:
    (before,) = displayed("server")
    assert before.startswith("whpk_")
    assert displayed("server", "--rotate")[1] == before


def test_an_unknown_key_is_refused_and_the_fix_named() -> None:
    assert "keys list" in str(keys("signing-secret", "nobody").exception)


@pytest.mark.parametrize("overlap", ["", "soon", "31d", "721h", "-1s"])
def test_an_overlap_that_is_none_is_refused(key_id: str, overlap: str) -> None:
    result = keys("signing-secret", key_id, "--rotate", "--overlap", overlap)
    assert result.exit_code == 2
    assert "720h" in result.stderr


def test_with_another_secret_key_nothing_is_sealed_that_the_server_could_not_open(
    data: Path, key_id: str
) -> None:
    before = displayed(key_id)
    (data / "secret.key").rename(data / "mislaid")
    refused = keys("signing-secret", key_id, "--rotate")
    assert isinstance(refused.exception, Misconfigured)
    assert "RINGBACK_SECRET_KEY" in str(refused.exception)

    assert displayed("server", "--rotate", "--overlap", "0s")
    assert before[0] not in displayed(key_id, "--rotate", "--overlap", "0s")
