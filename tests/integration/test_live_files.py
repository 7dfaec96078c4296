"""Live streams that are several files one after the other: all are heard, or the stream ends."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cache

import numpy as np
import pytest
import uvloop

from ringback.audio.encodings import Decoding
from ringback.audio.frames import FileRefused
from ringback.audio.live import FormatKnown, LiveDecoder, LiveDecoders, MarkerReached
from ringback.audio.live_file import start_live_child
from ringback.audio.live_frames import BeginFile, Data, NoMoreData
from ringback.audio.samples import SAMPLE_RATE
from ringback.child_process.process import ChildDied
from ringback.errors import Refusal
from support.encoded import encoded, tone
from support.waiting import PATIENCE

SECONDS = 1.0
FADING = 0.15
"""Seconds that an encoder may add to a file, or keep."""
FASTSTART = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
PLAIN = {"write_xing": "0", "id3v2_version": "0"}


def in_the_long_form(*cases: object) -> list[object]:
    """Each stream starts a process of its own: the everyday form has one for each promise."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


Form = tuple[str, str, int, int, dict[str, str]]
FORMS: dict[str, Form] = {
    "wav": ("wav", "pcm_s16le", 16_000, 1, {}),
    "wav stereo": ("wav", "pcm_s16le", 44_100, 2, {}),
    "wav 8 bits": ("wav", "pcm_u8", 8_000, 1, {}),
    "wav 24 bits": ("wav", "pcm_s24le", 16_000, 1, {}),
    "wav 32 bits": ("wav", "pcm_s32le", 48_000, 2, {}),
    "wav ADPCM": ("wav", "adpcm_ima_wav", 16_000, 1, {}),
    "opus": ("ogg", "libopus", 16_000, 1, {}),
    "opus stereo": ("ogg", "libopus", 48_000, 2, {}),
    "ogg flac": ("ogg", "flac", 44_100, 2, {}),
    "webm": ("webm", "libopus", 48_000, 1, {}),
    "mkv flac": ("matroska", "flac", 16_000, 1, {}),
    "flac": ("flac", "flac", 16_000, 1, {}),
    "flac 48k": ("flac", "flac", 48_000, 2, {}),
    "m4a": ("mp4", "aac", 44_100, 1, FASTSTART),
    "m4a stereo": ("mp4", "aac", 16_000, 2, FASTSTART),
    "fmp4": ("mp4", "aac", 44_100, 1, FRAGMENTED),
    "fmp4 48k": ("mp4", "aac", 48_000, 2, {"movflags": "frag_keyframe+empty_moov"}),
    "mp3": ("mp3", "libmp3lame", 44_100, 1, {}),
    "mp3 bare": ("mp3", "libmp3lame", 16_000, 1, PLAIN),
    "aac": ("adts", "aac", 44_100, 1, {}),
    "aiff": ("aiff", "pcm_s16be", 16_000, 1, {}),
    "caf": ("caf", "pcm_s16le", 16_000, 1, {}),
    "au": ("au", "pcm_mulaw", 8_000, 1, {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, 1, {}),
    "flv": ("flv", "libmp3lame", 44_100, 1, {}),
    "mpegts": ("mpegts", "aac", 44_100, 1, {}),
    "asf": ("asf", "pcm_s16le", 16_000, 1, {}),
    "avi": ("avi", "pcm_s16le", 16_000, 1, {}),
    "w64": ("w64", "pcm_s16le", 16_000, 1, {}),
}


@cache
def file(name: str) -> bytes:
    form, codec, rate, channels, options = FORMS[name]
    return encoded(form, codec, rate, tone(SECONDS, rate, channels), options)


def cut_at_random(data: bytes, longest: int, seed: int) -> Iterable[bytes]:
    chance = random.Random(seed)
    at = 0
    while at < len(data):
        size = chance.randint(1, longest)
        yield data[at : at + size]
        at += size


@asynccontextmanager
async def opened(decoding: Decoding, timeout: float = 60.0) -> AsyncIterator[LiveDecoder]:
    decoders = LiveDecoders(spare=0, timeout=timeout)
    decoder = decoders.open(decoding)
    try:
        yield decoder
    finally:
        await decoder.close()


class Stream:
    """What came out of a stream until its end."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.refused = False

    @property
    def seconds(self) -> float:
        samples = [item.shape[1] for item in self.items if isinstance(item, np.ndarray)]
        return int(sum(samples)) / SAMPLE_RATE

    @property
    def channels(self) -> list[int]:
        return [item.channels for item in self.items if isinstance(item, FormatKnown)]


async def recognised(
    frames: Iterable[bytes], decoding: Decoding | None = None, notes: bool = False
) -> Stream:
    stream = Stream()
    async with opened(decoding or Decoding()) as decoder:

        async def feed() -> None:
            for number, frame in enumerate(frames):
                await decoder.feed(frame)
                if notes:
                    await decoder.put_marker(number)
            await decoder.end()

        feeding = asyncio.create_task(feed())
        try:
            async for item in decoder.items():
                stream.items.append(item)
        except Refusal:
            stream.refused = True
            feeding.cancel()  # As the session does.
        await asyncio.wait((feeding,), timeout=60)
    return stream


def all_were_heard(stream: Stream, files: Sequence[bytes]) -> None:
    assert not stream.refused
    assert len(stream.channels) == 1
    assert stream.seconds == pytest.approx(SECONDS * len(files), abs=FADING * len(files))


@pytest.mark.parametrize("longest", [300, *in_the_long_form(20_000, 10_000_000)])
async def test_any_files_behind_one_another(longest: int) -> None:
    names = list(FORMS)
    random.Random(longest).shuffle(names)
    files = [file(name) for name in names]
    all_were_heard(await recognised(cut_at_random(b"".join(files), longest, 1)), files)


async def test_each_message_is_a_file() -> None:
    files = [file(name) for name in FORMS for _ in range(2)]
    stream = await recognised(files, notes=True)
    all_were_heard(stream, files)
    assert [item for item in stream.items if isinstance(item, MarkerReached)] == [
        MarkerReached(n) for n in range(len(files))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("first", FORMS)
async def test_every_pair(first: str) -> None:
    chance = random.Random(first)
    for second in FORMS:
        pair = [file(first), file(second)]
        stream = await recognised(cut_at_random(b"".join(pair), chance.choice((100, 3_000, 10_000_000)), 2))
        all_were_heard(stream, pair)


@pytest.mark.parametrize("first", ["opus stereo", *in_the_long_form("opus")])
async def test_the_first_file_tells_how_many_channels_there_are(first: str) -> None:
    second = {"opus": "opus stereo", "opus stereo": "opus"}[first]
    stream = await recognised([file(first), file(second), file("wav")], Decoding(multichannel=True))
    all_were_heard(stream, [b""] * 3)
    assert stream.channels == [FORMS[first][3]]


@pytest.mark.parametrize("name", ["wav", "wav 24 bits", *in_the_long_form("wav ADPCM")])
async def test_a_wav_header_that_knows_only_its_first_buffer(name: str) -> None:
    form, codec, rate, channels, _ = FORMS[name]
    rest = encoded(form, codec, rate, tone(2 * SECONDS, rate, channels))
    rest = rest[rest.index(b"data") + 8 :]
    stream = await recognised([file(name), *cut_at_random(rest, 5_000, 1)])
    all_were_heard(stream, [b""] * 3)


@pytest.mark.parametrize("encoding", ["speex", *in_the_long_form("linear16", "flac")])
async def test_files_though_an_encoding_was_named(encoding: str) -> None:
    files = [file("wav"), file("webm"), file("wav 24 bits")]
    all_were_heard(await recognised(files, Decoding(encoding, 16_000)), files)


async def test_raw_samples_and_then_a_file() -> None:
    samples = (tone(SECONDS, 16_000) * 32767).astype("<i2").tobytes()
    stream = await recognised([samples, file("opus stereo"), file("mp3")], Decoding("linear16", 16_000))
    all_were_heard(stream, [b""] * 3)


@pytest.mark.parametrize(
    "name",
    [
        *("m4a", "webm"),
        *in_the_long_form("mp3", "aiff", "caf", "opus", "aac", "amr", "mpegts", "flv", "asf", "ogg flac"),
    ],
)
async def test_a_stream_that_is_not_decoded_any_more_ends_with_the_reason(name: str) -> None:
    """Bytes that are no audio, behind each form: the stream ends, though the client goes on."""
    junk = random.Random(4).randbytes(4_000)
    stream = await recognised([file(name), *[junk] * 60])
    assert stream.refused
    assert stream.seconds >= SECONDS - FADING


async def test_a_tag_at_the_end_is_passed_over() -> None:
    tag = b"TAG" + bytes(125)
    stream = await recognised([file(name) + tag for name in ("m4a", "m4a", "mp3", "mp3", "m4a")])
    all_were_heard(stream, [b""] * 5)


async def test_files_without_sound_end_the_stream_in_time() -> None:
    """A header costs time to open: no stream may consist of them."""
    empty = [file(name)[:300] for name in ("webm", "fmp4")]
    stream = await recognised([file("opus"), *empty * 200])
    assert stream.refused
    headers = [file("wav")[:44], file("wav stereo")[:44]]
    assert (await recognised([file("wav"), *headers * 200])).refused


async def test_a_truncated_file_costs_only_itself() -> None:
    stream = await recognised([file("m4a")[:2_000], file("opus"), file("webm")[:90], file("mp3")])
    assert not stream.refused
    assert stream.seconds == pytest.approx(2 * SECONDS, abs=0.5)


def test_feeding_a_child_that_has_gone_raises_nothing() -> None:
    """uvloop raises RuntimeError for a closed transport, where asyncio only warns."""

    async def fed() -> None:
        child = await start_live_child()
        child._process.kill()
        for _ in range(100):
            await child.send_message(Data(), bytes(1 << 16))
        with pytest.raises(ChildDied):
            await child.receive_message()
        await child.send_message(NoMoreData())
        await child.kill()

    uvloop.run(fed())


async def test_a_child_stays_until_it_is_ended() -> None:
    """If it left while it is being written to, its last words could be lost."""
    child = await start_live_child()
    await child.send_message(BeginFile(Decoding("speex", 16_000)))
    for _ in range(200):
        await child.send_message(Data(), bytes(range(100)))
    async with asyncio.timeout(PATIENCE):
        while not isinstance((await child.receive_message())[0], FileRefused):
            pass
    await child.send_message(Data(), bytes(1 << 20))
    assert child.alive
    await child.kill()
