"""Which of FFmpeg's forms callers' bytes may reach; each that this FFmpeg can write is read back."""

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.codec.codec import Codec
from av.format import ContainerFormat

from ringback.audio.encodings import Decoding, live_opening, opening
from ringback.audio.formats import CONTAINERS, DECODERS, REFUSED
from ringback.audio.recording import opened

Signal = npt.NDArray[np.float32]
Tone = Callable[..., Signal]
MakeAudio = Callable[..., Path]

REFUSED_NAMES = {name for names in REFUSED.values() for name in names}


def demuxers() -> set[str]:
    """The names of those of the FFmpeg at hand; one with several names under all of them, `a,b`."""
    readable = set()
    for name in av.formats_available:
        try:
            if ContainerFormat(name, "r").is_input:
                readable.add(name)
        except ValueError:
            pass
    several = {name for name in readable if "," in name}
    return {name for name in readable if not any(name in whole.split(",") for whole in several - {name})}


def test_each_demuxer_is_accepted_or_refused_with_a_reason() -> None:
    unknown = {
        name
        for name in demuxers()
        if not set(name.split(",")) & {*CONTAINERS, *REFUSED_NAMES} and not name.endswith("_pipe")
    }
    assert not unknown
    assert not REFUSED_NAMES & set(CONTAINERS)
    assert not [name for name in CONTAINERS if name.endswith("_pipe")]


def test_every_decoder_within_reach_is_one_of_sound() -> None:
    assert {Codec(name, "r").type for name in DECODERS} == {"audio"}


@pytest.mark.parametrize(
    ("form", "codec", "rate", "channels"),
    [
        ("mxf_opatom", "pcm_s16le", 48_000, 1),
        ("wtv", "ac3", 48_000, 1),
        ("sbc", "sbc", 44_100, 2),
        ("nut", "pcm_s16le", 16_000, 1),
        ("mmf", "adpcm_yamaha", 8_000, 1),
        ("spdif", "ac3", 48_000, 2),
        ("latm", "aac", 44_100, 1),
        ("rm", "real_144", 8_000, 1),
        ("ircam", "pcm_s16le", 16_000, 1),
        ("sox", "pcm_s32le", 16_000, 1),
        ("tta", "tta", 44_100, 1),
        ("wv", "wavpack", 44_100, 1),
        ("voc", "pcm_u8", 11_025, 1),
        ("vob", "mp2", 48_000, 1),
        ("eac3", "eac3", 48_000, 2),
    ],
)
def test_the_rarer_forms_are_read(
    form: str, codec: str, rate: int, channels: int, tone: Tone, make_audio: MakeAudio
) -> None:
    path = make_audio(np.repeat(tone(440, 3.0, rate), channels, axis=0), rate, form, codec)
    with opened(path, Decoding()) as audio:
        decoded = np.concatenate(list(audio.blocks()), axis=1)[0]
    assert len(decoded) / 16_000 == pytest.approx(3.0, abs=0.15)
    spectrum = np.abs(np.fft.rfft(decoded[16_000:32_000]))
    assert spectrum.argmax() == pytest.approx(440, abs=2)


def mp3_with_a_cover(path: Path) -> None:
    """An MP3 that carries a PNG of 640 × 480 dots, whose size only the picture itself tells."""
    with av.open(str(path), "w", format="mp3") as file:
        sound = file.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = file.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "rgb24"
        file.mux(cover.encode(av.VideoFrame(640, 480, "rgb24")))
        file.mux(cover.encode(None))
        for _ in range(100):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16", layout="mono")
            frame.sample_rate = 44_100
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))


def test_no_picture_is_decoded_in_search_of_its_form(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp3"
    mp3_with_a_cover(path)
    data = path.read_bytes()
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.video[0].width == 640  # FFmpeg decodes it unless it may not
    live = live_opening(Decoding(), data[:16])
    assert live is not None
    for plan in (opening(Decoding(), data[:16]), live):
        with av.open(io.BytesIO(data), "r", options=dict(plan.options)) as file:
            assert file.streams.video[0].width == 0
            assert sum(frame.samples for frame in file.decode(audio=0)) > 100_000
