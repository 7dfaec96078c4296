"""A stream is cut exactly where the next file begins, however it is sent: really encoded files."""

import random
from collections.abc import Iterator
from functools import cache

import pytest

from ringback.audio.splitter import FileSplitter, NextFile
from support.encoded import encoded, tone

PLAIN = {"write_xing": "0", "id3v2_version": "0"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
FORMS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "wav": ("wav", "pcm_s16le", 16_000, {}),
    "wav24": ("wav", "pcm_s24le", 44_100, {}),
    "adpcm": ("wav", "adpcm_ima_wav", 16_000, {}),
    "w64": ("w64", "pcm_s16le", 16_000, {}),
    "avi": ("avi", "pcm_s16le", 16_000, {}),
    "flac": ("flac", "flac", 16_000, {}),
    "ogg-opus": ("ogg", "libopus", 48_000, {}),
    "ogg-flac": ("ogg", "flac", 16_000, {}),
    "asf": ("asf", "pcm_s16le", 16_000, {}),
    "mkv-flac": ("matroska", "flac", 16_000, {}),
    "webm": ("webm", "libopus", 48_000, {}),
    "m4a": ("mp4", "aac", 44_100, {"movflags": "faststart"}),
    "fmp4": ("mp4", "aac", 16_000, FRAGMENTED),
    "mp3": ("mp3", "libmp3lame", 44_100, {}),
    "mp3-bare": ("mp3", "libmp3lame", 16_000, PLAIN),
    "mp2": ("mp2", "mp2", 24_000, {}),
    "aac": ("adts", "aac", 44_100, {}),
    "aiff": ("aiff", "pcm_s16be", 16_000, {}),
    "caf": ("caf", "pcm_s16le", 16_000, {}),
    "au": ("au", "pcm_mulaw", 8_000, {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, {}),
    "flv": ("flv", "libmp3lame", 44_100, {}),
    "mpegts": ("mpegts", "aac", 44_100, {}),
}
CONTINUED = {("mp3", "mp3-bare"), ("mp3", "mp2"), ("mp3-bare", "mp2"), ("mp2", "mp3-bare")}
CONTINUED |= {(bare, bare) for bare in ("mp3-bare", "mp2", "aac", "mpegts")}
"""Bare frames that are followed by bare frames, which FFmpeg reads through."""


@cache
def file(name: str) -> bytes:
    form, codec, rate, options = FORMS[name]
    return encoded(form, codec, rate, tone(0.6, rate), options)


def cut_at_random(data: bytes, chance: random.Random) -> Iterator[bytes]:
    longest = chance.choice((40, 700, 5_000, 100_000))
    at = 0
    while at < len(data):
        size = chance.randint(1, longest)
        yield data[at : at + size]
        at += size


def split(pieces: Iterator[bytes] | list[bytes], splitter: FileSplitter) -> list[bytes]:
    files = [b""]
    for piece in pieces:
        for part in splitter.push(piece):
            if isinstance(part, NextFile):
                files.append(b"")
            else:
                files[-1] += part
    files[-1] += splitter.flush()
    return files


@pytest.mark.parametrize("first", FORMS)
def test_any_file_behind_any_other(first: str) -> None:
    chance = random.Random(first)
    for second in FORMS:
        expected = [file(first), file(second)]
        if (first, second) in CONTINUED:
            expected = [b"".join(expected)]
        assert split(cut_at_random(file(first) + file(second), chance), FileSplitter()) == expected, second


@pytest.mark.parametrize("name", FORMS)
def test_every_piece_a_file(name: str) -> None:
    files = split([file(name)] * 3, FileSplitter())
    assert b"".join(files) == file(name) * 3
    assert len(files) == (1 if (name, name) in CONTINUED else 3)


@pytest.mark.parametrize("name", ["wav", "webm", "mp3", "ogg-flac", "fmp4", "mp3-bare"])
def test_byte_by_byte(name: str) -> None:
    data = file("wav")[:9_000] + file(name)[:6_000]
    assert split([data[i : i + 1] for i in range(len(data))], FileSplitter()) == [data[:9_000], data[9_000:]]


def test_in_raw_samples_only_a_header_begins_a_file() -> None:
    samples = bytes(2_000)
    assert split([samples, file("mp3-bare")], FileSplitter(samples=True)) == [samples + file("mp3-bare")]
    assert split([samples, file("wav")], FileSplitter(samples=True)) == [samples, file("wav")]
    behind = split([file("wav"), file("mp3-bare")], FileSplitter(samples=True))
    assert behind == [file("wav"), file("mp3-bare")]


def test_in_bare_packets_a_file_begins_at_the_start_of_a_piece() -> None:
    packet = b"\x78" + bytes(50)
    inside = packet + file("ogg-opus")
    assert split([packet, inside], FileSplitter(packets=True)) == [packet + inside]
    assert split([packet, file("ogg-opus"), b"more"], FileSplitter(packets=True)) == [
        packet,
        file("ogg-opus") + b"more",
    ]
    assert split([file("ogg-opus")], FileSplitter(packets=True)) == [file("ogg-opus")]


def test_packets_come_out_as_they_went_in() -> None:
    packets = [b"\xffR", b"\x00\x00", b"RIFF"]
    splitter = FileSplitter(packets=True)
    assert [part for packet in packets for part in splitter.push(packet)] == packets


def test_samples_are_hardly_held_back() -> None:
    noise = random.Random(3)
    for splitter in (FileSplitter(samples=True), FileSplitter()):
        held = []
        for _ in range(100):
            piece = noise.randbytes(640)
            out = b"".join(part for part in splitter.push(piece) if isinstance(part, bytes))
            held.append(len(piece) - len(out))
        assert len([size for size in held if size > 8]) < 5
