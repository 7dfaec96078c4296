"""A cut in the middle of speech: what lies across it is told once."""

import pytest

from ringback.audio.samples import SAMPLE_RATE
from ringback.streaming.speech_cut import MAX_OVERLAP, SpeechCut
from ringback.transcript import Word

CUT = 2.0


def seam(before: str = "", start: float = 1.6, end: float = 2.0) -> SpeechCut:
    return SpeechCut(int(CUT * SAMPLE_RATE), Word(before, start, end, 0.9) if before else None)


def behind(cut: SpeechCut, *words: tuple[str, float]) -> str:
    spoken = [Word(text, start, start + 0.3, 0.9) for text, start in words]
    return " ".join(word.text for word in cut.words_after(spoken))


@pytest.mark.parametrize(
    ("before", "words", "expected"),
    [
        ("consider", [("consider", 1.58), ("this", 2.3)], "this"),
        ("consider.", [("Consider", 1.66), ("this", 2.3)], "this"),
        ("con", [("consider", 1.6), ("this", 2.3)], "this"),
        ("considering", [("consider", 1.6), ("this", 2.3)], "this"),
        ("made.", [("amiable", 1.6), ("than", 2.4)], "than"),
        ("consider", [("to", 1.5), ("consider", 1.7), ("this", 2.3)], "this"),
        ("consider", [("consider", 2.05), ("this", 2.4)], "this"),
        ("that", [("that", 1.6), ("that", 2.2), ("is", 2.5)], "that is"),
        ("consider", [("this", 2.02), ("is", 2.4)], "this is"),
        ("consider", [("this", 1.97), ("is", 2.4)], "this is"),
        ("consider", [("considered", 2.4)], "considered"),
        ("consider", [("consider", 1.6)], ""),
        ("consider", [], ""),
        ("", [("consider", 1.9), ("this", 2.3)], "consider this"),
        ("…", [("…", 1.7), ("this", 2.3)], "this"),
    ],
)
def test_what_was_told_is_not_told_again(before: str, words: list[tuple[str, float]], expected: str) -> None:
    assert behind(seam(before), *words) == expected


def test_a_word_without_a_duration_is_the_reported_one_wherever_its_time_is() -> None:
    """As the generic kernels had it: the word was aligned with the beginning of the next one."""
    words = [Word("more", 2.37, 2.39, 0.9), Word("amiable", 2.39, 2.9, 0.9)]
    assert [word.text for word in seam("more?").words_after(words)] == ["amiable"]
    assert [word.text for word in seam("more?").words_after([Word("a", 1.6, 1.7, 0.9), *words])] == [
        "amiable"
    ]
    assert len(seam("Mary").words_after(words)) == 2
    repeated = [Word("more", 2.2, 2.37, 0.9), Word("amiable", 2.39, 2.9, 0.9)]
    assert len(seam("more?").words_after(repeated)) == 2


def test_the_told_word_is_heard_again_from_its_beginning() -> None:
    assert seam("consider", 1.6).start / SAMPLE_RATE == pytest.approx(1.55, abs=0.01)
    assert seam().start / SAMPLE_RATE == pytest.approx(1.75, abs=0.01)


def test_no_more_is_wanted_again_than_there_is() -> None:
    assert seam("consider", CUT - MAX_OVERLAP - 0.1, 1.2).start == CUT * SAMPLE_RATE
    assert SpeechCut(800, None).start == 0
