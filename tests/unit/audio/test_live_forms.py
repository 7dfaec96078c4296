"""What a live stream may be, and how its raw samples are read."""

import struct

import av
import numpy as np
import pytest

from ringback.audio.encodings import ENCODINGS, Decoding, check_live
from ringback.audio.raw import RawAudio
from ringback.audio.wav import wav_head
from ringback.errors import Refusal
from support.encoded import sound_codec


@pytest.mark.parametrize("encoding", [None, *ENCODINGS, "MuLaw"])
def test_what_can_be_understood_passes(encoding: str | None) -> None:
    check_live(Decoding(encoding, 8_000, 2))


@pytest.mark.parametrize(
    ("decoding", "hint"),
    [
        (Decoding("g723", 8_000), "known are linear16"),
        (Decoding("linear16"), "needs sample_rate"),
        (Decoding("mulaw", 800), "4000 to"),
        (Decoding("linear16", 16_000, 21), "1 to 20"),
        (Decoding("opus", 48_000, 0), "1 to 20"),
        (Decoding("speex"), "needs sample_rate"),
    ],
)
def test_what_could_not_be_is_refused_with_the_fix(decoding: Decoding, hint: str) -> None:
    with pytest.raises(Refusal, match=hint) as refused:
        check_live(decoding)
    assert refused.value.failure.status == 400


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_companded_bytes_mean_what_ffmpeg_says(law: str) -> None:
    every = bytes(range(256)) * 2
    codec = sound_codec(f"pcm_{law}", "r", 16_000)
    (frame,) = codec.decode(av.Packet(every))
    (block,) = RawAudio(Decoding(law, 16_000)).push(every)
    assert (np.round(block[0] * 32768) == frame.to_ndarray()[0]).all()


def test_numbers_that_are_none_do_not_spoil_the_rest() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 0.5] * 200, "<f4").tobytes()
    (block,) = RawAudio(Decoding("linear32", 16_000)).push(data)
    assert block[0, :4].tolist() == [0.0, 1.0, -1.0, 0.5]


def riff(tag: int, bits: int, *, before: bytes = b"", size: int = 0xFFFFFFFF) -> bytes:
    form = struct.pack("<HHIIHH", tag, 2, 8_000, 0, 0, bits)
    return b"RIFF\0\0\0\0WAVE" + before + b"fmt \x10\0\0\0" + form + b"data" + struct.pack("<I", size)


def test_a_wav_header_tells_what_follows_whatever_its_length_claims() -> None:
    for size in (0, 100, 0xFFFFFFFF):
        head = wav_head(riff(1, 16, size=size) + b"samples", multichannel=True)
        assert head is not None
        assert head.decoding == Decoding("linear16", 8_000, 2, multichannel=True)
        assert head.size == 44


def test_other_chunks_may_stand_before_the_samples() -> None:
    head = wav_head(riff(7, 8, before=b"LIST\x03\0\0\0abc\0"), multichannel=False)
    assert head is not None
    assert head.decoding.encoding == "mulaw"


@pytest.mark.parametrize("data", [b"", b"RIFF", riff(1, 16)[:-1], riff(1, 24), riff(85, 0), b"OggS" * 20])
def test_what_is_incomplete_or_another_form_is_not_taken_for_wav(data: bytes) -> None:
    assert wav_head(data, multichannel=False) is None
