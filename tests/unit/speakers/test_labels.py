"""Words and voices, stretch by stretch, into words with speakers."""

from dataclasses import replace

import numpy as np
import pytest

from ringback.speakers.labels import (
    LabelledVoice,
    RecognisedWords,
    clusters_of,
    labelled_voices,
    unlabelled_seconds,
    with_speakers,
)
from ringback.speakers.voices import DIMENSIONS, Voice, embeddings_of, unit
from ringback.transcript import Word
from support.voices import People


def word(start: float, end: float) -> Word:
    return Word("word", start, end, 0.9)


def recognised(said: list[tuple[str, Voice]]) -> RecognisedWords:
    """Four words in each second and a half."""
    words = [
        word(voice.start + voice.seconds * n / 4, voice.start + voice.seconds * (n + 1) / 4)
        for _, voice in said
        for n in range(4)
    ]
    return RecognisedWords(tuple(words), tuple(voice for _, voice in said))


def speakers(words: tuple[Word, ...]) -> list[int | None]:
    return [each.speaker for each in words]


def test_speakers_are_numbered_by_their_first_word_over_all_stretches() -> None:
    people = People()
    parts = [
        recognised(people.talk(("b", 3.0))),
        recognised(people.talk(("a", 3.0), ("b", 1.5))),
        recognised([]),
    ]
    first, second, none = with_speakers(parts)
    assert speakers(first) == [0] * 8
    assert speakers(second) == [1] * 8 + [0] * 4
    assert none == ()
    confidences = [each.speaker_confidence for each in (*first, *second)]
    assert all(each is not None and 0.8 < each <= 1.0 for each in confidences)


def test_each_stretch_gets_its_own_speakers_however_many_there_are() -> None:
    people = People()
    turns = [("a", "b"), ("c",), ("b", "a", "c"), ("a",), ("c", "b")]
    parts = [recognised(people.talk(*((who, 3.0) for who in stretch))) for stretch in turns]
    expected = [["abc".index(who) for who in stretch for _ in range(8)] for stretch in turns]
    assert [speakers(words) for words in with_speakers(parts)] == expected


def test_a_voice_moves_as_a_whole() -> None:
    voice = replace(People().says("a", 1.0, 2.0), middle=1.75)
    moved = voice.shifted(10.0)
    assert (moved.start, moved.end, moved.middle, moved.seconds) == (11.0, 12.0, 11.75, 1.0)
    assert replace(moved, start=1.0, end=2.0, middle=1.75) == voice


def test_embeddings_are_of_unit_length_row_by_row() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 5.0]], np.float32)
    assert unit(rows).tolist() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0], [0.0, 1.0]]))


def test_a_word_between_two_voices_is_of_the_one_with_most_of_it_or_the_nearest() -> None:
    people = People()
    voices = (people.says("a", 0.0, 3.0), people.says("b", 4.0, 7.0))
    words = (word(0.5, 1.0), word(2.5, 4.3), word(3.2, 3.4), word(3.6, 3.9), word(6.9, 8.0))
    (labelled,) = with_speakers([RecognisedWords(words, voices)])
    assert speakers(labelled) == [0, 0, 0, 1, 1]


def test_where_a_voice_goes_on_into_another_they_meet_where_both_are_as_probable() -> None:
    """A window in which two people meet is nearer to the one with more of it."""
    people = People(spread=0.0)
    sure = [people.says("a", 0.0, 3.0), people.says("b", 9.0, 12.0)]
    one, other = (np.frombuffer(voice.embedding, np.float32) for voice in sure)
    mixed = 0.6 * one + 0.4 * other
    half = replace(
        people.says("a", 3.0, 4.0, goes_on=True), embedding=(mixed / np.linalg.norm(mixed)).tobytes()
    )
    voices = (sure[0], half, people.says("b", 4.0, 5.0, goes_on=True), sure[1])
    ends = [voice.end for voice in labelled_voices_of(voices)]
    assert ends[0] == 3.0
    assert 3.5 < ends[1] < 4.0
    assert ends[2:] == [5.0, 12.0]
    cut = replace(voices[2], goes_on=False)
    assert [voice.end for voice in labelled_voices_of((*voices[:2], cut, voices[3]))][1] == 4.0


def labelled_voices_of(voices: tuple[Voice, ...]) -> list[Voice]:
    clusters = clusters_of(voices)
    assert clusters.labels[0] == clusters.labels[1] != clusters.labels[2] == clusters.labels[3]
    return [each.voice for each in labelled_voices(voices, clusters.labels, clusters.centroids)]


def test_how_sure_a_speaker_is() -> None:
    people = People(spread=0.2)
    said = people.talk(*[("a", 4.5), ("b", 4.5)] * 2)
    voices = [voice for _, voice in said]
    clusters = clusters_of(voices)
    sure = labelled_voices(voices, clusters.labels, clusters.centroids)
    assert all(each.confidence == 1.0 for each in sure)
    between = embeddings_of([voices[0]]) + embeddings_of([voices[3]])
    unsure = replace(voices[0], embedding=(between / np.linalg.norm(between)).tobytes())
    (voice,) = labelled_voices([unsure], clusters.labels[:1], clusters.centroids)
    assert 0.3 < voice.confidence < 0.7
    (alone,) = labelled_voices([unsure], np.array([0]), clusters.centroids[:1])
    assert alone.confidence == pytest.approx(
        float(between[0] @ clusters.centroids[0] / np.linalg.norm(between))
    )


DIRECTIONS = np.eye(3, DIMENSIONS, dtype=np.float32)
"""The mean voices of three clusters that have nothing in common."""


def voice_between(*cosines: float, start: float = 0.0, goes_on: bool = True) -> Voice:
    """A second of a voice with these cosines to the first of `DIRECTIONS`."""
    embedding = np.zeros(DIMENSIONS, np.float32)
    embedding[: len(cosines)] = cosines
    return Voice(start, start + 1.0, start + 0.5, 1.0, goes_on, embedding.tobytes())


def labelled(*voices: tuple[int, Voice], clusters: int = 2) -> list[LabelledVoice]:
    numbers = np.array([number for number, _ in voices])
    return labelled_voices([voice for _, voice in voices], numbers, DIRECTIONS[:clusters])


def test_a_confidence_is_by_how_much_the_own_cluster_is_closer_than_the_next_best() -> None:
    voices = [(0, voice_between(0.5, 0.5)), (1, voice_between(0.25, 0.5)), (0, voice_between(0.25, 0.5))]
    assert [each.confidence for each in labelled(*voices)] == pytest.approx([0.5, 0.85, 0.15])
    among_three = labelled(
        (0, voice_between(0.5, -0.5, 0.25)), (2, voice_between(0.25, 0.125, 0.5)), clusters=3
    )
    assert [each.confidence for each in among_three] == pytest.approx([0.85, 0.85])
    far = labelled((0, voice_between(0.9, 0.0)), (0, voice_between(0.0, 0.9)))
    assert [each.confidence for each in far] == [1.0, 0.0]
    alone = labelled((0, voice_between(0.75)), (0, voice_between(-0.25)), clusters=1)
    assert [each.confidence for each in alone] == [0.75, 0.0]


def test_voices_meet_by_how_much_each_is_closer_to_its_own_cluster() -> None:
    """Between their middles at 0.5 s and 1.5 s, nearer to the one that is less sure."""
    before, behind = voice_between(0.75, 0.0), voice_between(0.25, 0.5, start=1.0)
    met = [each.voice for each in labelled((0, before), (1, behind))]
    assert (met[0].start, met[1].end) == (0.0, 2.0)
    assert met[0].end == met[1].start == pytest.approx(0.5 + 0.75 / (0.75 + 0.25))
    # What joined by way of others, and is closer to another cluster, has next to nothing of the way.
    strange = voice_between(0.0, 0.5)
    met = [each.voice for each in labelled((0, strange), (1, behind))]
    assert met[0].end == met[1].start == pytest.approx(0.5 + 0.01 / (0.01 + 0.25))


def test_each_of_a_chain_of_voices_meets_its_neighbours() -> None:
    chain = [
        (0, voice_between(0.5, 0.0)),
        (1, voice_between(0.0, 0.5, start=1.0)),
        (0, voice_between(0.5, 0.25, start=2.0)),
    ]
    met = [each.voice for each in labelled(*chain)]
    assert [(each.start, each.end) for each in met] == [
        (0.0, pytest.approx(1.0)),
        (pytest.approx(1.0), pytest.approx(1.5 + 0.5 / 0.75)),
        (pytest.approx(1.5 + 0.5 / 0.75), 3.0),
    ]
    assert [each.cluster for each in labelled(*chain)] == [0, 1, 0]


@pytest.mark.parametrize(
    "behind",
    [
        (0, voice_between(0.5, 0.25, start=1.0)),
        (1, voice_between(0.25, 0.5, start=1.0, goes_on=False)),
        (1, voice_between(0.25, 0.5, start=1.25)),
    ],
)
def test_voices_of_one_speaker_or_apart_stay_as_they_are(behind: tuple[int, Voice]) -> None:
    voices = [(0, voice_between(0.75, 0.0)), behind]
    assert [each.voice for each in labelled(*voices)] == [voice for _, voice in voices]
    assert labelled() == []


def test_a_voice_without_words_is_nobody() -> None:
    people = People()
    voices = (people.says("m", 0.0, 3.0), people.says("a", 3.0, 6.0), people.says("b", 6.0, 9.0))
    (labelled,) = with_speakers([RecognisedWords((word(4.0, 4.5), word(7.0, 7.5)), voices)])
    assert speakers(labelled) == [0, 1]


def test_a_stretch_without_a_voice_is_of_the_one_who_spoke_last() -> None:
    people = People()
    parts = [recognised(people.talk(("a", 3.0), ("b", 3.0))), RecognisedWords((word(0.0, 0.1),), ())]
    _, lonely = with_speakers(parts)
    assert [(each.speaker, each.speaker_confidence) for each in lonely] == [(1, 0.0)]


def test_a_word_too_short_for_any_voice_is_the_first_speakers() -> None:
    """The models were run and found no voice, as in a channel with one short word: nothing has failed."""
    failed = RecognisedWords((word(1.0, 1.5),), None)
    short, unlabelled = with_speakers([RecognisedWords((word(0.0, 0.3),), ()), failed])
    assert [(each.speaker, each.speaker_confidence) for each in short] == [(0, 0.0)]
    assert unlabelled == failed.words


def test_where_nothing_could_be_listened_to_words_have_no_speaker() -> None:
    people = People()
    failed = RecognisedWords((word(0.0, 0.5), word(0.5, 1.25)), None)
    labelled, unlabelled = with_speakers([recognised(people.talk(("a", 3.0))), failed])
    assert speakers(labelled) == [0] * 8
    assert unlabelled == failed.words
    assert unlabelled_seconds((*labelled, *unlabelled)) == pytest.approx(1.25)
    assert with_speakers([failed, failed]) == [failed.words, failed.words]
    assert with_speakers([]) == []
