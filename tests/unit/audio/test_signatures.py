"""Where the next file begins: really encoded files behind other bytes."""

import random
from functools import cache

import pytest

from ringback.audio.signatures import (
    Header,
    Unsure,
    has_mpeg_frames,
    kind_of,
    may_be_coded,
    next_header,
)
from support.encoded import encoded, tone

JUNK = random.Random(5).randbytes(300)
PLAIN = {"write_xing": "0", "id3v2_version": "0"}
FORMS = [
    ("wav", "pcm_s16le", 16_000, {}, "wav"),
    ("wav", "pcm_s24le", 44_100, {}, "wav"),
    ("w64", "pcm_s16le", 16_000, {}, "w64"),
    ("avi", "pcm_s16le", 16_000, {}, "avi"),
    ("flac", "flac", 16_000, {}, "flac"),
    ("ogg", "libopus", 48_000, {}, "ogg"),
    ("ogg", "flac", 16_000, {}, "ogg"),
    ("matroska", "flac", 16_000, {}, "matroska"),
    ("webm", "libopus", 48_000, {}, "matroska"),
    ("mp4", "aac", 44_100, {}, "mov"),
    ("mp4", "aac", 44_100, {"movflags": "frag_keyframe+empty_moov"}, "mov"),
    ("mp3", "libmp3lame", 44_100, {}, "id3"),
    ("mp3", "libmp3lame", 16_000, PLAIN, "mp3"),
    ("mp3", "libmp3lame", 8_000, PLAIN, "mp3"),
    ("mp2", "mp2", 24_000, {}, "mp3"),
    ("adts", "aac", 44_100, {}, "aac"),
    ("adts", "aac", 16_000, {}, "aac"),
    ("aiff", "pcm_s16be", 16_000, {}, "aiff"),
    ("caf", "pcm_s16le", 16_000, {}, "caf"),
    ("au", "pcm_mulaw", 8_000, {}, "au"),
    ("amr", "libopencore_amrnb", 8_000, {}, "amr"),
    ("flv", "libmp3lame", 44_100, {}, "flv"),
    ("mpegts", "aac", 44_100, {}, "mpegts"),
]
each_form = pytest.mark.parametrize(("form", "codec", "rate", "options", "kind"), FORMS)


def a_second(form: str, codec: str, rate: int, options: dict[str, str]) -> bytes:
    return _a_second(form, codec, rate, tuple(options.items()))


@cache
def _a_second(form: str, codec: str, rate: int, options: tuple[tuple[str, str], ...]) -> bytes:
    return encoded(form, codec, rate, tone(1.0, rate), dict(options))


@each_form
def test_a_file_is_found_behind_other_bytes(
    form: str, codec: str, rate: int, options: dict[str, str], kind: str
) -> None:
    file = a_second(form, codec, rate, options)
    assert next_header(JUNK + file) == Header(len(JUNK), kind)
    assert next_header(file) == Header(0, kind)
    assert kind_of(file[:64]) == (None if kind in {"mp3", "aac", "mpegts"} else kind)


@each_form
def test_a_header_that_is_not_whole_is_waited_for(
    form: str, codec: str, rate: int, options: dict[str, str], kind: str
) -> None:
    data = JUNK + a_second(form, codec, rate, options)[:3_000]
    at = [next_header(data[:size]) for size in range(len(JUNK) + 1, len(data), 7)]
    first = next(i for i, found in enumerate(at) if isinstance(found, Header))
    assert all(found == Unsure(len(JUNK)) for found in at[:first])
    assert at[first:] == [Header(len(JUNK), kind)] * (len(at) - first)


@each_form
def test_a_file_is_in_no_other(form: str, codec: str, rate: int, options: dict[str, str], kind: str) -> None:
    """But for what stands before its first sound, which `FileSplitter` passes over."""
    file = a_second(form, codec, rate, options)
    beginning = 400
    found = [
        next_header(file[at : at + 16_384], inside=[kind, "mp3"])
        for at in range(beginning, len(file), 16_000)
    ]
    assert not [header for header in found if isinstance(header, Header)]


def test_bare_frames_are_not_looked_for_where_they_are_the_audio() -> None:
    file = a_second("mp3", "libmp3lame", 16_000, PLAIN)
    assert next_header(JUNK + file, inside=["mp3"]) is None
    assert next_header(JUNK + file, frames=0) is None


@pytest.mark.parametrize(
    "word", [b"RIFF", b"\xff\xfb\x90\x00", b"OggS\x00", b"G@\x00\x10zz", b"\x00\x00\x00\x20ftyp"]
)
def test_bytes_that_only_look_like_headers_are_none(word: bytes) -> None:
    assert not isinstance(next_header(word * (16_384 // len(word))), Header)


def test_random_bytes_are_hardly_ever_waited_for() -> None:
    chance = random.Random(9)
    found = [next_header(chance.randbytes(16_384)[:-1] + b"\x55") for _ in range(60)]
    assert not [each for each in found if isinstance(each, Header)]
    assert sum(each is not None for each in found) < 5


@pytest.mark.parametrize(("form", "codec", "rate"), [("mp3", "libmp3lame", 8_000), ("mp2", "mp2", 48_000)])
@pytest.mark.parametrize("junk", [b"", JUNK])
def test_mpeg_frames_are_found_wherever_they_begin(form: str, codec: str, rate: int, junk: bytes) -> None:
    options = PLAIN if form == "mp3" else {}
    assert has_mpeg_frames(junk + encoded(form, codec, rate, tone(1.0, rate), options)[5:8_000])


def test_noise_has_no_mpeg_frames() -> None:
    assert not any(has_mpeg_frames(random.Random(seed).randbytes(8_000)) for seed in range(20))
    assert not has_mpeg_frames(b"\xff" * 8_000)


def test_silent_samples_are_no_file() -> None:
    for silence in (b"\0", b"\xff", b"\xd5", b"\xd5\x55\xd4\x54"):
        assert not may_be_coded(silence * 2_000)
    assert may_be_coded(JUNK * 30)
