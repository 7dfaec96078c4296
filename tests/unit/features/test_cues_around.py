"""What was said around the words in question, in earlier finals and on other channels, says what they are."""

import pytest

from ringback.features.entities import find_entities
from ringback.features.redaction_cues import Cues
from ringback.features.spans import Context
from ringback.transcript import Word
from support.said import found_in, spoken, written_from

BEFORE = [
    ("my account number is", "one two", "account_number:12"),
    ("my account number is", "four five six", "account_number:456"),
    ("Number", "4 5", "digits:45"),
    ("my account is a b c d e f", "1 2", "cardinal:1 cardinal:2"),
    ("account it is the one I said now", "12 34", "cardinal:12 cardinal:34"),
    ("social", "123456789", "ssn:123456789"),
    ("the flight", "u a four", "digits:4"),
    ("on monday the", "third", "ordinal:3"),
    ("in", "twenty ten", "date:2010"),
    ("in", "1999", "date:1999"),
    ("at", "nine thirty", "time:930"),
    ("the total is", "twelve fifty", "money:1250"),
    ("write", "bob at example dot com", "email_address:"),
    ("a", "tenth of it", "ordinal:10"),
    ("born on", "3 10 85", "dob:31085"),
    ("was born on that day we had in", "3 10 85", "cardinal:3 cardinal:10 cardinal:85"),
]


@pytest.mark.parametrize(("before", "said", "found"), BEFORE)
def test_the_words_before_count_like_words_of_the_same_final(before: str, said: str, found: str) -> None:
    assert found_in(said, Context(before.split())) == found


def test_only_the_last_eight_words_before_count() -> None:
    filler = ["so", "it", "is", "now", "the", "one", "of"]
    assert found_in("12345678", Context(["card", *filler])) == "credit_card:12345678"
    assert found_in("12345678", Context(["card", *filler, "the"])) == "cardinal:12345678"


def other(text: str, start: float) -> tuple[Word, ...]:
    return tuple(Word(each, start + i, start + i + 0.5, 0.9) for i, each in enumerate(text.split()))


def late(text: str, start: float) -> tuple[Word, ...]:
    return tuple(Word(each, start + i / 2, start + i / 2 + 0.25, 0.9) for i, each in enumerate(text.split()))


@pytest.mark.parametrize(
    ("around", "found"),
    [
        (other("card", 5.0), "credit_card"),
        (other("card", 20.0), "credit_card"),
        (other("card", 4.5), "cardinal"),  # longer ago than 15 seconds
        (other("card", 20.5), "cardinal"),  # later
        (other("card please now if you can do so", 8.0), "credit_card"),
        (other("card please now if you can do so thanks", 8.0), "cardinal"),
        (other("social please and then your card", 8.0), "credit_card"),
    ],
)
def test_the_last_words_of_another_channel_count_for_fifteen_seconds(
    around: tuple[Word, ...], found: str
) -> None:
    (entity,) = find_entities(late("12345678", 20.0), context=Context((), around))
    assert entity.kind == found


def test_the_words_of_this_channel_are_nearer_than_anothers() -> None:
    around = Context((), other("card please", 0.0))
    assert [each.kind for each in find_entities(late("my account 12345678", 3.0), context=around)] == [
        "account_number"
    ]


def test_a_sentence_without_anything_around_is_written_the_same() -> None:
    assert written_from("twelve fifty") == written_from("twelve fifty", context=Context(["hello"]))


def test_redaction_counts_the_nearest_cue_first_and_this_channel_before_others() -> None:
    words = [word.bare for word in spoken("social and card")]
    assert Cues(words).of(3, 9.0) == ("credit_card", "ssn")
    assert Cues(words).of(1, 9.0) == ("ssn",)
    assert Cues(words, ("pin", *"abcdefg")).of(1, 9.0) == ("ssn",)
    assert Cues(words, ("pin", *"abcdef")).of(1, 9.0) == ("ssn", "password")
    assert Cues(("on",), ("pin",), other("zip card", 0.0)).of(1, 9.0) == (
        "password",
        "credit_card",
        "location_zip",
    )


def test_redaction_counts_eight_words_of_others_for_thirty_seconds() -> None:
    said = other("card one two three four five six seven", 0.0)
    assert Cues((), (), said).of(0, 8.0) == ("credit_card",)
    assert Cues((), (), said).of(0, 30.5) == ("credit_card",)
    assert Cues((), (), said).of(0, 30.75) == ()
    assert Cues((), (), (*said, *other("eight", 8.0))).of(0, 9.0) == ()
    assert Cues((), (), said).of(0, 0.0) == ()


def test_two_words_together_may_be_a_cue() -> None:
    assert Cues(["security", "code"]).of(2, 0.0) == ("cvv",)
    assert Cues(["code", "security"]).of(2, 0.0) == ()
    assert Cues(["valid", "and", "through"]).of(3, 0.0) == ()
    assert Cues(["v", "v"], ("c",)).of(1, 0.0) == ()
