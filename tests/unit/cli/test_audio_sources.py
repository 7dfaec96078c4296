"""Where sound comes from, in which pieces and at which pace."""

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.cli import audio_sources
from ringback.cli.audio_sources import RawFormat
from ringback.errors import Misconfigured
from support.waiting import real_pause

CLIP = Path(__file__).parent.parent.parent / "audio" / "librivox_0930.flac"


def test_a_recording_is_sent_as_it_is_at_the_pace_of_its_sound() -> None:
    source = audio_sources.file_source(CLIP, None, paced=True)
    pieces = list(source.pieces)
    assert b"".join(pieces) == CLIP.read_bytes()
    assert source.parameters == {}
    assert source.bytes_per_second == pytest.approx(CLIP.stat().st_size / 3.29, rel=0.01)
    assert len(pieces) == pytest.approx(33, abs=1)


def test_a_recording_sent_fast_need_not_be_understood(tmp_path: Path) -> None:
    file = tmp_path / "unknown"
    file.write_bytes(b"x" * 40_000)
    source = audio_sources.file_source(file, None, paced=False)
    assert source.bytes_per_second is None
    assert b"".join(source.pieces) == file.read_bytes()
    with pytest.raises(Misconfigured, match="--pace fast"):
        audio_sources.file_source(file, None, paced=True)


@pytest.mark.parametrize(
    ("raw", "rate"),
    [
        (RawFormat("linear16", 16_000), 32_000),
        (RawFormat("linear16", 8_000, 2), 32_000),
        (RawFormat("linear32", 48_000), 192_000),
        (RawFormat("mulaw", 8_000), 8_000),
        (RawFormat("alaw", 8_000), 8_000),
    ],
)
def test_raw_samples_come_in_whole_frames_at_their_rate(raw: RawFormat, rate: int, tmp_path: Path) -> None:
    file = tmp_path / "raw"
    file.write_bytes(bytes(rate))
    source = audio_sources.file_source(file, raw, paced=True)
    assert source.bytes_per_second == rate
    assert [len(piece) for piece in source.pieces] == [rate // 10] * 10
    assert source.parameters == {
        "encoding": raw.encoding,
        "sample_rate": str(raw.sample_rate),
        "channels": str(raw.channels),
    }


def test_what_comes_through_a_pipe_is_paced_only_where_its_rate_is_known() -> None:
    assert (
        audio_sources.standard_input_source(RawFormat("mulaw", 8_000), paced=True).bytes_per_second == 8_000
    )
    assert audio_sources.standard_input_source(None, paced=False).bytes_per_second is None
    for raw in (None, RawFormat("opus", 48_000)):
        with pytest.raises(Misconfigured, match="leave --pace out"):
            audio_sources.standard_input_source(raw, paced=True)


async def test_a_fast_source_waits_for_a_slow_listener() -> None:
    read = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            read.append(number)
            yield bytes([number])

    listening = audio_sources.read_in_thread(pieces())
    assert await anext(listening) == b"\0"
    await real_pause(0.05, "a source that does not wait is read to its end meanwhile")
    assert len(read) < 10
    assert [piece async for piece in listening] == [bytes([number]) for number in range(1, 100)]


async def test_what_breaks_a_source_reaches_the_listener() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"sound"
        raise OSError("the cable is out")

    listening = audio_sources.read_in_thread(pieces())
    assert await anext(listening) == b"sound"
    with pytest.raises(OSError, match="the cable is out"):
        await anext(listening)


async def test_nobody_waits_for_a_source_that_hangs() -> None:
    hanging = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"sound"
        hanging.wait()

    async for _ in audio_sources.read_in_thread(pieces()):
        break
    hanging.set()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(stat.S_IRWXU)


needs_no_device = pytest.mark.skipif(
    any(Path("/dev/snd").glob("pcmC*D*c")), reason="this machine has a microphone, which would be opened"
)


@needs_no_device
def test_the_microphone_is_heard_through_the_first_recorder_that_gives_sound(programs: Path) -> None:
    program(programs, "arecord", "echo 'arecord: main: audio open error: No such file' >&2; exit 1")
    program(programs, "parec", "printf 0123456789")
    source = audio_sources.microphone_source()
    assert source.parameters == {"encoding": "linear16", "sample_rate": "16000", "channels": "1"}
    assert source.bytes_per_second is None
    assert b"".join(source.pieces) == b"0123456789"


@needs_no_device
def test_no_microphone_at_all_names_the_fix(programs: Path) -> None:
    with pytest.raises(Misconfigured, match=r"Install arecord .* ringback listen - "):
        audio_sources.microphone_source()
    program(programs, "arecord", "echo 'arecord: main: audio open error: No such file' >&2; exit 1")
    with pytest.raises(Misconfigured, match="audio open error: No such file"):
        audio_sources.microphone_source()
