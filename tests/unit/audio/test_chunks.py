"""Chunks of speech know when they were said, whatever holes the recording has."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ringback.audio.chunks import ChunkFinder
from ringback.audio.frames import AudioEnd, Chunk, SpeechChunk
from ringback.audio.media_clock import Hole, Timeline
from ringback.audio.speech import Silero
from ringback.transcript import Word
from ringback.transcription.recording_recogniser import audio_warnings, in_media_time
from support.speech import samples_of

Samples = npt.NDArray[np.float32]
CLIPS = Path(__file__).parents[2] / "audio"


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


@pytest.fixture(scope="module")
def talk() -> Samples:
    """Two sentences with a second of silence between them."""
    first, second = (samples_of(CLIPS / f"librivox_{name}.flac") for name in ("0880", "0930"))
    return np.concatenate((first, np.zeros(16_000, np.float32), second))


def chunks_of(
    silero: Silero, talk: Samples, holes: list[Hole], channels: int = 1
) -> list[tuple[Chunk, Samples]]:
    timeline = Timeline()
    finder = ChunkFinder(silero, channels, 15.0, timeline)
    found: list[tuple[Chunk, Samples]] = []
    for at in range(0, len(talk), 8_000):
        for hole in holes:
            if at / 16_000 <= hole.at < at / 16_000 + 0.5:
                timeline.add(hole)
        block = talk[at : at + 8_000]
        found += finder.push(np.stack([block] * channels))
    return found + list(finder.finish())


def test_without_holes_neighbours_share_a_chunk(silero: Silero, talk: Samples) -> None:
    ((chunk, samples),) = chunks_of(silero, talk, [])
    assert chunk.start < 1
    assert chunk.holes == ()
    assert len(samples) > len(talk) - 40_000


@pytest.mark.parametrize("channels", [1, 2])
def test_a_long_hole_parts_chunks_and_moves_what_follows(
    channels: int, silero: Silero, talk: Samples
) -> None:
    middle = len(samples_of(CLIPS / "librivox_0880.flac")) / 16_000 + 0.5
    whole = chunks_of(silero, talk, [Hole(middle, 20.0)], channels)
    assert len(whole) == 2 * channels
    for first, second in zip(whole[:channels], whole[channels:], strict=True):
        assert first[0].start < 1
        assert second[0].start == pytest.approx(middle + 20.0, abs=1.0)
        assert not first[0].holes + second[0].holes
    assert sum(len(samples) for _, samples in whole) / channels < len(talk)


def test_short_holes_stay_within_and_are_reported(silero: Silero, talk: Samples) -> None:
    holes = [Hole(2.0, 0.4), Hole(2.1, 0.4)]
    ((chunk, _),) = chunks_of(silero, talk, holes)
    assert [round(at + chunk.start, 2) for at, _ in chunk.holes] == [2.0, 2.1]
    assert [seconds for _, seconds in chunk.holes] == [0.4, 0.4]


def test_a_hole_at_each_packet_costs_no_more_than_some(silero: Silero, talk: Samples) -> None:
    holes = [Hole(at / 100, 3.0) for at in range(len(talk) // 160)]
    found = chunks_of(silero, talk, holes)
    assert len(found) <= len(talk) / 8_000 + 1
    assert all(len(chunk.holes) < 150 for chunk, _ in found)
    assert [chunk.start for chunk, _ in found] == sorted(chunk.start for chunk, _ in found)


def test_a_track_that_begins_late(silero: Silero, talk: Samples) -> None:
    ((chunk, _),) = chunks_of(silero, talk, [Hole(0.0, 4.087)])
    assert 4.0 < chunk.start < 5.0
    assert chunk.holes == ()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.5, 0.9, (10.5, 10.9)),
        (0.5, 1.1, (10.5, 11.0)),  # its middle lies before the hole
        (0.9, 1.5, (13.0, 13.5)),
        (1.4, 1.9, (13.4, 13.9)),
        (1.8, 2.6, (14.3, 14.9)),
    ],
)
def test_a_word_lies_on_one_side_of_a_hole(start: float, end: float, expected: tuple[float, float]) -> None:
    chunk = SpeechChunk(0, 10.0, np.zeros(0, np.float32), ((1.0, 2.0), (2.0, 0.3)))
    word = in_media_time(Word("word", start, end, 1.0), chunk)
    assert (word.start, word.end) == pytest.approx(expected)


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.9), (0.9, 1.5), (1.4, 1.9), (1.8, 2.6), (2.7, 2.9)])
@pytest.mark.parametrize("cut", [0.4, 1.0, 1.7, 2.65])
def test_words_of_a_part_of_a_chunk_lie_where_those_of_the_whole_do(
    start: float, end: float, cut: float
) -> None:
    chunk = SpeechChunk(0, 10.0, np.zeros(48_000, np.float32), ((1.0, 2.0), (2.0, 0.3)))
    whole = in_media_time(Word("word", start, end, 1.0), chunk)
    at = round(cut * 16_000)
    if end <= cut:
        part, word = chunk.part(0, at), Word("word", start, end, 1.0)
    elif start >= cut:
        part, word = chunk.part(at, 48_000), Word("word", start - cut, end - cut, 1.0)
    else:
        return
    placed = in_media_time(word, part)
    assert (placed.start, placed.end) == pytest.approx((whole.start, whole.end))


def test_what_was_not_heard_is_reported() -> None:
    assert audio_warnings(AudioEnd(1, 9.0)) == ()
    assert audio_warnings(AudioEnd(1, 9.0, unread_bytes=0.613)) == (
        "61 % of the recording's bytes could not be read.",
    )
    (seconds,) = audio_warnings(AudioEnd(1, 9.0, unread_bytes=0.5, unread_seconds=0.004))
    assert seconds.startswith("1 % of the seconds")
    (jump,) = audio_warnings(AudioEnd(1, 9.0, jumps_ignored=2))
    assert "timestamps" in jump
