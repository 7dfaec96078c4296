"""A live stream and the recording of the same speech are written alike, with pauses inside of numbers."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.features.finish import finish
from ringback.features.live import LiveText
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    VadProgress,
)
from ringback.transcript import Alternative, Channel, Transcript, Word, joined

SENTENCES = [
    "My card is 4539 1488 0343 6467 thanks.",
    "the visa is four five three nine one four eight eight zero three four three six four six seven thanks",
    "Call me at 617 555 4987 please.",
    "call six one seven five five five four nine eight seven please",
    "My social is 123 45 6789 and that is it.",
    "We met on March third twenty twenty two I think.",
    "It is due May 5, 2024, I think.",
]
OPTION_SETS = {
    "redacted": ListenOptions(punctuate=True, redact=("pci", "ssn", "phone_number", "date")),
    "numbers": ListenOptions(punctuate=True, redact=("numbers",)),
    "formatted": ListenOptions(punctuate=True, smart_format=True),
    "both": ListenOptions(punctuate=True, smart_format=True, redact=("pci", "numbers")),
    "plain": ListenOptions(numerals=True, redact=("ssn",)),
}
PHRASE = 0.3
"""Seconds of silence that end a final."""


def with_pauses(sentence: str, pauses: Sequence[float]) -> tuple[Word, ...]:
    words, at = [], 0.5
    for number, text in enumerate(sentence.split()):
        at += pauses[number % len(pauses)] if number else 0.0
        words.append(Word(text, at, at + 0.25, 0.9))
        at += 0.3
    return tuple(words)


def events_of(words: Sequence[Word]) -> list[RecognitionEvent]:
    """Finals that end at the pauses, and how far voice activity detection is meanwhile."""
    events: list[RecognitionEvent] = []
    final: list[Word] = []
    reported_until = 0.0
    for word, following in zip(words, [*words[1:], None], strict=True):
        final.append(word)
        if following is not None and following.start - word.end < PHRASE:
            continue
        events.append(
            RecognitionResult(0, reported_until, word.end + 0.2, tuple(final), True, Cause.ENDPOINT)
        )
        reported_until = word.end + 0.2
        final = []
        if following is not None:
            events.append(VadProgress(0, following.start, word.end + 0.1))
            events.append(VadProgress(0, following.end, None))
    return [*events, RecognitionFinished(1, reported_until)]


def recorded(words: tuple[Word, ...], options: ListenOptions) -> str:
    recognised = Transcript(60.0, (Channel(Alternative(words)),))
    return finish(recognised, options).transcript.channels[0].alternative.text


def live(words: tuple[Word, ...], options: ListenOptions) -> str:
    text = LiveText(options)
    written: list[Word] = []
    for event in events_of(words):
        for each in text.hear(event):
            if isinstance(each, RecognitionResult) and each.final:
                written += each.words
    return joined(written)


MORE_SENTENCES = [
    *SENTENCES,
    "it costs twelve dollars and fifty cents a month",
    "meet at three thirty p m on monday",
    "um the code is a b c four five six uh thanks",
    "Flight UA 452 leaves at 9am.",
    "my postcode is s w one a one a a thanks",
    "email me at jane dot doe at example dot com today",
    "it costs forty to fifty dollars a month",
    "we are open from nine to five thirty p m today",
]
REDACT = ["pci", "pii", "numbers", "ssn", "aggressive_numbers", "phone_number", "date", "money", "time"]
any_options = st.builds(
    ListenOptions,
    punctuate=st.booleans(),
    smart_format=st.booleans(),
    numerals=st.booleans(),
    measurements=st.booleans(),
    filler_words=st.booleans(),
    profanity_filter=st.booleans(),
    detect_entities=st.booleans(),
    redact=st.lists(st.sampled_from(REDACT), max_size=2, unique=True).map(tuple),
    replace=st.sampled_from([(), ("card:visa",), ("please",)]),
)


@settings(deadline=None, max_examples=60)
@given(
    any_options,
    st.sampled_from(MORE_SENTENCES),
    st.lists(st.sampled_from([0.0, 0.0, 0.35, 1.0, 2.0]), min_size=1, max_size=7),
)
def test_so_they_are_with_any_options(options: ListenOptions, sentence: str, pauses: list[float]) -> None:
    words = with_pauses(sentence, pauses)
    # A word that is replaced by nothing leaves its full stop to the one before, which may have been sent.
    lost = "." if options.replace == ("please",) else ""
    assert live(words, options).rstrip(lost) == recorded(words, options).rstrip(lost)


@pytest.mark.parametrize("options", OPTION_SETS.values(), ids=OPTION_SETS)
@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(SENTENCES), st.lists(st.sampled_from([0.0, 0.0, 0.35, 1.0, 2.0]), min_size=1, max_size=7)
)
@example(SENTENCES[0], [2.0])
@example(SENTENCES[2], [0.35])
def test_they_are_written_alike(options: ListenOptions, sentence: str, pauses: list[float]) -> None:
    words = with_pauses(sentence, pauses)
    assert live(words, options) == recorded(words, options)
