"""What `redact` hides, and that nothing of it is left."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.finish import Finished, finish
from ringback.listen.json_parts import ModelMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.results import ResultMetadata, result_document
from ringback.transcript import Alternative, Channel, NamedSpan, Transcript, Word

FACTS = ResultMetadata(
    "8a0d5f0e-2b6a-4ba5-9d3c-0e6f6b9f2f10", "ab" * 32, 0.0, (ModelMetadata("u", "n", "v", "a"),)
)


def words_of(text: str, start: float = 0.0) -> tuple[Word, ...]:
    return tuple(
        Word(each, start + i * 0.5, start + i * 0.5 + 0.4, 0.9) for i, each in enumerate(text.split())
    )


def finished(options: ListenOptions, *channels: tuple[Word, ...]) -> Finished:
    return finish(Transcript(60.0, tuple(Channel(Alternative(words)) for words in channels)), options)


def redacted(text: str, *redact: str, punctuate: bool = True) -> str:
    options = ListenOptions(punctuate=punctuate, redact=redact)
    return finished(options, words_of(text)).transcript.channels[0].alternative.text


@pytest.mark.parametrize(
    ("said", "redact", "written"),
    [
        ("My card is 4539 1488, 0343 6467.", "pci", "My card is [CREDIT_CARD_1]."),
        ("four five three nine one four eight eight zero three four three", "pci", "[CREDIT_CARD_1]"),
        ("the visa ends 4539 148 uh 80", "pci", "the visa ends [CREDIT_CARD_1]"),
        (
            "It expires 05/27, the CVV is 123.",
            "pci",
            "It expires [CREDIT_CARD_EXPIRATION_1], the CVV is [CVV_1].",
        ),
        ("security code four five six", "cvv", "security code [CVV_1]"),
        ("My social is 123-45-6789.", "ssn", "My social is [SSN_1]."),
        ("His son is 123-4567-89.", "ssn", "His son is [SSN_1]."),
        ("social security one two three four five six seven", "ssn", "social security [SSN_1]"),
        ("the last four of my social are 6789", "ssn", "the last four of my social are [SSN_1]"),
        ("call 617 555 4987 or 617 555 4987", "phone_number", "call [PHONE_NUMBER_1] or [PHONE_NUMBER_2]"),
        ("he met me in 2020, born on March 10, 1985", "dob", "he met me in 2020, born on [DOB_1]"),
        ("I owe $1,200 since March 3", "numbers", "I owe [MONEY_1] since [DATE_1]"),
        ("my pin is four five six seven", "pin", "my pin is [PASSWORD_1]"),
        ("write to sarah.lee@gmail.com.", "pii", "write to [EMAIL_ADDRESS_1]."),
        ("IBAN GB29 NWBK 6016 1331 9268 19.", "bank_account", "IBAN [BANK_ACCOUNT_1]."),
        ("she is 45 years old", "age", "she is [AGE_1] years old"),
        ("order 4711 of room 4712", "numbers", "order [ACCOUNT_NUMBER_1] of room [ACCOUNT_NUMBER_2]"),
        ("we saw 4711 in 12 days", "numbers", "we saw [REDACTED] in 12 days"),
        ("two hundred and five crates", "numbers", "[REDACTED] crates"),
        ("we two saw one of 7", "aggressive_numbers", "we [REDACTED] saw one of [REDACTED]"),
        ("1,200,000 people", "pii", "1,200,000 people"),
        ("order 4711 is 99 cents", "pci", "order 4711 is 99 cents"),
        ("12 days", "numbers", "12 days"),
        ("Exploration is 07-28.", "pci", "Exploration is [CREDIT_CARD_EXPIRATION_1]."),
        ("expires nine twenty six", "pci", "expires [CREDIT_CARD_EXPIRATION_1]"),
    ],
)
def test_what_is_hidden(said: str, redact: str, written: str) -> None:
    assert redacted(said, redact) == written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("call me at 614 uh 576 1727 please", "call me at [PHONE_NUMBER_1] please"),
        ("my social is 903 uh, 91 9664.", "my social is [SSN_1]."),
        ("call me at four zero one uh two six six one two seven nine.", "call me at [PHONE_NUMBER_1]."),
        ("between 1000 and 2000 uh people", "between 1000 and 2000 uh people"),
        (
            "we met at three thirty okay call 617 555 4987",
            "we met at three thirty okay call [PHONE_NUMBER_1]",
        ),
    ],
)
def test_fillers_that_are_kept_do_not_part_a_number(said: str, written: str) -> None:
    options = ListenOptions(punctuate=True, filler_words=True, redact=("pci", "ssn", "phone_number"))
    assert finished(options, words_of(said)).transcript.channels[0].alternative.text == written


def test_without_punctuation_the_label_is_left_alone() -> None:
    assert redacted('"My SSN is 123-45-6789."', "ssn", punctuate=False) == "my ssn is [SSN_1]"


def test_other_languages_have_their_digits_hidden() -> None:
    options = ListenOptions(language="de", redact=("numbers",))
    text = finished(options, words_of("Meine Nummer ist 4539 1488 0343 6467"))
    assert text.transcript.channels[0].alternative.text == "meine nummer ist [CREDIT_CARD_1]"


def test_the_span_its_time_and_confidence() -> None:
    words = words_of("SSN 123 45 6789, yes")
    (_, label, _) = (
        finished(ListenOptions(punctuate=True, redact=("ssn",)), words)
        .transcript.channels[0]
        .alternative.words
    )
    assert (label.text, label.bare) == ("[SSN_1],", "[SSN_1],")
    assert (label.start, label.end) == (words[1].start, words[3].end)
    assert label.confidence == pytest.approx(0.9)


def test_the_cue_of_another_channel_counts_and_labels_count_over_channels_in_time() -> None:
    agent = words_of("Your social please?") + words_of("And 987654321 again", 30.0)
    caller = words_of("Sure it's 1234 567", 3.0)
    options = ListenOptions(punctuate=True, redact=("ssn",))
    out = finished(options, agent, caller)
    assert [channel.alternative.text for channel in out.transcript.channels] == [
        "Your social please? And [SSN_2] again",
        "Sure it's [SSN_1]",
    ]


def test_names_are_hidden_as_they_are_found() -> None:
    words = words_of("I am Jane Doe of 12 Elm Street.")
    names = (NamedSpan(2, 4, "name"), NamedSpan(5, 8, "location_address"))
    recognised = Transcript(9.0, (Channel(Alternative(words)),))
    options = ListenOptions(punctuate=True, redact=("pii",), detect_entities=True)
    out = finish(recognised, options, [names])
    assert out.transcript.channels[0].alternative.text == "I am [NAME_1] of [LOCATION_ADDRESS_1]."
    assert out.entities is not None
    assert [(each.label, each.value, each.start_word, each.end_word) for each in out.entities[0]] == [
        ("NAME", "[NAME_1]", 2, 3),
        ("LOCATION_ADDRESS", "[LOCATION_ADDRESS_1]", 4, 5),
    ]
    plain = finish(recognised, ListenOptions(punctuate=True, detect_entities=True), [names])
    assert plain.entities is not None
    assert [(each.label, each.value) for each in plain.entities[0]] == [
        ("NAME", "Jane Doe"),
        ("LOCATION_ADDRESS", "12 Elm Street"),
    ]


def test_later_steps_do_not_touch_a_label() -> None:
    options = ListenOptions(punctuate=True, redact=("ssn",), replace=("ssn_1:x", "[SSN_1]:y", "is:was"))
    text = finished(options, words_of("It is 123-45-6789")).transcript.channels[0].alternative.text
    assert text == "It was [SSN_1]"
    deleted = ListenOptions(punctuate=True, redact=("ssn",), replace=("please",))
    text = finished(deleted, words_of("123-45-6789, please.")).transcript.channels[0].alternative.text
    assert text == "[SSN_1],"


def test_a_search_hit_in_something_hidden_is_left_out() -> None:
    options = ListenOptions(punctuate=True, redact=("ssn",), search=("6789", "number", "is"))
    out = finished(options, words_of("My number is 123 45 6789 thanks"))
    assert out.search is not None
    found = {each.query: [(hit.confidence, hit.snippet) for hit in each.hits] for each in out.search[0]}
    assert found["6789"] == []
    assert found["number"][0] == (1.0, "My number is")
    assert found["is"][0] == (1.0, "number is [SSN_1]")


WORDS = """my card number is 4539 1488, 0343-6467. four five oh double seven 617 555-4987 and uh 12
    social 123-45-6789 $342.99 nine hundred 05/27 cvv one. March 10, 1985 9am sarah@x.com 2.5"""
SAID = st.lists(st.sampled_from(WORDS.split()), max_size=14)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "punctuate": st.just(True),
        "smart_format": st.booleans(),
        "numerals": st.booleans(),
        "measurements": st.booleans(),
        "filler_words": st.booleans(),
        "dictation": st.booleans(),
        "profanity_filter": st.booleans(),
        "utterances": st.booleans(),
        "paragraphs": st.booleans(),
        "detect_entities": st.booleans(),
        "replace": st.just(("my:your", "uh:")),
        "redact": st.sampled_from([(), ("numbers",), ("pci", "ssn"), ("pii",), ("aggressive_numbers",)]),
    },
)


@settings(deadline=None, max_examples=60)
@given(SAID, OPTIONS)
def test_redaction_is_closed(said: list[str], switched: dict[str, object]) -> None:
    """With every run of three digits hidden, no such run is left in any byte of the document."""
    options = ListenOptions(**{**switched, "redact": ("aggressive_numbers",)})  # type: ignore[arg-type]
    out = finished(options, words_of(" ".join(said)))
    document = json.loads(
        result_document(
            out.transcript,
            options,
            FACTS,
            utterances=out.utterances,
            paragraphs=out.paragraphs,
            entities=out.entities,
        )
    )
    texts = json.dumps(list(_texts(document["results"])))
    visible = re.sub(r"\[[A-Z_]+(_\d+)?\]", "", texts)
    assert not re.search(r"\d", visible), visible


SECRETS = {
    "my card is": (4, 4, 4, 4),
    "my amex is": (4, 6, 5),
    "the cvv is": (3,),
    "it expires": (2, 2),
    "my social is": (3, 2, 4),
    "my social ends in": (4,),
    "call me at": (3, 3, 4),
    "my pin is": (4,),
    "my account number is": (4, 4),
    "my date of birth is": (2, 2, 4),
    "my passport is": (3, 3, 3),
    "my routing number is": (3, 3, 3),
}
"""The words before a number, and how many digits its groups have."""
SAID_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SEPARATORS = st.sampled_from([" ", "-", ", "])


@st.composite
def secrets(draw: st.DrawFn) -> str:
    """A card, an SSN or a phone number: some groups written, some spoken, maybe with a filler inside."""
    cue = draw(st.sampled_from(sorted(SECRETS)))
    groups = [draw(st.text("0123456789", min_size=size, max_size=size)) for size in SECRETS[cue]]
    spoken = draw(st.integers(0, len(groups)))
    said = [" ".join(SAID_DIGITS[int(digit)] for digit in group) for group in groups[:spoken]]
    written = draw(SEPARATORS).join(groups[spoken:])
    filler = draw(st.sampled_from([" ", " uh "]))
    number = filler.join([*said, written] if written else said)
    return (
        f"{cue} {number}{draw(st.sampled_from(['', '.', ',']))} {draw(st.sampled_from(['okay', 'thanks']))}"
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(secrets(), min_size=1, max_size=3),
    OPTIONS,
    st.sampled_from([("numbers",), ("pii", "pci", "routing_number")]),
)
def test_no_digit_of_a_secret_is_left_in_any_document(
    said: list[str], switched: dict[str, object], redact: tuple[str, ...]
) -> None:
    """Nor a digit's word: in words, utterances, paragraphs, entities and snippets."""
    searched = {"search": ("card", "four", "12"), "redact": redact}
    options = ListenOptions(**{**switched, **searched})  # type: ignore[arg-type]
    out = finished(options, words_of(" ".join(said)))
    document = json.loads(
        result_document(
            out.transcript,
            options,
            FACTS,
            utterances=out.utterances,
            paragraphs=out.paragraphs,
            entities=out.entities,
            search=out.search,
        )
    )
    for channel in document["results"]["channels"]:
        for result in channel["search"]:
            del result["query"]
    visible = re.sub(r"\[[A-Z_]+(_\d+)?\]", "", json.dumps(list(_texts(document["results"]))))
    assert not re.search(r"\d", visible), visible
    assert not set(re.findall("[a-z]+", visible.lower())) & set(SAID_DIGITS), visible


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, each in value.items() if key != "id" for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


@settings(deadline=None, max_examples=60)
@given(SAID, OPTIONS)
def test_no_option_raises_or_moves_a_word(said: list[str], switched: dict[str, object]) -> None:
    words = words_of(" ".join(said))
    options = ListenOptions(**switched)  # type: ignore[arg-type]
    out = finished(options, words).transcript.channels[0].alternative.words
    times = {(word.start, word.end) for word in words}
    texts = {word.text.lower() for word in words}
    for word in out:
        inside = any(each.start <= word.start <= word.end <= words[-1].end for each in words)
        assert inside, word
        if word.word is None and word.text.lower() in texts:
            assert (word.start, word.end) in times
    assert [word.start for word in out] == sorted(word.start for word in out)
