"""Real FFmpeg, real files: what goes in as sound comes out as the same sound, at 16 kHz."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.recording import opened
from ringback.errors import Refusal
from support.encoded import add_sound

Signal = npt.NDArray[np.float32]
Tone = Callable[..., Signal]
MakeAudio = Callable[..., Path]

CORRUPT = "Bad Request: failed to process audio: corrupt or unsupported data"


def decode(path: Path, decoding: Decoding | None = None) -> Signal:
    with opened(path, decoding or Decoding()) as audio:
        return np.concatenate(list(audio.blocks()), axis=1)


def refusal_of(path: Path, decoding: Decoding | None = None) -> str:
    with pytest.raises(Refusal) as refusal:
        decode(path, decoding)
    assert refusal.value.failure.status == 400
    return refusal.value.failure.err_msg


def pitch(signal: Signal) -> float:
    """Hz of the strongest tone in a 16 kHz signal."""
    return float(np.abs(np.fft.rfft(signal)).argmax() * 16_000 / len(signal))


FORMS = [
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_s24le", 44_100),
    ("wav", "pcm_f32le", 48_000),
    ("wav", "pcm_u8", 11_025),
    ("wav", "pcm_mulaw", 8_000),
    ("wav", "pcm_alaw", 8_000),
    ("wav", "adpcm_ms", 22_050),
    ("w64", "pcm_s16le", 16_000),
    ("aiff", "pcm_s16be", 44_100),
    ("caf", "pcm_s16be", 44_100),
    ("au", "pcm_mulaw", 8_000),
    ("flac", "flac", 96_000),
    ("mp3", "libmp3lame", 44_100),
    ("adts", "aac", 44_100),
    ("ipod", "aac", 48_000),
    ("mov", "pcm_s16le", 48_000),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("matroska", "aac", 44_100),
    ("mpegts", "mp2", 48_000),
    ("avi", "libmp3lame", 44_100),
    ("asf", "wmav2", 44_100),
    ("flv", "libmp3lame", 44_100),
    ("amr", "libopencore_amrnb", 8_000),
]


@pytest.mark.parametrize(("form", "codec", "rate"), FORMS)
def test_every_common_form_is_read(
    form: str, codec: str, rate: int, tone: Tone, make_audio: MakeAudio
) -> None:
    path = make_audio(tone(440, 3.0, rate), rate, form, codec)
    decoded = decode(path)
    assert decoded.shape[0] == 1
    assert decoded.dtype == np.float32
    assert decoded.shape[1] / 16_000 == pytest.approx(3.0, abs=0.15)  # codecs pad their first and last frame
    middle = decoded[0, 16_000:32_000]
    assert pitch(middle) == pytest.approx(440, abs=2)
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.25)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
def test_the_sound_of_a_video_is_read_wherever_its_index_lies(
    options: dict[str, str], tone: Tone, make_audio: MakeAudio
) -> None:
    path = make_audio(tone(440, 3.0, 44_100), 44_100, "mp4", "aac", video=True, options=options)
    assert decode(path).shape[1] / 16_000 == pytest.approx(3.0, abs=0.15)


def test_channels_stay_apart_only_when_asked(tone: Tone, make_audio: MakeAudio) -> None:
    stereo = np.concatenate((tone(300, 2.0, 44_100), tone(1200, 2.0, 44_100)))
    path = make_audio(stereo, 44_100, "wav", "pcm_s16le")
    left, right = decode(path, Decoding(multichannel=True))
    assert [pitch(left), pitch(right)] == pytest.approx([300, 1200], abs=2)
    mixed = decode(path)
    assert mixed.shape[0] == 1
    np.testing.assert_allclose(mixed[0], (left + right) / 2, atol=1e-3)


@pytest.mark.parametrize("multichannel", [True, False])
def test_twenty_channels(multichannel: bool, tone: Tone, tmp_path: Path) -> None:
    tones = np.concatenate([tone(200 + 100 * i, 1.0, 8_000) for i in range(20)])
    path = tmp_path / "raw"
    path.write_bytes((tones.T * 32767).astype("<i2").tobytes())
    decoded = decode(path, Decoding("linear16", 8_000, 20, multichannel))
    assert decoded.shape[0] == (20 if multichannel else 1)
    if multichannel:
        assert [pitch(channel) for channel in decoded] == pytest.approx(
            [200 + 100 * i for i in range(20)], abs=2
        )


def test_more_than_twenty_channels_cannot_be_kept_apart(make_audio: MakeAudio) -> None:
    path = make_audio(np.zeros((24, 4_800), np.float32), 48_000, "wav", "pcm_s16le")
    assert "more than 20 channels" in refusal_of(path, Decoding(multichannel=True))
    assert decode(path).shape[0] == 1


@pytest.mark.parametrize(
    ("form", "codec", "options"), [("wv", "wavpack", {}), ("ogg", "libopus", {"mapping_family": "255"})]
)
def test_more_planes_than_pyav_can_hand_out(
    form: str, codec: str, options: dict[str, str], tone: Tone, tmp_path: Path
) -> None:
    """PyAV 18 reads past the end of its array above eight planes, and crashes."""
    tones = np.concatenate([tone(300 + 100 * i, 2.0, 48_000) for i in range(12)])
    path = tmp_path / form
    with av.open(str(path), "w", format=form) as file:
        sound = add_sound(file, codec, 48_000, "12C", options)
        packed = np.ascontiguousarray(tones.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="12C")
        frame.sample_rate = 48_000
        into = av.AudioResampler(format=sound.codec_context.format, layout="12C", rate=48_000, frame_size=960)
        for part in (*into.resample(frame), *into.resample(None)):
            file.mux(sound.encode(part))
        file.mux(sound.encode(None))
    decoded = decode(path, Decoding(multichannel=True))
    assert [pitch(channel[8_000:24_000]) for channel in decoded] == pytest.approx(
        [300 + 100 * i for i in range(12)], abs=3
    )


RAW = [("linear16", "<i2", 32767), ("linear32", "<f4", 1.0)]


@pytest.mark.parametrize(("encoding", "dtype", "scale"), RAW)
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_samples(
    encoding: str, dtype: str, scale: float, channels: int, tone: Tone, tmp_path: Path
) -> None:
    signal = np.concatenate([tone(440, 2.0, 24_000)] * channels)
    path = tmp_path / "raw"
    path.write_bytes((signal.T * scale).astype(dtype).tobytes())
    decoded = decode(path, Decoding(encoding, 24_000, channels))
    assert decoded.shape == (1, 32_000)
    assert pitch(decoded[0]) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("encoding", "codec", "form", "header"),
    [
        ("mulaw", "pcm_mulaw", "mulaw", 0),
        ("alaw", "pcm_alaw", "alaw", 0),
        ("amr-nb", "libopencore_amrnb", "amr", 6),
    ],
)
def test_raw_telephone_codecs(
    encoding: str, codec: str, form: str, header: int, tone: Tone, make_audio: MakeAudio
) -> None:
    path = make_audio(tone(440, 2.0, 8_000), 8_000, form, codec)
    path.write_bytes(path.read_bytes()[header:])
    decoded = decode(path, Decoding(encoding, 8_000))
    assert decoded.shape[1] / 16_000 == pytest.approx(2.0, abs=0.1)
    assert pitch(decoded[0, 8_000:24_000]) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("encoding", "form", "codec"),
    [
        ("linear16", "wav", "pcm_s16le"),
        ("mulaw", "wav", "pcm_mulaw"),
        ("flac", "flac", "flac"),
        ("amr-nb", "amr", "libopencore_amrnb"),
        ("opus", "ogg", "libopus"),
        ("opus", "webm", "libopus"),
        ("ogg-opus", "ogg", "libopus"),
    ],
)
def test_a_named_encoding_with_a_header_of_its_own_is_read_by_its_header(
    encoding: str, form: str, codec: str, tone: Tone, make_audio: MakeAudio
) -> None:
    rate = 48_000 if codec == "libopus" else 8_000
    path = make_audio(tone(440, 2.0, rate), rate, form, codec)
    assert decode(path, Decoding(encoding)).shape[1] / 16_000 == pytest.approx(2.0, abs=0.1)


def test_a_truncated_file_is_read_as_far_as_it_goes(tone: Tone, make_audio: MakeAudio) -> None:
    path = make_audio(tone(440, 10.0, 44_100), 44_100, "mp3", "libmp3lame")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert decode(path).shape[1] / 16_000 == pytest.approx(5.0, abs=0.3)


def test_a_wav_whose_length_was_never_filled_in_is_read_to_its_end(tone: Tone, make_audio: MakeAudio) -> None:
    path = make_audio(tone(440, 2.0, 16_000), 16_000, "wav", "pcm_s16le")
    written = bytearray(path.read_bytes())
    at = written.index(b"data") + 4
    written[at : at + 4] = written[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(written)
    with opened(path, Decoding()) as audio:
        assert audio.duration is None or audio.duration < 48 * 3600
        assert sum(block.shape[1] for block in audio.blocks()) == 32_000


def test_numbers_that_are_none_do_not_spoil_what_follows(tone: Tone, tmp_path: Path) -> None:
    signal = tone(440, 2.0, 16_000)[0]
    signal[100:110], signal[200], signal[300] = np.nan, np.inf, 1e30
    path = tmp_path / "raw"
    path.write_bytes(signal.astype("<f4").tobytes())
    decoded = decode(path, Decoding("linear32", 16_000))
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() <= 1.0
    assert pitch(decoded[0, 16_000:]) == pytest.approx(440, abs=1)


def test_audio_that_changes_its_rate_on_the_way(tone: Tone, make_audio: MakeAudio) -> None:
    first = make_audio(
        tone(440, 2.0, 44_100), 44_100, "mp3", "libmp3lame", options={"write_xing": "0"}
    ).read_bytes()
    path = make_audio(tone(440, 2.0, 22_050), 22_050, "mp3", "libmp3lame", options={"write_xing": "0"})
    path.write_bytes(first + path.read_bytes())
    assert decode(path).shape[1] / 16_000 == pytest.approx(4.0, abs=0.4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"hello, this is no audio at all\n" * 100,
        b'{"url": "https://example.com/a.wav"}',
        b"<html><body>404</body></html>",
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"RIFF\xff\xff\xff\xffWAVE",
        b"OggS" + bytes(4000),
        b"\x1aE\xdf\xa3" + bytes(4000),
        b"\x00\x00\x00\x20ftypM4A " + bytes(4000),
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(4000),
        b"fLaC" + b"\xff" * 4000,
    ],
)
def test_what_is_no_audio_is_refused_in_deepgrams_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk"
    path.write_bytes(content)
    assert refusal_of(path) == CORRUPT


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            file.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        file.mux(picture.encode(None))
    assert refusal_of(path) == CORRUPT


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet><Representation id="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>",
        "v=0\nm=audio 5004 RTP/AVP 0\nc=IN IP4 127.0.0.1\na=control:{url}\n",
        "[playlist]\nFile1={url}\n",
    ],
)
def test_a_file_cannot_make_us_open_another(playlist: str, tone: Tone, make_audio: MakeAudio) -> None:
    """Each names a real recording that would decode, were it opened."""
    secret = make_audio(tone(440, 2.0, 16_000), 16_000, "wav", "pcm_s16le")
    path = secret.with_name("playlist")
    for url in (f"file://{secret}", str(secret), secret.name):
        path.write_text(playlist.format(url=url))
        assert refusal_of(path) == CORRUPT
