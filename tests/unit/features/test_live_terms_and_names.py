"""Live: terms, names, languages and dictation over finals, with words that are held back."""

import pytest

from ringback.features.live import LiveText
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    VadProgress,
)
from ringback.transcript import NamedSpan, Word, joined


def words_of(text: str, start: float, language: str | None = None) -> tuple[Word, ...]:
    """One word each quarter of a second, an eighth long: exact as binary numbers."""
    return tuple(
        Word(each, start + i / 4, start + i / 4 + 0.125, 0.9, language=language)
        for i, each in enumerate(text.split())
    )


def final(text: str, start: float, cause: Cause = Cause.ENDPOINT, **more: object) -> RecognitionResult:
    words = words_of(text, start, more.get("language"))  # type: ignore[arg-type]
    end = words[-1].end if words else start
    return RecognitionResult(int(more.get("channel", 0)), start, end, words, True, cause)  # type: ignore[call-overload]


def finals(
    text: LiveText, event: RecognitionEvent, names: tuple[NamedSpan, ...] = ()
) -> list[RecognitionResult]:
    events = text.hear(event, names)
    return [each for each in events if isinstance(each, RecognitionResult) and each.final]


def hits_of(result: RecognitionResult) -> list[tuple[str, list[tuple[float, float, str | None]]]]:
    return [
        (found.query, [(hit.start, hit.end, hit.snippet) for hit in found.hits]) for found in result.search
    ]


def stream(**options: object) -> LiveText:
    return LiveText(ListenOptions(punctuate=True, **options))  # type: ignore[arg-type]


def test_a_hit_is_told_in_the_final_that_it_ends_in() -> None:
    text = stream(search=("account", "billing office"))
    (first,) = finals(text, final("your account at the billing", 0.0))
    assert hits_of(first)[0] == ("account", [(0.25, 0.375, "your account at")])
    assert all(hit.confidence < 1 for hit in first.search[1].hits)
    (second,) = finals(text, final("office please", 2.0))
    assert hits_of(second) == [("account", []), ("billing office", [(1.0, 2.125, "office please")])]
    assert [hit.confidence for hit in second.search[1].hits] == [1.0]
    (third,) = finals(text, final("thank you", 4.0))
    assert hits_of(third) == [("account", []), ("billing office", [])]


def test_a_hit_in_held_words_waits_with_them() -> None:
    text = stream(search=("costs", "forty five"), smart_format=True)
    (reported,) = finals(text, final("it costs forty five", 0.0))
    assert joined(reported.words) == "it costs"
    assert hits_of(reported) == [("costs", [(0.25, 0.375, "it costs")]), ("forty five", [])]
    (later,) = finals(text, final("dollars today", 2.0))
    assert joined(later.words) == "$45 today"
    costs, amount = hits_of(later)
    assert costs == ("costs", [])
    assert amount[1][0] == (0.5, 0.875, "$45 today")


def test_a_hit_that_begins_in_something_hidden_is_left_out() -> None:
    text = stream(search=("6789 thanks", "thanks"), redact=("ssn",))
    (hidden,) = finals(text, final("my social is 123 45 6789", 0.0, Cause.FINALIZE))
    assert joined(hidden.words) == "my social is [SSN_1]"
    (later,) = finals(text, final("thanks again", 2.0))
    assert hits_of(later) == [("6789 thanks", []), ("thanks", [(2.0, 2.125, "thanks again")])]


NAME = "name_given"


def entities_of(result: RecognitionResult) -> list[tuple[str, str, str | None, int, int]]:
    return [
        (each.label, each.value, each.raw_value, each.start_word, each.end_word) for each in result.entities
    ]


def test_names_in_held_words_are_told_with_them() -> None:
    text = stream(detect_entities=True)
    event = final("then Ann will write to Bob at", 0.0)
    (reported,) = finals(text, event, (NamedSpan(1, 2, NAME), NamedSpan(5, 6, NAME)))
    assert joined(reported.words) == "then Ann will write to"
    assert entities_of(reported) == [("NAME_GIVEN", "Ann", "ann", 1, 2)]
    (held,) = finals(text, VadProgress(0, 6.0, 1.75))
    assert joined(held.words) == "Bob at"
    assert entities_of(held) == [("NAME_GIVEN", "Bob", "bob", 0, 1)]
    assert (held.start, held.end, held.cause) == (1.25, 6.0, Cause.ENDPOINT)


def test_a_name_is_hidden_in_an_interim_of_held_words() -> None:
    text = stream(redact=("name",))
    spans = (NamedSpan(4, 5, "name"),)
    events = text.hear(final("please do write to Bob at", 0.0), spans)
    interim = events[-1]
    assert isinstance(interim, RecognitionResult)
    assert (joined(interim.words), interim.final) == ("[REDACTED] at", False)
    assert (interim.start, interim.cause) == (1.0, Cause.UPDATE)


def test_entities_have_their_words_as_they_were_said_without_formatting_too() -> None:
    (reported,) = finals(stream(detect_entities=True), final("call 617 555 4987 now", 0.0))
    assert entities_of(reported) == [("PHONE_NUMBER", "617 555 4987", "617 555 4987", 1, 4)]


def test_three_seconds_without_words_report_what_is_held() -> None:
    text = stream(redact=("numbers",))
    assert finals(text, final("4539", 0.0)) == []
    assert finals(text, final("", 3.0, Cause.SILENCE)) == []
    (held,) = finals(text, final("", 3.125, Cause.SILENCE))
    assert (joined(held.words), held.cause) == ("[REDACTED]", Cause.ENDPOINT)
    assert finals(text, RecognitionFinished(1, 4.0)) == []


def test_silence_of_three_seconds_to_the_moment_is_enough() -> None:
    text = stream(redact=("numbers",))
    finals(text, final("4539", 0.0))
    assert finals(text, VadProgress(0, 3.0625, 0.125)) == []
    assert len(finals(text, VadProgress(0, 3.125, 0.125))) == 1


def test_the_rest_ends_where_its_words_end() -> None:
    text = stream(redact=("numbers",))
    finals(text, final("4539", 1.0))
    (rest,) = finals(text, RecognitionFinished(1, 9.0))
    assert (rest.start, rest.end, rest.cause) == (1.0, 1.125, Cause.END)


def test_switched_numerals_leave_the_other_formats() -> None:
    text = stream(smart_format=True, measurements=True, no_delay=True)
    text.switch_numerals(True)
    (reported,) = finals(text, final("twenty miles for forty dollars", 0.0))
    assert joined(reported.words) == "20 mi for $40"


def test_what_was_asked_for_in_an_earlier_final_decides_what_is_held() -> None:
    text = stream(smart_format=True)
    finals(text, final("my code is", 0.0))
    assert finals(text, final("a", 2.0)) == []
    (reported,) = finals(text, final("b one two please", 4.0))
    assert joined(reported.words) == "AB12 please"


@pytest.mark.parametrize(
    ("said", "language", "written"),
    [
        ("forty seven crates", None, "47 crates"),
        ("cuarenta y siete cajas", "es", "47 cajas"),
        ("forty seven crates", "es", "forty seven crates"),
    ],
)
def test_where_people_switch_each_final_has_its_own_language(
    said: str, language: str | None, written: str
) -> None:
    text = stream(numerals=True, language="multi", no_delay=True)
    (reported,) = finals(text, final(said, 0.0, language=language))
    assert joined(reported.words) == written


@pytest.mark.parametrize(("said", "then"), [("hello comma", "world"), ("hello period", "World")])
def test_dictation_goes_on_over_finals(said: str, then: str) -> None:
    text = stream(dictation=True)
    (first,) = finals(text, final(said, 0.0))
    assert joined(first.words).startswith("Hello")
    (second,) = finals(text, final("world", 2.0))
    assert joined(second.words) == then


def test_others_cues_count_in_order_of_time() -> None:
    text = stream(redact=("numbers",), no_delay=True)
    finals(text, final("your card", 0.0, channel=1))
    finals(text, final("no your pin", 1.0, channel=2))
    (reported,) = finals(text, final("it is 12345678", 2.0))
    assert joined(reported.words) == "it is [PASSWORD_1]"
