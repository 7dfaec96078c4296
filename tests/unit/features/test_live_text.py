"""Live: what is held back and when it is reported, labels over finals, interims, numerals switched."""

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
from ringback.transcript import Word, joined


def words_of(text: str, start: float) -> tuple[Word, ...]:
    return tuple(
        Word(each, start + i * 0.2, start + i * 0.2 + 0.1, 0.9) for i, each in enumerate(text.split())
    )


class Speaker:
    """Says things into one stream, and keeps what is reported."""

    def __init__(self, **options: object) -> None:
        self.text = LiveText(ListenOptions(punctuate=True, **options))  # type: ignore[arg-type]
        self.finals: list[tuple[str, Cause]] = []
        self.interims: list[str] = []
        self.ends: list[float] = []

    def hear(self, event: RecognitionEvent) -> None:
        for each in self.text.hear(event):
            if isinstance(each, RecognitionResult) and each.final:
                self.finals.append((joined(each.words), each.cause))
                self.ends.append(each.end)
            elif isinstance(each, RecognitionResult):
                self.interims.append(joined(each.words))

    def say(self, text: str, start: float, cause: Cause = Cause.ENDPOINT, channel: int = 0) -> None:
        words = words_of(text, start)
        end = words[-1].end + 0.1 if words else start
        self.hear(RecognitionResult(channel, start, end, words, True, cause))

    def draft(self, text: str, start: float) -> None:
        words = words_of(text, start)
        self.hear(RecognitionResult(0, start, words[-1].end, words, False, Cause.UPDATE))

    def silence(self, since: float, until: float) -> None:
        self.hear(VadProgress(0, until, since))

    @property
    def reported(self) -> list[str]:
        return [text for text, _ in self.finals]


def test_a_card_with_pauses_between_its_groups_is_one_card() -> None:
    speaker = Speaker(redact=("pci",), smart_format=True)
    speaker.say("My card is 4539", 0.0)
    speaker.say("1488", 2.0)
    speaker.say("0343 6467", 4.5)
    assert speaker.reported == ["My card is"]
    speaker.say("thank you.", 6.0)
    assert speaker.reported == ["My card is", "[CREDIT_CARD_1] thank you."]


def test_the_released_part_ends_where_the_held_one_begins() -> None:
    speaker = Speaker(redact=("numbers",))
    speaker.say("Call 617 555", 1.0)
    assert speaker.finals == [("Call", Cause.LENGTH)]
    assert speaker.ends == [pytest.approx(1.2)]


def test_three_seconds_of_silence_report_what_is_held_with_its_own_cause() -> None:
    speaker = Speaker(redact=("numbers",))
    speaker.say("4539", 0.0)
    speaker.say("", 2.0, Cause.SILENCE)
    speaker.silence(0.2, 3.0)
    assert speaker.finals == []
    speaker.silence(0.2, 3.3)
    assert speaker.finals == [("[REDACTED]", Cause.ENDPOINT)]
    speaker.silence(0.2, 9.0)
    assert len(speaker.finals) == 1


def test_speech_that_is_not_recognised_yet_keeps_them_held() -> None:
    speaker = Speaker(redact=("numbers",))
    speaker.say("4539", 0.0)
    speaker.silence(3.2, 3.4)
    assert speaker.finals == []
    speaker.say("148", 3.0)
    speaker.say("thanks", 4.0)
    assert speaker.reported == ["[PHONE_NUMBER_1] thanks"]


@pytest.mark.parametrize("cause", [Cause.FINALIZE, Cause.END])
def test_finalize_and_the_end_report_everything(cause: Cause) -> None:
    speaker = Speaker(redact=("numbers",))
    speaker.say("4539", 0.0)
    speaker.hear(RecognitionResult(0, 1.0, 1.0, (), True, cause))
    assert speaker.finals == [("[REDACTED]", cause)]


def test_the_end_of_the_stream_reports_everything() -> None:
    speaker = Speaker(redact=("numbers",))
    speaker.say("4539", 0.0)
    speaker.hear(RecognitionFinished(1, 1.0))
    assert speaker.finals == [("[REDACTED]", Cause.END)]


def test_no_delay_holds_nothing() -> None:
    speaker = Speaker(redact=("numbers",), no_delay=True)
    speaker.say("My card is 4539", 0.0)
    assert speaker.finals == [("My card is [REDACTED]", Cause.ENDPOINT)]


def test_nothing_is_held_where_nothing_reads_numbers() -> None:
    speaker = Speaker()
    speaker.say("My card is 4539", 0.0)
    assert speaker.finals == [("My card is 4539", Cause.ENDPOINT)]


def test_interims_have_the_held_words_and_hide_what_may_become_a_card() -> None:
    speaker = Speaker(redact=("pci",))
    speaker.say("My card is 4539", 0.0)
    assert speaker.interims == ["[REDACTED]"]
    speaker.draft("1488 and", 2.0)
    assert speaker.interims[-1] == "[REDACTED] and"
    speaker.draft("12 days of 365", 3.0)
    assert "365" not in speaker.interims[-1]


def test_labels_count_over_the_finals_of_all_channels() -> None:
    speaker = Speaker(redact=("ssn",))
    speaker.say("it is 123-45-6789 thanks", 0.0)
    speaker.say("and 987-65-4321 thanks", 2.0, channel=1)
    assert speaker.reported == ["it is [SSN_1] thanks", "and [SSN_2] thanks"]


def test_a_cue_in_an_earlier_final_or_on_another_channel_counts() -> None:
    speaker = Speaker(redact=("ssn",))
    speaker.say("your social please", 0.0, channel=1)
    speaker.say("1234 567 thanks", 2.0)
    assert speaker.reported[-1] == "[SSN_1] thanks"
    alone = Speaker(redact=("ssn",))
    alone.say("my social is", 0.0)
    alone.say("1234 567 thanks", 2.0)
    assert alone.reported[-1] == "[SSN_1] thanks"


def test_numerals_can_be_switched() -> None:
    speaker = Speaker(no_delay=True)
    speaker.say("forty seven crates", 0.0)
    speaker.text.switch_numerals(True)
    speaker.say("forty seven crates", 2.0)
    assert speaker.reported == ["forty seven crates", "47 crates"]


def test_a_flood_of_digits_is_not_held_for_ever() -> None:
    speaker = Speaker(redact=("numbers",))
    for second in range(12):
        speaker.say(" ".join("123456789"), second * 2.0)
    assert speaker.reported == ["[CREDIT_CARD_1]"]


def test_entities_are_told_in_finals() -> None:
    text = LiveText(ListenOptions(punctuate=True, detect_entities=True, smart_format=True))
    words = words_of("Call 617 555 4987 now.", 0.0)
    (final,) = text.hear(RecognitionResult(0, 0.0, 2.0, words, True, Cause.ENDPOINT))
    assert isinstance(final, RecognitionResult)
    (entity,) = final.entities
    assert (entity.label, entity.value, entity.raw_value) == (
        "PHONE_NUMBER",
        "(617) 555-4987",
        "617 555 4987",
    )
    assert (entity.start_word, entity.end_word) == (1, 2)
    (interim,) = text.hear(RecognitionResult(0, 2.0, 4.0, words, False, Cause.UPDATE))
    assert isinstance(interim, RecognitionResult)
    assert interim.entities == ()
