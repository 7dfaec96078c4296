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


def test_what_one_person_said_says_what_the_others_number_is() -> None:
    options = ListenOptions(detect_entities=True, smart_format=True)
    finished = finish(conversation("my account number is one two five", "three five four six"), options)
    assert finished.entities is not None
    entities = [(each.label, each.value, each.start_word, each.end_word) for each in finished.entities[0]]
    assert entities == [("ACCOUNT_NUMBER", "125", 4, 5), ("ACCOUNT_NUMBER", "3546", 5, 6)]


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


def test_understanding_reads_sentences_that_nobody_asked_for() -> None:
    recognised = transcript("Call 123-45-6789 now, um. Is it late?")
    options = ListenOptions(summarize="v2", redact=("ssn",))
    finished = finish(recognised, options)
    assert text_of(finished.transcript) == "call [SSN_1] now is it late"
    assert finished.sentences is not None
    sentences = [(each.first, each.end, each.text) for each in finished.sentences[0]]
    assert sentences == [(0, 3, "Call [SSN_1] now."), (3, 6, "Is it late?")]
    assert finish(recognised, ListenOptions(punctuate=True)).sentences is None


def test_profanity_is_masked_but_not_in_a_label() -> None:
    options = ListenOptions(punctuate=True, profanity_filter=True, redact=("ssn",), replace=("ssn_1:shit",))
    finished = finish(transcript("Damn shit, 123-45-6789."), options)
    assert text_of(finished.transcript) == "Damn ****, [SSN_1]."
    german = finish(transcript("shit happens"), ListenOptions(profanity_filter=True, language="de"))
    assert text_of(german.transcript) == "shit happens"


def test_a_channel_on_which_people_switch_is_read_as_most_of_it_is() -> None:
    words = (*_words("cuarenta y siete cajas"), *_words("or forty seven"))
    languages = ("es", "es", "es", "es", "en", "en", None)
    labelled = tuple(replace(word, language=name) for word, name in zip(words, languages, strict=True))
    options = ListenOptions(language="multi", numerals=True)
    finished = finish(Transcript(9.0, (Channel(Alternative(labelled)),)), options)
    assert text_of(finished.transcript) == "47 cajas or forty seven"
    unlabelled = finish(transcript("forty seven crates"), options)
    assert text_of(unlabelled.transcript) == "47 crates"
    other = finish(transcript("forty seven crates"), ListenOptions(language="fr", numerals=True))
    assert text_of(other.transcript) == "forty seven crates"


def test_the_nearest_word_of_any_other_channel_says_what_a_number_is() -> None:
    asks = Channel(Alternative(_words("your card please")))
    also = tuple(replace(word, start=word.start + 3) for word in _words("no pin"))
    answer = tuple(replace(word, start=word.start + 6) for word in _words("it is 12345678"))
    channels = (asks, Channel(Alternative(answer)), Channel(Alternative(also)))
    finished = finish(Transcript(9.0, channels), ListenOptions(redact=("numbers",)))
    assert finished.transcript.channels[1].alternative.text == "it is [PASSWORD_1]"


def test_labels_count_in_order_of_time_over_all_channels() -> None:
    late = tuple(replace(word, start=word.start + 5) for word in _words("123-45-6789"))
    both = (Channel(Alternative(late)), Channel(Alternative(_words("987-65-4321 and 123456"))))
    finished = finish(Transcript(9.0, both), ListenOptions(redact=("ssn", "numbers")))
    assert [channel.alternative.text for channel in finished.transcript.channels] == [
        "[SSN_2]",
        "[SSN_1] and [NUMERICAL_PII_1]",
    ]


def test_entities_are_reported_with_what_was_said_where_formatting_changed_it() -> None:
    recognised = transcript("It costs five dollars.")
    plainly = finish(recognised, ListenOptions(detect_entities=True, punctuate=True)).entities
    formatted = finish(recognised, ListenOptions(detect_entities=True, smart_format=True)).entities
    assert plainly is not None
    assert formatted is not None
    assert [(each.label, each.value, each.raw_value) for each in plainly[0]] == [
        ("MONEY", "five dollars", None)
    ]
    assert [(each.label, each.value, each.raw_value) for each in formatted[0]] == [
        ("MONEY", "$5", "five dollars")
    ]
    assert plainly[0][0].confidence == pytest.approx(0.9)


def test_dictated_marks_are_english() -> None:
    dictated = ListenOptions(dictation=True, punctuate=True)
    assert text_of(finish(transcript("hello period new line bye"), dictated).transcript) == "Hello.\nBye"
    french = ListenOptions(dictation=True, punctuate=True, language="fr")
    assert text_of(finish(transcript("hello period"), french).transcript) == "hello period"
    unpunctuated = ListenOptions(dictation=True)
    assert text_of(finish(transcript("hello period"), unpunctuated).transcript) == "hello period"


def test_um_is_a_word_in_german_and_portuguese() -> None:
    recognised = transcript("Um elf Uhr")
    assert text_of(finish(recognised, ListenOptions(language="de")).transcript) == "um elf uhr"
    found_out = Transcript(1.0, (Channel(Alternative(_words("um dia")), "pt", 0.9),))
    assert text_of(finish(found_out, ListenOptions(detect_language=True)).transcript) == "um dia"
