"""Every form of live audio, really encoded, cut into frames at random, and decoded as it comes."""

import asyncio
import io
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import av
import numpy as np
import numpy.typing as npt
import psutil
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.live import FormatKnown, LiveDecoder, LiveDecoders, MarkerReached
from ringback.audio.samples import SAMPLE_RATE
from ringback.errors import Refusal
from support.child_processes import children_running
from support.encoded import add_sound, sound_codec
from support.waiting import eventually

Signal = npt.NDArray[np.float32]
SECONDS = 3.0
PITCHES = (440.0, 1000.0)
"""Hz, one for each channel."""


def tones(channels: int, rate: int) -> Signal:
    """A tone for each channel, shape (channels, n)."""
    time = np.arange(int(SECONDS * rate)) / rate
    return np.stack([0.4 * np.sin(2 * np.pi * PITCHES[i] * time) for i in range(channels)]).astype(np.float32)


def in_container(form: str, codec: str, rate: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[channels]
    with av.open(_Outlet(file), "w", format=form) as container:
        stream = add_sound(container, codec, rate, layout)
        for frame in frames_for(stream.codec_context, rate, channels):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def packets_of(codec: str, rate: int) -> list[bytes]:
    context = sound_codec(codec, "w", rate, "s16")
    packets = [packet for frame in frames_for(context, rate, 1) for packet in context.encode(frame)]
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]


def frames_for(context: av.AudioCodecContext, rate: int, channels: int) -> Iterator[av.AudioFrame]:
    layout = {1: "mono", 2: "stereo"}[channels]
    into_form = av.AudioResampler(format=context.format, layout=layout, rate=rate)
    for piece in np.array_split(tones(channels, rate), int(SECONDS * 50), axis=1):
        interleaved = np.ascontiguousarray(piece.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate = rate
        yield from into_form.resample(frame)
    yield from into_form.resample(None)


class _Outlet:
    """A file that cannot be sought in, as a socket cannot."""

    def __init__(self, file: io.BytesIO) -> None:
        self.write = file.write


def raw(form: str, rate: int, channels: int = 1) -> bytes:
    samples = tones(channels, rate).T.reshape(-1)
    if form == "linear32":
        return samples.astype("<f4").tobytes()
    linear = (samples * 32767).astype("<i2")
    if form == "linear16":
        return linear.tobytes()
    codec = {"mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}[form]
    context = sound_codec(codec, "w", rate, "s16")
    frame = av.AudioFrame.from_ndarray(linear[None], format="s16", layout="mono")
    frame.sample_rate = rate
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def cut(data: bytes, longest: int = 4000, seed: int = 0) -> Iterator[bytes]:
    """Pieces of random length, now and then of one byte or none."""
    chance = random.Random(seed)
    at = 0
    while at < len(data):
        size = chance.choice((0, 1, 3, chance.randint(1, longest)))
        yield data[at : at + size]
        at += size


@asynccontextmanager
async def decoders(timeout: float = 20.0, spare: int = 1) -> AsyncIterator[LiveDecoders]:
    opened = LiveDecoders(spare, timeout)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as services:
        services.create_task(opened.run(stopping))
        try:
            yield opened
        finally:
            stopping.set()


@asynccontextmanager
async def decoder(decoding: Decoding, timeout: float = 20.0, spare: int = 1) -> AsyncIterator[LiveDecoder]:
    async with decoders(timeout, spare) as opened:
        one = opened.open(decoding)
        try:
            yield one
        finally:
            await one.close()


async def recognised(decoding: Decoding, frames: Iterator[bytes] | list[bytes]) -> Signal:
    """All that comes out of these frames, shape (channels, n)."""
    async with decoder(decoding) as one:
        feeding = asyncio.create_task(fed(one, frames))
        items = [item async for item in one.items()]
        await feeding
    assert isinstance(items[0], FormatKnown)
    nothing = np.zeros((items[0].channels, 0), np.float32)
    return np.concatenate([nothing, *(item for item in items if isinstance(item, np.ndarray))], axis=1)


async def until_refused(one: LiveDecoder) -> None:
    with pytest.raises(Refusal, match="corrupt or unsupported data"):
        async for _ in one.items():
            pass


async def fed_and_noted(one: LiveDecoder, data: bytes) -> None:
    for frame in cut(data):
        await one.feed(frame)
    await one.put_marker(7)


async def fed(one: LiveDecoder, frames: Iterator[bytes] | list[bytes]) -> None:
    for frame in frames:
        await one.feed(frame)
    await one.end()


def pitch(signal: Signal) -> float:
    return float(np.abs(np.fft.rfft(signal)).argmax() * SAMPLE_RATE / len(signal))


def sounds_right(signal: Signal, pitches: tuple[float, ...]) -> None:
    assert signal.shape[0] == len(pitches)
    assert signal.shape[1] / SAMPLE_RATE == pytest.approx(SECONDS, abs=0.2)
    for channel, expected in zip(signal, pitches, strict=True):
        assert pitch(channel) == pytest.approx(expected, abs=2.0)


@pytest.mark.parametrize("rate", [4_000, 8_000, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("form", ["linear16", "linear32", "mulaw", "alaw"])
async def test_raw_samples(form: str, rate: int) -> None:
    decoding = Decoding(form, rate, 1)
    sounds_right(await recognised(decoding, cut(raw(form, rate))), PITCHES[:1])


@pytest.mark.parametrize("form", ["linear16", "linear32"])
async def test_channels_apart_and_mixed(form: str) -> None:
    data = raw(form, 44_100, channels=2)
    sounds_right(await recognised(Decoding(form, 44_100, 2, multichannel=True), cut(data)), PITCHES)
    mixed = await recognised(Decoding(form, 44_100, 2), cut(data))
    assert mixed.shape[0] == 1


async def test_twenty_channels() -> None:
    samples = np.repeat(tones(1, 8_000), 20, axis=0).T.reshape(-1)
    data = (samples * 32767).astype("<i2").tobytes()
    signal = await recognised(Decoding("linear16", 8_000, 20, multichannel=True), cut(data, 20_000))
    sounds_right(signal, PITCHES[:1] * 20)


async def test_one_byte_frames() -> None:
    data = raw("linear16", 8_000)[:16_000]
    signal = await recognised(Decoding("linear16", 8_000), [data[i : i + 1] for i in range(len(data))])
    assert signal.shape[1] == pytest.approx(SAMPLE_RATE, abs=20)


async def test_one_frame_of_ten_megabytes_is_handed_out_in_pieces() -> None:
    data = bytes(10_000_000)
    async with decoder(Decoding("linear16", 16_000)) as one:
        feeding = asyncio.create_task(fed(one, [data]))
        sizes = [item.shape[1] async for item in one.items() if isinstance(item, np.ndarray)]
        await feeding
    assert sum(sizes) == len(data) // 2
    assert max(sizes) <= SAMPLE_RATE


CONTAINERS = [
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_mulaw", 8_000),
    ("wav", "pcm_s24le", 44_100),
    ("ogg", "libopus", 48_000),
    ("matroska", "aac", 44_100),
    ("webm", "libopus", 48_000),
    ("flac", "flac", 16_000),
    ("mp3", "libmp3lame", 44_100),
    ("adts", "aac", 44_100),
    ("amr", "libopencore_amrnb", 8_000),
]


@pytest.mark.parametrize(("form", "codec", "rate"), CONTAINERS)
async def test_containers_tell_their_own_form(form: str, codec: str, rate: int) -> None:
    sounds_right(await recognised(Decoding(), cut(in_container(form, codec, rate))), PITCHES[:1])


@pytest.mark.parametrize(
    ("encoding", "form", "codec", "rate"),
    [
        ("flac", "flac", "flac", 16_000),
        ("ogg-opus", "ogg", "libopus", 48_000),
        ("amr-nb", "amr", "libopencore_amrnb", 8_000),
        ("opus", "ogg", "libopus", 48_000),
        ("linear16", "wav", "pcm_s16le", 44_100),
    ],
)
async def test_a_named_encoding_in_its_container(encoding: str, form: str, codec: str, rate: int) -> None:
    decoding = Decoding(encoding, rate)
    sounds_right(await recognised(decoding, cut(in_container(form, codec, rate))), PITCHES[:1])


async def test_amr_without_its_header() -> None:
    data = in_container("amr", "libopencore_amrnb", 8_000).removeprefix(b"#!AMR\n")
    sounds_right(await recognised(Decoding("amr-nb", 8_000), cut(data)), PITCHES[:1])


async def test_channels_of_a_container() -> None:
    data = in_container("ogg", "libopus", 48_000, channels=2)
    sounds_right(await recognised(Decoding(multichannel=True), cut(data)), PITCHES)


async def test_bare_opus_packets() -> None:
    packets = packets_of("libopus", 48_000)
    sounds_right(await recognised(Decoding("opus", 48_000), packets), PITCHES[:1])


@pytest.mark.parametrize("encoding", ["speex", "flac", None])
async def test_what_is_not_audio_is_reported(encoding: str | None) -> None:
    junk = random.Random(1).randbytes(200_000)
    async with decoder(Decoding(encoding, 16_000)) as one:
        feeding = asyncio.create_task(fed(one, [junk[i : i + 400] for i in range(0, len(junk), 400)]))
        await until_refused(one)
        await feeding


async def test_a_stream_without_a_byte_is_no_bad_audio() -> None:
    assert (await recognised(Decoding(), [])).shape == (1, 0)
    assert (await recognised(Decoding("linear16", 8_000), [])).shape == (1, 0)


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [("webm", "libopus", 48_000), ("wav", "pcm_s16le", 16_000), ("mp3", "libmp3lame", 44_100)],
)
async def test_a_note_comes_out_after_all_sound_before_it(form: str, codec: str, rate: int) -> None:
    data = in_container(form, codec, rate)
    async with decoder(Decoding()) as one:
        feeding = asyncio.create_task(fed_and_noted(one, data))
        seconds = 0.0
        async for item in one.items():
            if isinstance(item, np.ndarray):
                seconds += item.shape[1] / SAMPLE_RATE
            elif item == MarkerReached(7):
                break
        await feeding
    assert seconds == pytest.approx(SECONDS, abs=0.5)


async def test_who_feeds_waits_while_nobody_takes() -> None:
    second = bytes(32_000)
    async with decoder(Decoding("linear16", 16_000)) as one:
        feeding = asyncio.create_task(fed(one, [second] * 1000))
        await asyncio.wait((feeding,), timeout=1.0)
        assert not feeding.done()
        feeding.cancel()


async def test_a_child_that_is_killed_ends_its_stream_alone() -> None:
    data = in_container("webm", "libopus", 48_000)
    async with decoders(spare=0) as opened:
        first, second = opened.open(Decoding()), opened.open(Decoding())
        await first.feed(data[:2000])
        before = children()
        await second.feed(data[:2000])
        (own,) = (pid for pid in children() if pid not in before)
        psutil.Process(own).kill()
        await until_refused(second)
        await fed(first, [data[2000:]])
        assert len([item async for item in first.items()]) > 10
        await first.close()
        await second.close()
    await ended()


async def test_a_child_that_hangs_is_noticed() -> None:
    async with decoder(Decoding(), timeout=0.2, spare=0) as one:
        await one.feed(in_container("webm", "libopus", 48_000)[:2000])
        for pid in children():
            psutil.Process(pid).suspend()
        await one.put_marker(1)
        await until_refused(one)


def children() -> list[int]:
    return [child.pid for child in children_running("ringback.audio.live_child")]


async def ended() -> None:
    await eventually(lambda: not children())
