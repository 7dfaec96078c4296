"""What the options make of a transcript, all together."""

from dataclasses import replace

import pytest

from ringback.features.finish import finish
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word


def transcript(*channels: str) -> Transcript:
    return Transcript(9.0, tuple(Channel(Alternative(_words(text))) for text in channels))


def _words(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, float(index), index + 0.5, 0.9) for index, word in enumerate(text.split()))


def text_of(finished: Transcript) -> str:
    return finished.channels[0].alternative.text


def test_by_default_plain_words_without_fillers_and_nothing_else() -> None:
    finished = finish(transcript("Um, so: It's done."), ListenOptions())
    assert text_of(finished.transcript) == "so it's done"
    assert finished.utterances is None
    assert finished.paragraphs is None


def test_punctuated() -> None:
    finished = finish(transcript("Um, so it's done, uh."), ListenOptions(punctuate=True))
    assert text_of(finished.transcript) == "So it's done."


def test_what_is_written_anew_keeps_its_speaker_and_how_sure_it_is() -> None:
    said = _words("Call five five five one two one two about Smith and Sons now.")
    spoken = tuple(replace(word, speaker=1, speaker_confidence=0.7) for word in said)
    options = ListenOptions(
        punctuate=True, smart_format=True, replace=("smith:Jones",), redact=("phone_number",)
    )
    finished = finish(Transcript(9.0, (Channel(Alternative(spoken)),)), options)
    words = finished.transcript.channels[0].alternative.words
    assert len(words) < len(said)
    assert {(word.speaker, word.speaker_confidence) for word in words} == {(1, 0.7)}


def conversation(*turns: str) -> Transcript:
    """Two people in turns."""
    said = _words(" ".join(turns))
    speakers = [number % 2 for number, turn in enumerate(turns) for _ in turn.split()]
    words = tuple(replace(word, speaker=speaker) for word, speaker in zip(said, speakers, strict=True))
    return Transcript(9.0, (Channel(Alternative(words)),))


@pytest.mark.parametrize("options", [ListenOptions(numerals=True), ListenOptions(smart_format=True)])
def test_each_person_has_numbers_of_their_own(options: ListenOptions) -> None:
    finished = finish(conversation("I have twenty", "five hundred then", "or forty", "two"), options)
    words = finished.transcript.channels[0].alternative.words
    assert [(word.text.lower(), word.speaker) for word in words] == [
        ("i", 0),
        ("have", 0),
        ("20", 0),
        ("500", 1),
        ("then", 1),
        ("or", 0),
        ("40", 0),
        ("2" if options.numerals else "two", 1),
    ]


def test_what_is_hidden_reaches_from_one_person_to_the_next() -> None:
    turns = ("my card is four one one one one one one one", "one one one one one one one one")
    finished = finish(conversation(*turns), ListenOptions(redact=("credit_card",), smart_format=True))
    assert text_of(finished.transcript) == "my card is [CREDIT_CARD_1]"


def test_entities_of_two_people_are_two() -> None:
    options = ListenOptions(detect_entities=True, numerals=True)
    finished = finish(conversation("it costs twenty", "five hundred dollars"), options)
    assert finished.entities is not None
    entities = [(each.label, each.value, each.start_word, each.end_word) for each in finished.entities[0]]
    assert entities == [("CARDINAL", "20", 2, 3), ("MONEY", "500 dollars", 3, 5)]


def test_fillers_kept() -> None:
    options = ListenOptions(punctuate=True, filler_words=True)
    assert text_of(finish(transcript("Um, so it's done."), options).transcript) == "Um, so it's done."


def test_paragraphs_of_each_channel() -> None:
    finished = finish(transcript("One. Two.", ""), ListenOptions(punctuate=True, paragraphs=True))
    assert finished.paragraphs is not None
    assert [len(paragraphs) for paragraphs in finished.paragraphs] == [1, 0]


def test_utterances_hold_the_words_as_they_are_written_elsewhere() -> None:
    finished = finish(transcript("Yes, um. No!"), ListenOptions(utterances=True, utt_split=0.7))
    assert finished.utterances is not None
    assert [[word.text for word in utterance.words] for utterance in finished.utterances] == [["yes"], ["no"]]


def test_um_is_a_word_in_german_and_portuguese() -> None:
    recognised = transcript("Um elf Uhr")
    assert text_of(finish(recognised, ListenOptions(language="de")).transcript) == "um elf uhr"
    found_out = Transcript(1.0, (Channel(Alternative(_words("um dia")), "pt", 0.9),))
    assert text_of(finish(found_out, ListenOptions(detect_language=True)).transcript) == "um dia"
