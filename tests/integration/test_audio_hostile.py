"""Damaged and hostile files, through the real reader: each gives its audio or the refusal, in good time."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.audio.encodings import Decoding
from ringback.audio.reader import AudioEnd, AudioReader
from ringback.errors import Refusal
from support.child_processes import children_running
from support.encoded import add_sound
from support.waiting import PATIENCE

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0880.flac"
FORMS = [
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_mulaw", 8_000),
    ("flac", "flac", 16_000),
    ("mp3", "libmp3lame", 44_100),
    ("adts", "aac", 44_100),
    ("ipod", "aac", 44_100),
    ("mp4", "aac", 44_100),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("mpegts", "mp2", 48_000),
    ("amr", "libopencore_amrnb", 8_000),
    ("asf", "libmp3lame", 44_100),
    ("avi", "libmp3lame", 44_100),
    ("aiff", "pcm_s16be", 16_000),
    ("caf", "pcm_s16be", 16_000),
]
CORRUPT = "Bad Request: failed to process audio: corrupt or unsupported data"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same three seconds of speech in each form."""
    folder = tmp_path_factory.mktemp("originals")
    files = {}
    for form, codec, rate in FORMS:
        path = folder / f"{form}-{codec}"
        options = {"movflags": "faststart"} if form == "mp4" else {}
        with av.open(str(CLIP)) as source, av.open(str(path), "w", format=form, options=options) as file:
            sound = add_sound(file, codec, rate)
            for frame in source.decode(audio=0):
                frame.pts = None
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
        files[path.name] = path.read_bytes()
    return files


class Loop:
    """One reader for many synchronous tests; its children live on from file to file."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._reader = AudioReader(1, files_per_child=10_000)
        self._stopping = asyncio.Event()
        self._service = self._runner.get_loop().create_task(self._reader.run(self._stopping))

    def read(self, path: Path, decoding: Decoding | None = None) -> float | str:
        """Seconds decoded, or the refusal's words."""
        return self._runner.run(asyncio.wait_for(self._read(path, decoding or Decoding()), PATIENCE))

    def child(self) -> int:
        self.read(CLIP)
        (child,) = children_running("ringback.audio.child")
        return child.pid

    def close(self) -> None:
        self._stopping.set()
        self._runner.get_loop().run_until_complete(self._service)
        self._runner.close()

    async def _read(self, path: Path, decoding: Decoding) -> float | str:
        items = []
        try:
            async with self._reader.read(path, decoding) as read_items:
                items = [item async for item in read_items]
        except Refusal as refusal:
            return refusal.failure.err_msg
        assert isinstance(items[-1], AudioEnd)
        return items[-1].duration


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def nothing_dies(loop: Loop) -> Iterator[None]:
    """The reader would replace a child that crashed; with today's FFmpeg none of these files is so bad."""
    before = loop.child()
    yield
    assert loop.child() == before


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def test_the_undamaged_files_are_read(originals: dict[str, bytes], loop: Loop, folder: Path) -> None:
    for name, content in originals.items():
        path = folder / name
        path.write_bytes(content)
        assert loop.read(path) == pytest.approx(3.0, abs=0.2), name


def test_files_cut_anywhere(originals: dict[str, bytes], loop: Loop, folder: Path) -> None:
    """Cut at each of the first bytes where headers end, and at every tenth of the file."""
    outcomes = {}
    for name, content in originals.items():
        cuts = {1, 3, 4, 8, 12, 16, 20, 36, 44, 45, 64, 100, 200, 500}
        cuts |= {len(content) * tenth // 10 for tenth in range(1, 10)} | {len(content) - 1}
        for cut in sorted(cuts):
            path = folder / f"cut-{name}"
            path.write_bytes(content[:cut])
            outcomes[name, cut] = loop.read(path)
    assert all(outcome == CORRUPT or isinstance(outcome, float) for outcome in outcomes.values())
    read = sum(isinstance(outcome, float) for outcome in outcomes.values())
    print(f"{len(outcomes)} cut files: {read} read as far as they go, {len(outcomes) - read} refused")
    assert isinstance(outcomes["mp3-libmp3lame", len(originals["mp3-libmp3lame"]) // 2], float)
    assert outcomes["ipod-aac", len(originals["ipod-aac"]) // 2] == CORRUPT  # its index lay at the end


def test_files_with_a_part_wiped_out(originals: dict[str, bytes], loop: Loop, folder: Path) -> None:
    chance = random.Random(4)
    outcomes = []
    for name, content in originals.items():
        for filling in (b"\x00", b"\xff", None):
            for at in (0, 4, 16, 40, len(content) // 2):
                size = min(chance.choice([4, 16, 400]), len(content) - at)
                wiped = bytearray(content)
                wiped[at : at + size] = filling * size if filling else chance.randbytes(size)
                path = folder / f"wiped-{name}"
                path.write_bytes(wiped)
                outcomes.append(loop.read(path))
    assert all(outcome == CORRUPT or isinstance(outcome, float) for outcome in outcomes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_files_with_flipped_bits(
    originals: dict[str, bytes], loop: Loop, folder: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(originals)))
    content = bytearray(originals[name])
    where = st.one_of(st.integers(0, min(len(content) - 1, 300)), st.integers(0, len(content) - 1))
    for at, bit in data.draw(st.lists(st.tuples(where, st.integers(0, 7)), min_size=1, max_size=40)):
        content[at] ^= 1 << bit
    path = folder / f"flipped-{name}"
    path.write_bytes(content)
    outcome = loop.read(path)
    assert isinstance(outcome, float) or outcome.startswith("Bad Request: ")


@pytest.mark.parametrize("encoding", ["flac", "amr-nb", "amr-wb", "g729", "ogg-opus", "linear16", "mulaw"])
def test_noise_named_as_any_encoding(encoding: str, loop: Loop, folder: Path) -> None:
    path = folder / "noise"
    for size in (1, 7, 4_000, 100_000):
        path.write_bytes(random.Random(size).randbytes(size))
        outcome = loop.read(path, Decoding(encoding, sample_rate=8_000))
        assert isinstance(outcome, float) or outcome == CORRUPT


@pytest.mark.parametrize("size", [10, 1_000, 50_000, 2_000_000])
def test_noise_without_a_name_is_refused(size: int, loop: Loop, folder: Path) -> None:
    path = folder / "noise"
    path.write_bytes(random.Random(size).randbytes(size))
    assert loop.read(path) == CORRUPT


def test_files_of_two_kinds_glued_together(originals: dict[str, bytes], loop: Loop, folder: Path) -> None:
    names = sorted(originals)
    for first, second in zip(names, reversed(names), strict=True):
        path = folder / "glued"
        path.write_bytes(originals[first] + originals[second])
        outcome = loop.read(path)
        assert outcome == CORRUPT or isinstance(outcome, float)


def test_a_header_that_lies_about_rate_and_channels(
    originals: dict[str, bytes], loop: Loop, folder: Path
) -> None:
    path = folder / "liar.wav"
    for at, size, value in [
        (24, 4, 1),
        (24, 4, 2**31),
        (24, 4, 0),
        (22, 2, 0),
        (22, 2, 60_000),
        (22, 2, 255),
    ]:
        lying = bytearray(originals["wav-pcm_s16le"])
        lying[at : at + size] = value.to_bytes(size, "little")
        path.write_bytes(lying)
        for multichannel in (False, True):
            outcome = loop.read(path, Decoding(multichannel=multichannel))
            assert isinstance(outcome, str) or outcome < 60
