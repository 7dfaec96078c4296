"""Which keys the server does not start with, and on which address."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ringback.bootstrap.weak_keys import is_exposed, weak_keys
from ringback.cli import main
from ringback.settings import Settings

RANDOM = "7c0f1b5de2a94c3886f1d0e4b9a27735"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize(
    "key",
    [
        "a",
        "ab",
        "aaaaaaaa",
        "abababababababab",
        "change-me",
        "change-me-too",
        "please-change-me",
        "changeme123456789",
    ],
)
def test_no_key_at_all_is_refused_everywhere(host: str, key: str) -> None:
    [fault] = weak_keys(Settings(host=host, api_key=key))
    assert "openssl rand -hex 32" in fault
    assert "RINGBACK_API_KEY" in fault
    assert len(key) < 5 or key not in fault


@pytest.mark.parametrize(
    "key", ["secret", "first-key", "0123456789abcde", "1234567890123456", "passwordpassword"]
)
def test_a_short_key_is_for_this_machine_only(key: str) -> None:
    assert weak_keys(Settings(host="127.0.0.1", api_key=key)) == []
    for host in ("0.0.0.0", "::", "192.168.1.7", "speech.example"):
        [fault] = weak_keys(Settings(host=host, api_key=key))
        assert "other machines reach this server" in fault


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_random_keys_are_good_everywhere(host: str) -> None:
    assert weak_keys(Settings(host=host, api_key=RANDOM, secret_key=RANDOM)) == []
    assert weak_keys(Settings(host=host)) == []


@pytest.mark.parametrize("secret", ["change-me-to-a-long-random-text", "a" * 40, "abcabcabcabcabcabc"])
def test_a_secret_key_is_random_text(secret: str) -> None:
    [fault] = weak_keys(Settings(secret_key=secret))
    assert "RINGBACK_SECRET_KEY" in fault
    assert secret not in fault
    # On its way out it may still decrypt what it has encrypted.
    assert weak_keys(Settings(secret_key=f"{RANDOM},{secret}")) == []


def test_addresses_that_only_this_machine_reaches() -> None:
    assert [host for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost") if is_exposed(host)] == []
    assert is_exposed("::ffff:10.0.0.1")


def test_the_server_refuses_to_start_and_names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_API_KEY", "change-me-too")
    done = CliRunner().invoke(main, ["serve", "--data-dir", str(tmp_path / "data"), "--port", "0"])
    assert done.exit_code == 2
    assert "openssl rand -hex 32" in done.output
    assert not (tmp_path / "data" / "ringback.db").exists()


def test_doctor_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_API_KEY", "first-key")
    monkeypatch.setenv("RINGBACK_HOST", "0.0.0.0")
    monkeypatch.setenv("RINGBACK_MODEL", "scripted:none")
    done = CliRunner().invoke(main, ["doctor", "--data-dir", str(tmp_path / "data")])
    assert done.exit_code == 1
    assert "fail keys" in " ".join(done.output.split())
