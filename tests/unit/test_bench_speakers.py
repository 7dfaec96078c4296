"""What the benchmark of speakers counts as right."""

from pathlib import Path

from bench.speakers.scores import Labelled, speech_right, words_of, words_right
from bench.speakers.talks import Talk, Turn, composed

TALK = Talk("talk", Path("talk.flac"), (Turn(0, 2, "ann"), Turn(2, 4, "bob"), Turn(3, 5, "ann")))


def word(at: float, speaker: int | None) -> Labelled:
    return Labelled(at - 0.1, at + 0.1, speaker)


def test_speakers_are_matched_with_people_by_what_they_say_most() -> None:
    said = [word(0.5, 7), word(1.5, 7), word(2.5, 3), word(4.5, 3), word(6.0, 3)]
    score = words_right(TALK, said)
    assert (score.right, score.judged) == (3, 4)
    assert (score.people_found, score.people) == (2, 2)
    assert words_right(TALK, [word(3.5, 7), word(0.5, 7), word(3.5, 3), word(2.5, 3)]).percent == 100


def test_nobody_is_never_right() -> None:
    assert words_right(TALK, [word(0.5, 0), word(1.5, None)]).percent == 50
    assert words_right(TALK, []).percent == 100


def test_seconds_count_where_one_person_speaks() -> None:
    score = speech_right(TALK, [Labelled(0.0, 2.5, 0), Labelled(2.5, 5.0, 1)])
    assert round(score.judged, 2) == 4.0
    assert round(score.right, 2) == 2.5


def test_words_take_the_speaker_of_the_stretch_that_they_are_in() -> None:
    stretches = [Labelled(0, 2, 0), Labelled(3, 4, 1)]
    assert [each.speaker for each in words_of([word(1, None), word(2.9, None)], stretches)] == [0, 1]
    assert words_of([word(1, None)], []) == []


def test_turns_are_read_from_rttm(tmp_path: Path) -> None:
    (tmp_path / "one.rttm").write_text("SPEAKER one 1 0.500 1.250 <NA> <NA> ann <NA> <NA>\n")
    (talk,) = composed(tmp_path)
    assert (talk.name, talk.path, talk.turns) == ("one", tmp_path / "one.flac", (Turn(0.5, 1.75, "ann"),))
