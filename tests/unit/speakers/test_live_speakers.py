"""The speakers of a live stream, final by final: a label stays, and no speaker is made up."""

import numpy as np
import pytest

from ringback.speakers import live
from ringback.speakers.labels import RecognisedWords
from ringback.speakers.live import LiveSpeakers
from ringback.speakers.voices import DIMENSIONS, Voice
from ringback.transcript import Word
from support.voices import People


def final(said: list[tuple[str, Voice]]) -> RecognisedWords:
    words = [Word("word", voice.start, voice.end, 0.9) for _, voice in said]
    return RecognisedWords(tuple(words), tuple(voice for _, voice in said))


def labels_of(stream: LiveSpeakers, said: list[tuple[str, Voice]]) -> list[int | None]:
    return [word.speaker for word in stream.label(final(said))]


def test_people_are_told_apart_from_their_first_seconds_on() -> None:
    people, stream = People(), LiveSpeakers()
    assert labels_of(stream, people.talk(("a", 3.0))) == [0, 0]
    assert labels_of(stream, people.talk(("b", 3.0))) == [1, 1]
    assert labels_of(stream, people.talk(("a", 1.5), ("c", 3.0), ("b", 1.5))) == [0, 2, 2, 1]
    assert [each.speaker_confidence for each in stream.label(final(people.talk(("a", 1.5))))] == [None]


def test_a_short_word_of_somebody_new_is_told_as_the_most_alike_and_the_rest_as_new() -> None:
    people, stream = People(), LiveSpeakers()
    assert set(labels_of(stream, people.talk(("a", 9.0)))) == {0}
    assert labels_of(stream, people.talk(("b", 0.9))) == [0]
    assert set(labels_of(stream, people.talk(("b", 4.5)))) == {1}
    assert set(labels_of(stream, people.talk(("a", 3.0)))) == {0}


def test_somebody_with_short_turns_is_told_after_a_few_of_them() -> None:
    people, stream = People(), LiveSpeakers()
    said = [labels_of(stream, people.talk((who, seconds))) for who, seconds in [("a", 3.0), ("b", 1.1)] * 4]
    assert said[0] == [0, 0]
    assert said[-1] == [1]
    assert said[-2] == [0, 0]


@pytest.mark.parametrize("minutes", [4, 12])
def test_a_speaker_who_joins_a_long_call_is_known_after_a_few_seconds(minutes: int) -> None:
    """Until they have spoken for `LEAST.highest`, they are taken for the most alike; not until they have a
    share of all speech."""
    people, stream = People(), LiveSpeakers()
    for _ in range(minutes // 2):
        labels_of(stream, people.talk(("a", 60.0), ("b", 60.0)))
    said = [labels_of(stream, people.talk((who, 3.0))) for who in ("c", "a") * 2]
    assert set(said[-2]) == {2}
    assert set(said[-1]) == {0}


def test_a_speaker_who_was_silent_for_long_is_known_again() -> None:
    people, stream = People(), LiveSpeakers()
    labels_of(stream, people.talk(("c", 6.0)))
    for _ in range(5):
        labels_of(stream, people.talk(("a", 60.0), ("b", 60.0)))
    assert set(labels_of(stream, people.talk(("c", 1.5)))) == {0}


def test_a_voice_that_falls_apart_later_makes_no_second_speaker_of_one_who_was_told() -> None:
    """Two people were told as one; the larger part keeps the number, and the other is not new."""
    stream = LiveSpeakers()
    alike = People(spread=0.0)
    assert set(labels_of(stream, alike.talk(("a", 6.0)))) == {0}
    stream._voices += [
        live._PastVoice(voice, voice.seconds, 0) for _, voice in alike.talk(("b", 4.5))
    ]  # told as the first one
    assert labels_of(stream, alike.talk(("b", 1.5))) == [0]
    assert set(labels_of(stream, alike.talk(("a", 1.5)))) == {0}


def test_words_without_a_voice_are_of_the_one_who_spoke_last() -> None:
    people, stream = People(), LiveSpeakers()
    short = RecognisedWords((Word("yes", 0.0, 0.1, 0.9),), ())
    assert [word.speaker for word in stream.label(short)] == [0]
    assert set(labels_of(stream, people.talk(("a", 3.0), ("b", 3.0)))) == {0, 1}
    assert [word.speaker for word in stream.label(short)] == [1]


def test_words_that_could_not_be_listened_to_have_no_speaker() -> None:
    people, stream = People(), LiveSpeakers()
    unheard = RecognisedWords((Word("yes", 0.0, 0.1, 0.9),), None)
    assert stream.label(unheard) == unheard.words
    assert labels_of(stream, people.talk(("b", 3.0))) == [0, 0]


def test_a_long_stream_remembers_a_bounded_number_of_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_VOICES", 60)
    people, stream = People(), LiveSpeakers()
    assert set(labels_of(stream, people.talk(("a", 3.0)))) == {0}
    assert set(labels_of(stream, people.talk(("b", 4.5)))) == {1}
    for _ in range(60):
        assert set(labels_of(stream, people.talk(("a", 6.0)))) == {0}
        assert len(stream._voices) <= 60
    assert sum(each.seconds for each in stream._voices) == pytest.approx(3.0 + 4.5 + 60 * 6.0)
    assert set(labels_of(stream, people.talk(("b", 4.5)))) <= {0, 1}


def exactly(direction: int, seconds: float, start: float = 0.0) -> tuple[str, Voice]:
    """A voice that has nothing in common with those of other directions."""
    embedding = np.eye(8, DIMENSIONS, dtype=np.float32)[direction]
    middle = start + seconds / 2
    return "", Voice(start, start + seconds, middle, max(1.0, seconds), False, embedding.tobytes())


def test_a_second_and_a_fifth_of_speech_make_a_new_speaker() -> None:
    for seconds, speaker in [(1.125, 0), (1.25, 1)]:
        stream = LiveSpeakers()
        assert labels_of(stream, [exactly(0, 6.0)]) == [0]
        assert labels_of(stream, [exactly(1, seconds)]) == [speaker]


def test_no_more_speakers_are_made_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_SPEAKERS", 2)
    stream = LiveSpeakers()
    assert [labels_of(stream, [exactly(number, 6.0)]) for number in range(3)] == [[0], [1], [0]]
    assert labels_of(stream, [exactly(1, 6.0)]) == [1]


def test_new_speakers_of_one_final_are_numbered_as_they_speak() -> None:
    stream = LiveSpeakers()
    turns = [exactly(number, 3.0, start) for start, number in [(0.0, 5), (3.0, 2), (6.0, 5), (9.0, 0)]]
    assert labels_of(stream, turns) == [0, 1, 0, 2]


@pytest.mark.parametrize(("mislabelled", "speaker"), [(3.5, 1), (4.5, 0)])
def test_one_whose_short_turns_were_labelled_as_another_s_is_new_up_to_some_seconds(
    mislabelled: float, speaker: int
) -> None:
    stream = LiveSpeakers()
    assert labels_of(stream, [exactly(0, 30.0)]) == [0]
    _, voice = exactly(1, mislabelled)
    stream._voices.append(live._PastVoice(voice, voice.seconds, 0))
    assert labels_of(stream, [exactly(1, 1.5)]) == [speaker]
    assert [each.speaker for each in stream._voices] == [0, 0, speaker]  # a label never changes


def test_one_who_was_labelled_as_another_is_new_with_most_of_their_speech_in_a_final() -> None:
    for seconds, speaker in [(5.5, 1), (4.5, 0)]:
        stream = LiveSpeakers()
        assert labels_of(stream, [exactly(0, 30.0)]) == [0]
        _, voice = exactly(1, 5.0)
        stream._voices.append(live._PastVoice(voice, voice.seconds, 0))
        halves = [exactly(1, seconds / 2), exactly(1, seconds / 2, seconds / 2)]
        assert labels_of(stream, halves) == [speaker] * 2


def test_in_a_long_call_more_may_have_been_labelled_as_another_s() -> None:
    """Half as much again as makes a speaker, where that is more than the seconds."""
    for seconds, labelled, speaker in [(100.0, 5.0, 0), (290.0, 5.0, 1), (290.0, 6.5, 0), (3_000.0, 6.5, 0)]:
        stream = LiveSpeakers()
        assert labels_of(stream, [exactly(0, seconds)]) == [0]
        _, voice = exactly(1, labelled)
        stream._voices.append(live._PastVoice(voice, voice.seconds, 0))
        assert labels_of(stream, [exactly(1, 2.0)]) == [speaker]


def test_where_a_cluster_was_labelled_with_two_numbers_most_of_it_counts() -> None:
    stream = LiveSpeakers()
    assert labels_of(stream, [exactly(0, 6.0), exactly(1, 6.0, 6.0)]) == [0, 1]
    for direction, seconds, number in [(0, 2.0, 1), (1, 3.0, 0)]:
        _, voice = exactly(direction, seconds)
        stream._voices.append(live._PastVoice(voice, voice.seconds, number))
    assert labels_of(stream, [exactly(0, 2.0), exactly(1, 2.0, 2.0)]) == [0, 1]


def test_of_too_many_voices_every_second_one_of_who_spoke_most_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "MOST_VOICES", 6)
    stream = LiveSpeakers()
    labels_of(stream, [exactly(0, 2.0, 2.0 * n) for n in range(3)] + [exactly(1, 3.0, 6.0)])
    labels_of(stream, [exactly(0, 2.0, 10.0 + n) for n in range(2)])
    assert [each.seconds for each in stream._voices] == [2.0, 2.0, 2.0, 3.0, 2.0, 2.0]
    labels_of(stream, [exactly(1, 3.0, 20.0)])
    assert [(each.speaker, each.seconds, each.voice.start) for each in stream._voices] == [
        (0, 4.0, 0.0),
        (0, 4.0, 4.0),
        (1, 3.0, 6.0),
        (0, 2.0, 11.0),
        (1, 3.0, 20.0),
    ]


def test_the_first_speaker_s_voices_stay_where_another_one_spoke_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "MOST_VOICES", 3)
    stream = LiveSpeakers()
    labels_of(stream, [exactly(0, 2.0, 0.0), exactly(0, 2.0, 2.0)])
    labels_of(stream, [exactly(1, 3.0, 4.0 + 3 * n) for n in range(3)])
    assert [(each.speaker, each.seconds) for each in stream._voices] == [
        (0, 2.0),
        (0, 2.0),
        (1, 6.0),
        (1, 3.0),
    ]
