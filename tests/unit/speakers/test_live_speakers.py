"""The speakers of a live stream, final by final: a label stays, and no speaker is made up."""

import pytest

from ringback.speakers import live
from ringback.speakers.labels import RecognisedWords
from ringback.speakers.live import LiveSpeakers
from ringback.speakers.voices import Voice
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


def test_a_speaker_who_joins_a_long_call_is_told_in_the_end() -> None:
    """Until they have the least share of all speech, they are taken for the most alike."""
    people, stream = People(), LiveSpeakers()
    for _ in range(3):
        labels_of(stream, people.talk(("a", 60.0), ("b", 60.0)))
    said = [labels_of(stream, people.talk((who, 3.0))) for who in ("c", "a") * 5]
    assert set(said[-2]) == {2}
    assert set(said[-1]) == {0}


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
