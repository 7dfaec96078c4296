"""How large an MP4 says that its index is."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ringback.audio.mp4_index import LARGE_INDEX, LARGEST_INDEX, claims_too_much, index_entries
from support.memory_bombs import box, full, mp4

MakeAudio = Callable[..., Path]


def entries(data: bytes) -> int:
    return index_entries(io.BytesIO(data), len(data))


def test_every_sample_of_every_track_counts() -> None:
    assert entries(mp4(40_000_000)) == 40_000_000
    assert entries(mp4(1_000_000, tracks=1_000)) == 1_000_000_000


def test_the_samples_of_fragments_count_although_no_byte_tells_them() -> None:
    run = full(b"trun", (40_000_000).to_bytes(4, "big"))
    assert entries(mp4(5) + box(b"moof", box(b"traf", run, run))) == 80_000_005


@pytest.mark.parametrize(
    "hidden", [box(b"cmov", bytes(8)), box(b"edts", full(b"elst", bytes(2) + b"\x10\x00"))]
)
def test_what_nobody_can_count_is_taken_for_large(hidden: bytes) -> None:
    assert entries(box(b"moov", hidden)) > LARGE_INDEX


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
def test_an_honest_file_has_few(options: dict[str, str], make_audio: MakeAudio) -> None:
    silence = np.zeros((1, 30 * 44_100), np.float32)
    data = make_audio(silence, 44_100, "mp4", "aac", options=options).read_bytes()
    assert 1_280 < entries(data) < 1_310
    uncompressed = make_audio(silence, 44_100, "mov", "pcm_s16le", options=options).read_bytes()
    assert entries(uncompressed) < len(uncompressed)
    assert not claims_too_much(entries(uncompressed), len(uncompressed) // 3)


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", bytes(1_000), b"\xff" * 1_000, b"\x00\x00\x00\x01moov" + b"\xff" * 99]
)
def test_other_bytes_have_none(data: bytes) -> None:
    assert entries(data) == 0


def test_boxes_without_end_are_not_followed_without_end() -> None:
    deep = b"".join(b"\x00\x00\x00\x00moov" for _ in range(10_000))
    assert entries(deep) < LARGEST_INDEX


@pytest.mark.parametrize(
    ("count", "size", "too_much"),
    [
        (900_000, 100, False),
        (40_000_000, 64_000, True),
        (7_000_000, 64_000, True),
        (8_000_000, 30_000_000, False),
        (40_000_000, 1 << 40, True),
    ],
)
def test_what_no_honest_file_claims(count: int, size: int, too_much: bool) -> None:
    assert claims_too_much(count, size) is too_much
