"""What is sealed opens for its own place only, and the secret key is made once and kept safe."""

import concurrent.futures
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.errors import Misconfigured
from ringback.sealing import FILE_BYTES, Seal, UnsealFailed, is_sealed

SEAL = Seal([b"k" * 32])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_what_was_sealed_opens(text: str, about: str) -> None:
    sealed = SEAL.seal(text, about)
    assert is_sealed(sealed)
    assert sealed.isascii()
    assert "://" not in sealed
    assert SEAL.open(sealed, about) == text


@given(TEXTS, TEXTS, TEXTS)
def test_it_opens_in_no_other_place(text: str, about: str, elsewhere: str) -> None:
    if about != elsewhere:
        with pytest.raises(UnsealFailed, match="another place"):
            SEAL.open(SEAL.seal(text, about), elsewhere)


@given(st.text(max_size=40), st.data())
def test_a_changed_text_does_not_open(text: str, data: st.DataObject) -> None:
    sealed = SEAL.seal(text, "here")
    at = data.draw(st.integers(0, len(sealed) - 1))
    put = data.draw(st.sampled_from("ABab019-_.=é ").filter(lambda each: each != sealed[at]))
    with pytest.raises(UnsealFailed):
        assert SEAL.open(sealed[:at] + put + sealed[at + 1 :], "here") != text


def key_id(seal: Seal) -> str:
    """Which secret it seals with, as its texts and messages say."""
    return seal.seal("", "").split(".")[1]


@given(st.text())
def test_anything_else_does_not_open(text: str) -> None:
    for each in (text, "sealed1." + text, f"sealed1.{key_id(SEAL)}.{text}"):
        with pytest.raises(UnsealFailed):
            SEAL.open(each, "")


def test_a_text_is_never_sealed_the_same_way_twice() -> None:
    assert len({SEAL.seal("the same", "here") for _ in range(100)}) == 100


def test_the_first_secret_seals_and_all_open() -> None:
    old, new = Seal([b"old" * 10]), Seal([b"new" * 10, b"old" * 10])
    assert new.open(old.seal("text", "here"), "here") == "text"
    with pytest.raises(UnsealFailed, match=f"secret key {key_id(new)}, which"):
        old.open(new.seal("text", "here"), "here")


def test_subkeys_are_each_of_one_purpose_and_one_secret() -> None:
    derived = {SEAL.subkey("jwt"), SEAL.subkey("other"), Seal([b"l" * 32]).subkey("jwt"), b"k" * 32}
    assert len(derived) == 4
    assert Seal([b"k" * 32, b"l" * 32]).subkey("jwt") == SEAL.subkey("jwt")
    assert len(SEAL.subkey("long", 64)) == 64


def test_the_file_is_made_once_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        made = {key_id(seal) for seal in threads.map(lambda _: Seal.of("", path), range(16))}
    assert len(made) == 1
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_size) == (0o600, FILE_BYTES)
    assert list(tmp_path.iterdir()) == [path]


def test_a_setting_makes_no_file(tmp_path: Path) -> None:
    seal = Seal.of(f"{'a' * 16} , {'b' * 16},", tmp_path / "secret.key")
    assert key_id(seal) == key_id(Seal([b"a" * 16]))
    assert seal.open(Seal([b"b" * 16]).seal("text", "here"), "here") == "text"
    assert not list(tmp_path.iterdir())


def test_from_the_file_to_a_setting_nothing_is_lost(tmp_path: Path) -> None:
    sealed = Seal.of("", tmp_path / "secret.key").seal("text", "here")
    seal = Seal.of("a" * 16, tmp_path / "secret.key")
    assert seal.open(sealed, "here") == "text"
    assert key_id(seal) not in sealed


def test_what_is_no_secret_is_refused_and_the_fix_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with pytest.raises(Misconfigured, match="openssl rand") as caught:
        Seal.of("hush,hush", path)
    assert "hush" not in str(caught.value)
    path.write_bytes(b"torn")
    with pytest.raises(Misconfigured, match="put back the copy"):
        Seal.of("", path)
    path.unlink()
    path.mkdir()
    with pytest.raises(Misconfigured, match="RINGBACK_SECRET_KEY"):
        Seal.of("", path)
