"""Raw samples sent live without `encoding` are refused within two seconds of audio; real files are not."""

import asyncio
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.live import FormatKnown, LiveDecoder, LiveDecoders
from ringback.errors import Refusal
from support.encoded import encoded, sound_codec, tone
from support.waiting import PATIENCE

CLIP = Path(__file__).parents[1] / "audio" / "librivox_0930.flac"
SECONDS = 2.0
RATES = (8_000, 16_000, 48_000)
BYTES = {"pcm_s16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1}
SILENCE = {"pcm_s16le": b"\0", "pcm_f32le": b"\0", "pcm_mulaw": b"\xff", "pcm_alaw": b"\xd5"}


@cache
def speech(codec: str, rate: int) -> bytes:
    """The clip as samples, headless."""
    with av.open(str(CLIP)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    linear = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    context = sound_codec(codec, "w", rate, "flt" if codec == "pcm_f32le" else "s16")
    samples = (linear / 32768).astype(np.float32) if codec == "pcm_f32le" else linear
    frame = av.AudioFrame.from_ndarray(samples, format=context.format.name, layout="mono")
    frame.sample_rate = rate
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def two_seconds(what: str, codec: str, rate: int) -> bytes:
    most = int(SECONDS * rate) * BYTES[codec]
    match what:
        case "speech":
            return speech(codec, rate)[:most]
        case "silence":
            return SILENCE[codec] * most
        case _:
            return np.random.default_rng(7).bytes(most)


ODD = [
    ("speech", "pcm_s16le", 16_000),
    ("speech", "pcm_alaw", 8_000),  # FFmpeg finds a frame of MP3 in it
    ("silence", "pcm_alaw", 8_000),  # and takes this for GSM
    ("noise", "pcm_mulaw", 8_000),
]
ALL = [(what, codec, rate) for what in ("speech", "silence", "noise") for codec in BYTES for rate in RATES]
CASES = [
    *ODD,
    *[pytest.param(*case, marks=pytest.mark.slow) for case in ALL if case not in ODD],
]


async def is_refused(data: bytes, decoders: LiveDecoders) -> bool:
    """Whether this much is enough, without the end of the stream."""
    decoder = decoders.open(Decoding())
    try:
        for at in range(0, len(data), 3_200):
            await decoder.feed(data[at : at + 3_200])
        async with asyncio.timeout(PATIENCE):
            async for _ in decoder.items():
                return False
    except Refusal:
        return True
    finally:
        await decoder.close()
    return False


@pytest.mark.parametrize(("what", "codec", "rate"), CASES)
async def test_raw_samples_without_an_encoding_are_refused_within_two_seconds_of_audio(
    what: str, codec: str, rate: int
) -> None:
    assert await is_refused(two_seconds(what, codec, rate), LiveDecoders(spare=0, timeout=60.0))


@pytest.mark.parametrize(
    ("form", "codec", "rate", "options"),
    [
        ("mp3", "libmp3lame", 44_100, {"write_xing": "0", "id3v2_version": "0", "b": "320000"}),
        pytest.param(
            *("mp3", "libmp3lame", 16_000, {"write_xing": "0", "id3v2_version": "0"}), marks=pytest.mark.slow
        ),
        pytest.param(*("adts", "aac", 44_100, {}), marks=pytest.mark.slow),
        ("mpegts", "aac", 48_000, {}),
        ("ac3", "ac3", 48_000, {}),
        pytest.param(*("eac3", "eac3", 48_000, {}), marks=pytest.mark.slow),
        pytest.param(*("mp2", "mp2", 24_000, {}), marks=pytest.mark.slow),
        ("vob", "mp2", 48_000, {}),
        pytest.param(*("tta", "tta", 16_000, {}), marks=pytest.mark.slow),
        pytest.param(*("wv", "wavpack", 16_000, {}), marks=pytest.mark.slow),
    ],
)
async def test_files_without_a_header_that_we_know_are_heard(
    form: str, codec: str, rate: int, options: dict[str, str]
) -> None:
    data = encoded(form, codec, rate, tone(3.0, rate), options)
    decoder = LiveDecoders(spare=0, timeout=60.0).open(Decoding())
    try:
        feeding = asyncio.create_task(_fed(decoder, data))
        async with asyncio.timeout(PATIENCE):
            first = await anext(decoder.items())
        assert first == FormatKnown(1)
        feeding.cancel()
    finally:
        await decoder.close()


async def _fed(decoder: LiveDecoder, data: bytes) -> None:
    await decoder.feed(data)
    await decoder.end()
