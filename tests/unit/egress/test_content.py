"""Undoing a content coding that was not requested, and telling pages from audio."""

import gzip
import zlib

import pytest

from ringback.egress.content import PIECE, BadCoding, Unpacker, what_it_is_instead

AUDIO = bytes(range(256)) * 4_000
RAW_DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": gzip.compress(AUDIO, mtime=0),
    "x-gzip": gzip.compress(AUDIO[:1_000], mtime=0) + gzip.compress(AUDIO[1_000:], mtime=0),
    "GZIP": gzip.compress(AUDIO, mtime=0) + bytes(512),
    "deflate": zlib.compress(AUDIO),
    "identity, deflate": RAW_DEFLATE.compress(AUDIO) + RAW_DEFLATE.flush(),
}


def unpacked(coding: str | None, packed: bytes, piece: int) -> bytes:
    unpacker = Unpacker(coding)
    pieces = [packed[place : place + piece] for place in range(0, len(packed), piece)]
    return b"".join(out for each in pieces for out in unpacker.unpack(each)) + unpacker.end()


@pytest.mark.parametrize("piece", [1, 7, 100_000_000])
@pytest.mark.parametrize("coding", PACKED)
def test_codings_are_undone(coding: str, piece: int) -> None:
    assert unpacked(coding, PACKED[coding], piece) == AUDIO


@pytest.mark.parametrize(
    "coding", [None, "", "identity", "gzip", "none", "binary", "UTF-8", "aws-chunked", "aws-chunked,gzip"]
)
@pytest.mark.parametrize("body", [b"RIFF....", b"R", b""])
def test_plain_bytes_stay_as_they_are_whatever_their_header_says(coding: str | None, body: bytes) -> None:
    assert unpacked(coding, body, 1) == body


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "\x1b[31m"])
def test_other_codings_are_reported(coding: str) -> None:
    with pytest.raises(BadCoding) as caught:
        Unpacker(coding)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("damage", [PACKED["gzip"][:-20], PACKED["gzip"][:200] + b"\xff" * 400])
def test_damage_is_reported(damage: bytes) -> None:
    with pytest.raises(BadCoding):
        unpacked("gzip", damage, 64)


def test_a_bomb_comes_in_pieces() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    sizes = [len(each) for each in Unpacker("gzip").unpack(bomb)]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= PIECE


@pytest.mark.parametrize(
    ("kind", "first", "said"),
    [
        ("text/html; charset=utf-8", b"<a>", "HTML"),
        ("audio/wav", b"\xef\xbb\xbf\n <!DOCTYPE html>", "HTML"),
        (None, b"<HTML lang=en>", "HTML"),
        ("application/problem+json", b' {"error": 1}', "JSON"),
        ("application/xml", b"<?xml version='1.0'?><Error/>", "XML"),
    ],
)
def test_pages_and_documents_are_reported(kind: str | None, first: bytes, said: str) -> None:
    assert said in (what_it_is_instead(kind, first) or "")


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("text/html", b"RIFF"),
        ("application/json", b"fLaC"),
        (None, b"<html5"),
        (None, b"{"),
        ("audio/l16", b"<a>"),
        (None, b""),
    ],
)
def test_audio_is_not_taken_for_a_page(kind: str | None, first: bytes) -> None:
    assert what_it_is_instead(kind, first) is None
