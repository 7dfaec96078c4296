"""What the benchmark of speakers counts as right."""

import wave
from itertools import pairwise
from pathlib import Path

from bench.harness.audio import decoded
from bench.speakers.interruptions import SOUNDS, interrupted
from bench.speakers.recomposed import recomposed
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


def silent(path: Path, seconds: int, level: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(level.to_bytes(2, "little") * 16_000 * seconds)


def test_interruptions_stand_between_turns_and_move_those_behind_them(tmp_path: Path) -> None:
    for name in SOUNDS:
        silent(tmp_path / "nospeech" / f"{name}.flac", 1, 9_000)
    silent(tmp_path / "talk.wav", 6, 100)
    turns = tuple(Turn(number, number + 0.8, "ab"[number % 2]) for number in range(6))
    overlapping = Talk("both", tmp_path / "both.wav", (Turn(0, 2, "a"), Turn(1, 3, "b")))
    talks = [Talk("talk", tmp_path / "talk.wav", turns), overlapping]
    (talk,) = interrupted(talks, tmp_path, tmp_path)
    assert [turn.start for turn in talk.turns] == [0, 1, 2, 3, 5, 6]
    samples = decoded(talk.path)
    assert len(samples) == 7 * 16_000
    loud = (samples > 0.1).nonzero()[0]
    assert (loud[0], loud[-1] + 1) == (int(3.8 * 16_000), int(4.8 * 16_000))
    assert list(interrupted(talks, tmp_path, tmp_path / "elsewhere")) == []


def test_recomposed_talk_has_the_same_people_in_another_order(tmp_path: Path) -> None:
    turns = tuple(Turn(2.0 * number, 2.0 * number + 1.9, "abcdef"[number % 6]) for number in range(36))
    silent(tmp_path / "talk.wav", 72, 1_000)
    source = Talk("talk", tmp_path / "talk.wav", turns)
    talks = list(recomposed([source], tmp_path, 8, quick=False))
    assert [talk.people for talk in talks] == [2, 2, 3, 2, 3, 4, 2, 2]
    assert [talk.name.endswith("_phone") for talk in talks] == [False] * 6 + [True] * 2
    for talk in talks:
        assert all(one.end <= other.start for one, other in pairwise(talk.turns))
        assert talk.turns[-1].end <= len(decoded(talk.path)) / 16_000
    again = list(recomposed([source], tmp_path, 8, quick=False))
    assert [talk.turns for talk in again] == [talk.turns for talk in talks]
    spoilt = Talk("talk_noise", source.path, turns)
    assert list(recomposed([spoilt], tmp_path, 1, quick=True)) == []
