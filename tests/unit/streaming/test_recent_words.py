"""The latest words of a stream: in order, by speaker, and never more than so many."""

from ringback.listen.recognition_events import Cause, RecognitionResult
from ringback.streaming.recent_words import FINALS_KEPT, HeardLine, RecentWords
from ringback.transcript import Word


def result(*words: Word, channel: int = 0, final: bool = True) -> RecognitionResult:
    return RecognitionResult(channel, 0.0, 9.0, words, final, Cause.ENDPOINT if final else Cause.UPDATE)


def word(text: str, start: float, speaker: int | None = None, spaced: bool = True) -> Word:
    return Word(text, start, start + 0.5, 0.9, spaced, speaker)


def test_a_line_is_what_one_speaker_said() -> None:
    recent = RecentWords()
    recent.note_result(result(word("Hello", 0, 0), word("there.", 1, 0), word("Hi!", 2, 1)))
    assert recent.lines() == [
        HeardLine(0, 0.0, 0, "Hello there.", True),
        HeardLine(0, 2.0, 1, "Hi!", True),
    ]


def test_what_is_open_stands_last_and_goes_with_its_final() -> None:
    recent = RecentWords()
    recent.note_result(result(word("you", 1), final=False))
    recent.note_result(result(word("one", 0), channel=1))
    recent.note_result(result(word("you too", 1), final=False))
    assert [(line.channel, line.text, line.final) for line in recent.lines()] == [
        (1, "one", True),
        (0, "you too", False),
    ]
    recent.note_result(result())
    assert [line.text for line in recent.lines()] == ["one"]


def test_words_without_spaces_stay_so() -> None:
    recent = RecentWords()
    recent.note_result(result(word("你", 0), word("好", 1, spaced=False)))
    assert recent.lines()[0].text == "你好"


def test_old_words_are_let_go() -> None:
    recent = RecentWords()
    for number in range(FINALS_KEPT + 10):
        recent.note_result(result(word(str(number), number)))
    assert [line.text for line in recent.lines()] == [str(number) for number in range(10, FINALS_KEPT + 10)]
