"""Whole bodies: several files in one, files heard in part, and the container's clock."""

import io
import random
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.audio import recording as recording_module
from ringback.audio.encodings import Decoding
from ringback.audio.recording import Recording, opened
from ringback.errors import Refusal

Signal = npt.NDArray[np.float32]
Tone = Callable[..., Signal]
MakeAudio = Callable[..., Path]
Make = Callable[..., bytes]
Form = tuple[str, str, int, int]


@pytest.fixture
def make(tone: Tone, make_audio: MakeAudio) -> Make:
    """Two seconds of a tone in some form, as bytes."""

    def bytes_of(form: Form, options: dict[str, str] | None = None, seconds: float = 2.0) -> bytes:
        name, codec, rate, channels = form
        signal = np.repeat(tone(440, seconds, rate), channels, axis=0)
        return make_audio(signal, rate, name, codec, options=options).read_bytes()

    return bytes_of


def read(path: Path, decoding: Decoding | None = None) -> tuple[float, Recording]:
    """Seconds decoded, and the recording after it was read."""
    with opened(path, decoding or Decoding()) as recording:
        return sum(block.shape[1] for block in recording.blocks()) / 16_000, recording


def read_bytes(tmp_path: Path, data: bytes, decoding: Decoding | None = None) -> tuple[float, Recording]:
    path = tmp_path / "body"
    path.write_bytes(data)
    return read(path, decoding)


def is_whole(recording: Recording) -> bool:
    unread = recording.unread
    return unread.bytes_share == 0 == unread.seconds_share and recording.clock.ignored == 0


WAV16, WAV24 = ("wav", "pcm_s16le", 16_000, 1), ("wav", "pcm_s24le", 44_100, 1)
OPUS, OPUS2 = ("ogg", "libopus", 48_000, 1), ("ogg", "libopus", 48_000, 2)
OGG_FLAC, OGG_FLAC2 = ("ogg", "flac", 16_000, 1), ("ogg", "flac", 44_100, 2)
M4A, M4A2 = ("ipod", "aac", 44_100, 1), ("ipod", "aac", 48_000, 2)
FLAC, FLAC2 = ("flac", "flac", 16_000, 1), ("flac", "flac", 44_100, 2)
WEBM, WEBM2 = ("webm", "libopus", 48_000, 1), ("webm", "libopus", 48_000, 2)
MP3, MP32 = ("mp3", "libmp3lame", 44_100, 1), ("mp3", "libmp3lame", 24_000, 2)
AAC, AAC2 = ("adts", "aac", 44_100, 1), ("adts", "aac", 48_000, 2)
OTHERS: list[Form] = [
    ("w64", "pcm_s16le", 16_000, 1),
    ("aiff", "pcm_s16be", 44_100, 1),
    ("caf", "pcm_s16be", 44_100, 1),
    ("mov", "pcm_s16le", 48_000, 1),
    ("matroska", "aac", 44_100, 1),
    ("mpegts", "mp2", 48_000, 1),
    ("avi", "libmp3lame", 44_100, 1),
    ("flv", "libmp3lame", 44_100, 1),
    ("amr", "libopencore_amrnb", 8_000, 1),
    ("tta", "tta", 16_000, 1),
    ("wv", "wavpack", 16_000, 1),
    ("voc", "pcm_u8", 16_000, 1),
    ("wtv", "mp2", 48_000, 1),
    ("mmf", "adpcm_yamaha", 8_000, 1),
    ("rm", "ac3", 44_100, 1),
    ("au", "pcm_s16be", 16_000, 1),
]
AMR, TTA, WV, AU = (next(form for form in OTHERS if form[0] == name) for name in ("amr", "tta", "wv", "au"))
W64, AIFF, CAF = OTHERS[:3]
AC3, TS = ("ac3", "ac3", 48_000, 1), ("mpegts", "mp2", 48_000, 1)


@pytest.mark.parametrize(
    "forms",
    [
        *((form, form) for form in [WAV16, WAV24, OPUS, M4A, FLAC, WEBM, MP3, AAC, *OTHERS]),
        *((OPUS, OPUS2), (OPUS2, OPUS, OPUS2), (OGG_FLAC, OGG_FLAC2), (M4A, M4A2, M4A), (FLAC, FLAC2)),
        *((WEBM, WEBM2), (MP3, MP32), (AAC, AAC2), (WAV16, WAV24), (OPUS, WAV16, WEBM, M4A, FLAC)),
        *((FLAC, WAV16), (FLAC, OPUS, FLAC, M4A), (FLAC, MP3), (AMR, WAV16), (AMR, OPUS)),
    ],
)
def test_files_one_behind_the_other_are_all_heard(
    forms: tuple[Form, ...], make: Make, tmp_path: Path
) -> None:
    decoded, recording = read_bytes(tmp_path, b"".join(make(form) for form in forms))
    assert decoded == pytest.approx(2.0 * len(forms), abs=0.15 * len(forms))
    assert recording.length == pytest.approx(decoded, abs=0.2)
    assert is_whole(recording)


def test_a_fragmented_mp4_whose_recorder_began_again(make: Make, tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    first, second = (make(("mp4", *form[1:]), options) for form in (M4A, M4A2))
    decoded, recording = read_bytes(tmp_path, first + second)
    assert decoded == pytest.approx(4.0, abs=0.3)
    assert is_whole(recording)


@pytest.mark.parametrize("form", [WAV16, WAV24, ("wav", "pcm_u8", 8_000, 1)])
@pytest.mark.parametrize("length", [3_200, 0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000, 0x8000_0000])
@pytest.mark.parametrize("times", [1, 2])
def test_a_wav_that_names_the_length_of_its_first_buffer(
    form: Form, length: int, times: int, make: Make, tmp_path: Path
) -> None:
    data = bytearray(make(form))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", length)
    decoded, recording = read_bytes(tmp_path, bytes(data) * times)
    assert decoded == pytest.approx(2.0 * times, abs=0.01)
    assert is_whole(recording)


def test_a_file_of_which_nothing_decodes_is_not_opened_again_and_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens: list[int] = []
    real = recording_module._open

    def counted(file: io.FileIO, decoding: Decoding, at: int) -> av.container.InputContainer:
        opens.append(at)
        return real(file, decoding, at)

    monkeypatch.setattr(recording_module, "_open", counted)
    head = make(FLAC)[:100]
    decoded, _ = read_bytes(tmp_path, make(FLAC) + head + bytes(500) + head + bytes(500))
    assert decoded == pytest.approx(2.0, abs=0.01)
    assert len(opens) == len(set(opens)) <= 3


def test_chunks_behind_the_samples_are_no_samples(make: Make, tmp_path: Path) -> None:
    tags = b"LIST" + struct.pack("<I", 20_000) + bytes(range(200)) * 100
    decoded, recording = read_bytes(tmp_path, make(WAV16) + tags)
    assert decoded == pytest.approx(2.0, abs=0.001)
    assert is_whole(recording)


@pytest.mark.parametrize("form", [MP3, AAC, OPUS, WEBM, FLAC, AC3, TS, TTA, ("mp4", *M4A[1:])])
def test_a_damaged_tail_is_reported(form: Form, make: Make, tmp_path: Path) -> None:
    whole = make(form, {"movflags": "faststart"} if form[0] == "mp4" else None, seconds=6.0)
    sound = len(whole) * 3 // 4
    junk = random.Random(1).randbytes(len(whole) - sound)
    decoded, recording = read_bytes(tmp_path, whole[:sound] + junk)
    assert 3.5 < decoded < 5.5
    reported = max(recording.unread.bytes_share, recording.unread.seconds_share)
    assert reported == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize("form", [FLAC, MP3, M4A, WEBM, ("mov", "pcm_s16le", 48_000, 1), TTA, WV, CAF, TS])
def test_junk_behind_a_whole_file_is_reported(form: Form, make: Make, tmp_path: Path) -> None:
    whole = make(form)
    junk = random.Random(2).randbytes(max(len(whole) // 2, 10_000))
    decoded, recording = read_bytes(tmp_path, whole + junk)
    assert decoded == pytest.approx(2.0, abs=0.15)
    share = len(junk) / (len(whole) + len(junk))
    assert recording.unread.bytes_share == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(
    "form", [WAV16, FLAC, WEBM, AIFF, MP3, ("mp3", "libmp3lame", 16_000, 1), W64, CAF, AU, TTA]
)
def test_an_upload_that_was_cut_is_reported(form: Form, make: Make, tmp_path: Path) -> None:
    whole = make(form, seconds=6.0)
    decoded, recording = read_bytes(tmp_path, whole[: len(whole) // 2])
    assert decoded < 3.5
    assert recording.unread.seconds_share == pytest.approx(1 - decoded / 6.0, abs=0.03)


def test_damage_in_the_middle_is_a_hole_in_time(make: Make, tmp_path: Path) -> None:
    data = bytearray(make(("mp4", "aac", 44_100, 1), {"movflags": "faststart"}, seconds=6.0))
    third = len(data) // 3
    data[third : 2 * third] = random.Random(1).randbytes(third)
    decoded, recording = read_bytes(tmp_path, bytes(data))
    assert decoded < 5
    assert recording.length == pytest.approx(6.0, abs=0.2)
    assert recording.unread.bytes_share == pytest.approx(1 / 3, abs=0.1)


def test_a_film_that_was_cut_is_reported(tone: Tone, make_audio: MakeAudio, tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    whole = make_audio(tone(440, 6.0, 44_100), 44_100, "mp4", "aac", video=True, options=options).read_bytes()
    assert is_whole(read_bytes(tmp_path, whole)[1])
    decoded, recording = read_bytes(tmp_path, whole[: -len(whole) // 3])
    assert decoded < 5
    assert recording.unread.seconds_share == pytest.approx(1 - decoded / 6, abs=0.05)


ID3V1 = b"TAG" + b"A song".ljust(125, b"\x00")
ID3V2 = b"ID3\x04\x00\x00" + bytes((0, 0, 0x30, 0)) + random.Random(3).randbytes(0x1800)
APE_SIZE = struct.pack("<II", 2_000, 5_032)
APE = (
    *(b"APETAGEX" + APE_SIZE + bytes(3) + b"\x01" + bytes(3) + b"\xa0" + bytes(8), b"\x01" * 5_000),
    b"APETAGEX" + APE_SIZE + bytes(3) + b"\x01" + bytes(3) + b"\x80" + bytes(8),
)
LYRICS = b"LYRICSBEGIN" + b"IND00002x0" * 200 + b"002011LYRICS200"
LIST = b"LIST" + struct.pack("<I", 21) + b"INFOISFT" + bytes(14)
VOID = b"\xec\x01" + (5_000).to_bytes(7, "big") + bytes(5_000)
FREE = struct.pack(">I4s", 8_008, b"free") + random.Random(4).randbytes(8_000)


@pytest.mark.parametrize(
    ("form", "trailer"),
    [
        *(
            (MP3, each)
            for each in (ID3V1, b"".join(APE), b"".join(APE) + ID3V1, LYRICS + ID3V1, bytes(9_000))
        ),
        *(
            (WAV16, each)
            for each in (ID3V1, ID3V2, LIST, LIST + ID3V2, b"id3 \x0a\x18\x00\x00" + ID3V2, b"\r\n")
        ),
        *(
            (form, bytes(20_000))
            for form in (AAC, FLAC, OPUS, WEBM, M4A, AC3, TS, CAF, W64, TTA, WV, *OTHERS)
        ),
        *((form, ID3V1) for form in (AC3, FLAC, AAC, M4A, AIFF)),
        *((WEBM, VOID), (M4A, FREE), (FLAC, b"".join(APE))),
    ],
)
def test_a_mere_trailer_is_no_damage(form: Form, trailer: bytes, make: Make, tmp_path: Path) -> None:
    assert is_whole(read_bytes(tmp_path, make(form) + trailer)[1])


def test_songs_with_covers_one_behind_the_other_are_whole(make: Make, tmp_path: Path) -> None:
    decoded, recording = read_bytes(tmp_path, (ID3V2 + make(MP3)) * 3)
    assert decoded == pytest.approx(6.0, abs=0.3)
    assert is_whole(recording)


def moved(path: Path, form: str, by: Callable[[float], float], *, pictures: float = 0.0) -> Path:
    """The same packets with other times; with a moving picture of so many seconds from 0."""
    target = path.with_name(f"moved-{path.name}")
    with av.open(str(path)) as source, av.open(str(target), "w", format=form) as file:
        sound = file.add_stream_from_template(source.streams.audio[0])
        packets = []
        if pictures:
            picture = file.add_stream("mpeg4", rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for number in range(int(pictures * 10)):
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                packets += picture.encode(frame)
            packets += picture.encode(None)
        for packet in source.demux(audio=0):
            if packet.pts is None or packet.time_base is None:
                continue
            ticks = int(by(float(packet.pts * packet.time_base)) / packet.time_base)
            packet.pts += ticks
            packet.dts = packet.pts
            packet.stream = sound
            packets.append(packet)
        for packet in sorted(packets, key=lambda each: (each.pts or 0) * each.time_base):
            file.mux(packet)
    return target


CLOCKED = [
    ("mp4", "aac", 44_100),
    ("matroska", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("mpegts", "mp2", 48_000),
    ("nut", "libmp3lame", 44_100),
    ("flv", "libmp3lame", 44_100),
]


@pytest.mark.parametrize(("form", "codec", "rate"), CLOCKED)
def test_a_hole_in_the_timestamps_is_time(
    form: str, codec: str, rate: int, tone: Tone, make_audio: MakeAudio
) -> None:
    path = make_audio(tone(440, 3.0, rate), rate, form, codec)
    decoded, recording = read(moved(path, form, lambda at: 20.0 if at >= 1.5 else 0.0))
    assert decoded == pytest.approx(3.0, abs=0.15)
    assert recording.length == pytest.approx(23.0, abs=0.2)
    media = recording.clock.timeline.media
    assert media(1.3) == pytest.approx(1.3, abs=0.03)
    assert media(1.8) == pytest.approx(21.8, abs=0.03)
    assert is_whole(recording)


@pytest.mark.parametrize("form", ["mp4", "matroska", "nut"])
def test_a_track_that_starts_later_than_the_pictures(form: str, tone: Tone, make_audio: MakeAudio) -> None:
    path = make_audio(tone(440, 3.0, 44_100), 44_100, form, "aac")
    decoded, recording = read(moved(path, form, lambda _: 4.087, pictures=10.0))
    assert decoded == pytest.approx(3.0, abs=0.15)
    assert recording.clock.timeline.media(0.0) == pytest.approx(4.087, abs=0.1)
    assert recording.length == pytest.approx(10.0, abs=0.2)  # the container's
    assert is_whole(recording)


def test_silence_that_was_not_sent(tone: Tone, make_audio: MakeAudio) -> None:
    """As WebRTC with DTX: of eight seconds of silence only a packet now and then."""
    path = make_audio(tone(440, 4.0, 48_000), 48_000, "matroska", "libopus")
    slow = lambda at: 0.0 if at < 1.0 else min(at - 1.0, 0.4) * 19  # noqa: E731
    decoded, recording = read(moved(path, "matroska", slow))
    assert decoded == pytest.approx(4.0, abs=0.1)
    assert recording.length == pytest.approx(11.6, abs=0.2)
    assert recording.clock.timeline.media(3.0) == pytest.approx(10.6, abs=0.15)


def test_a_timestamp_ten_years_ahead_is_not_believed(tone: Tone, make_audio: MakeAudio) -> None:
    path = make_audio(tone(440, 3.0, 48_000), 48_000, "matroska", "libopus")
    decoded, recording = read(moved(path, "matroska", lambda at: 3.2e8 if at > 1.5 else 0.0))
    assert decoded == pytest.approx(3.0, abs=0.1)
    assert recording.length == pytest.approx(3.0, abs=0.1)
    assert recording.clock.ignored == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    cuts=st.lists(st.tuples(st.integers(0, 4_000), st.binary(min_size=1, max_size=8)), max_size=12),
)
def test_a_container_with_a_mad_clock_still_ends(
    data: st.DataObject, cuts: list[tuple[int, bytes]], make: Make, tmp_path: Path
) -> None:
    form = data.draw(st.sampled_from([WEBM, ("nut", "pcm_s16le", 16_000, 1), ("mpegts", "mp2", 48_000, 1)]))
    body = bytearray(make(form))
    for at, junk in cuts:
        body[100 + at : 100 + at + len(junk)] = junk
    try:
        decoded, recording = read_bytes(tmp_path, bytes(body))
    except Refusal:
        return
    assert decoded < 10
    assert recording.length <= 48 * 3600
