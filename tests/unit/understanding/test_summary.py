"""The extractive summary."""

import re

from ringback.understanding.summary import BLOCK, FEWEST_WORDS, SENTENCES_OF_LONG, is_short, summarise
from ringback.understanding.text import NumberedSentence

CALL = [
    "Thank you for calling Premier Phone Services.",
    "How can I help you today?",
    "I would like to upgrade my phone plan because the data is never enough.",
    "Okay.",
    "The phone plan that you have now has five gigabytes of data a month.",
    "Right.",
    "We can upgrade the plan to unlimited data for ten dollars more a month.",
    "It rained all day in the mountains, by the way.",
    "Then please upgrade my plan to unlimited data from next month.",
    "Okay, thank you, bye.",
]


def numbered(texts: list[str]) -> list[NumberedSentence]:
    return [NumberedSentence(text, 0, 0) for text in texts]


def test_the_most_central_sentences_stand_in_their_order() -> None:
    assert summarise(numbered(CALL)) == " ".join([CALL[2], CALL[6], CALL[8]])


def test_a_text_below_fifty_words_is_its_own_summary() -> None:
    short = ["one two three."] * 16 + ["four."]
    assert is_short(numbered(short))
    assert summarise(numbered(short)) == " ".join(short)
    long = ["one two three."] * 16 + ["four five."]
    assert sum(len(text.split()) for text in long) == FEWEST_WORDS
    assert not is_short(numbered(long))


def test_the_same_words_are_not_said_twice() -> None:
    summary = summarise(numbered([CALL[2]] * 10 + CALL))
    assert summary.count(CALL[2]) <= 1


def test_very_short_sentences_are_chosen_only_where_there_are_no_others() -> None:
    assert summarise(numbered(["Yes, I do."] * 30)) == "Yes, I do."


def test_words_that_nothing_is_known_of_are_a_text_too() -> None:
    assert summarise(numbered(["the of and to a in is it you that"] * 30))
    assert summarise([]) == ""


def test_a_text_of_many_hours_is_summarised_block_by_block() -> None:
    many = [
        f"Part {number} of the parcel to Springfield is number {number} of all." for number in range(5_000)
    ]
    many[BLOCK * 7] = "The parcel to Springfield was lost, and the insurance pays for the parcel."
    summary = summarise(numbered(many))
    assert summary.count(".") == SENTENCES_OF_LONG


def test_every_word_of_a_summary_was_said() -> None:
    summary = summarise(numbered(CALL * 20))
    said = re.findall(r"[^.?]+[.?]", summary)
    assert said
    assert all(sentence.strip() in CALL for sentence in said)
