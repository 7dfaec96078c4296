import pytest

from ringback.audio.encodings import ENCODINGS, Decoding, opening
from ringback.audio.formats import CONTAINERS
from ringback.errors import Refusal

PCM = b"\x01\x00\x02\x00" * 4


@pytest.mark.parametrize(
    ("encoding", "demuxer"),
    [("linear16", "s16le"), ("linear32", "f32le"), ("mulaw", "mulaw"), ("ALAW", "alaw")],
)
def test_samples_without_a_header_are_read_as_the_caller_says(encoding: str, demuxer: str) -> None:
    plan = opening(Decoding(encoding, sample_rate=8000, channels=2), PCM)
    assert plan.format == demuxer
    assert plan.options["sample_rate"] == "8000"
    assert plan.options["ch_layout"] == "2C"


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"fLaC" + PCM,
        b"OggS" + PCM,
        b"#!AMR\n" + PCM,
        b"\x00\x00\x00\x20ftypM4A ",
    ],
)
def test_a_header_is_believed_rather_than_the_encoding(head: bytes) -> None:
    assert opening(Decoding("linear16"), head).format is None


def test_codecs_with_one_rate_need_no_sample_rate() -> None:
    assert opening(Decoding("amr-nb"), PCM).format == "amrnb"
    assert opening(Decoding("amr-wb"), PCM).format == "amrwb"
    assert opening(Decoding("g729"), PCM).format == "g729"


@pytest.mark.parametrize(
    ("decoding", "hint"),
    [
        (Decoding("linear16"), "needs sample_rate"),
        (Decoding("mulaw", sample_rate=0), "sample_rate=0"),
        (Decoding("mulaw", sample_rate=4_000_000_000), "out of range"),
        (Decoding("linear16", sample_rate=8000, channels=21), "channels=21"),
        (Decoding("linear16", sample_rate=8000, channels=0), "channels=0"),
        (Decoding("opus", sample_rate=48_000), "Ogg or WebM"),
        (Decoding("speex", sample_rate=8000), "Ogg or WebM"),
        (Decoding("lame"), "linear16, linear32"),
    ],
)
def test_a_refusal_names_the_fix(decoding: Decoding, hint: str) -> None:
    with pytest.raises(Refusal) as refusal:
        opening(decoding, PCM)
    assert refusal.value.failure.status == 400
    assert refusal.value.failure.err_code == "Bad Request"
    assert hint in refusal.value.failure.err_msg


def test_every_documented_encoding_is_known() -> None:
    documented = "linear16 linear32 flac alaw mulaw amr-nb amr-wb opus ogg-opus speex g729"
    assert set(documented.split()) == set(ENCODINGS)


def test_nothing_that_opens_other_files_may_be_opened() -> None:
    assert not {"hls", "dash", "concat", "image2", "lavfi", "sdp", "rtsp", "tty", "mpjpeg"} & set(CONTAINERS)
    assert opening(Decoding(), PCM).options["protocol_whitelist"] == "none"
