"""The extractive summary."""

import math
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.understanding.clauses import MOST_OF_CLAUSE, clauses
from ringback.understanding.summary import (
    BLOCK,
    CUT,
    FEWEST_WORDS,
    LONGEST,
    MOST_WORDS,
    SENTENCES_OF_LONG,
    has_long_sentences,
    is_short,
    summarise,
)
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


SAYINGS = st.lists(
    st.lists(
        st.sampled_from(["harbour", "ferry", "island", "ticket", "storm", "captain", "lantern", "bridge"]),
        min_size=5,
        max_size=8,
    ),
    min_size=10,
    max_size=14,
)


@settings(deadline=None, max_examples=20)
@given(SAYINGS)
def test_the_sentences_are_those_that_lexrank_ranks_first(said: list[list[str]]) -> None:
    """As https://arxiv.org/abs/1109.2128 defines it, in section 3.2, over all pairs."""
    bags = [Counter(words) for words in said]
    ranks = lexrank(bags)
    chosen: list[int] = []
    for place in sorted(range(len(bags)), key=lambda place: (-round(ranks[place], 6), place)):
        if len(chosen) < 3 and all(bags[place] != bags[other] for other in chosen):
            chosen.append(place)
    texts = [" ".join(words) + "." for words in said]
    assert summarise(numbered(texts)) == " ".join(texts[place] for place in sorted(chosen))


def lexrank(bags: list[Counter[str]]) -> list[float]:
    """Times the number of sentences."""
    count, holding = len(bags), Counter(word for bag in bags for word in bag)
    vectors = [
        {word: often * math.log(1 + count / holding[word]) for word, often in bag.items()} for bag in bags
    ]
    similar = [[0.0 if a is b else cosine(a, b) for b in vectors] for a in vectors]
    ranks = [1.0] * count
    for _ in range(50):
        ranks = [
            0.15
            + 0.85
            * sum(
                ranks[j] * (similar[j][i] / sum(similar[j]) if sum(similar[j]) else 1 / count)
                for j in range(count)
            )
            for i in range(count)
        ]
    return ranks


def cosine(one: dict[str, float], other: dict[str, float]) -> float:
    dot = sum(weight * other.get(word, 0.0) for word, weight in one.items())
    return dot / math.hypot(*one.values()) / math.hypot(*other.values())


def test_what_resembles_nothing_does_no_harm_to_what_resembles_others() -> None:
    alone = [" ".join(f"{name}{number}" for number in range(6)) for name in ("red", "green", "blue", "grey")]
    alike = ["the ferry to the island leaves at noon", "a ferry leaves the island before noon today"] * 3
    assert "ferry" in summarise(numbered([*alone, *alike]))


def test_a_sentence_of_five_words_may_be_chosen_and_shorter_ones_are_not() -> None:
    others = [f"item{n} shelf{n} row{n} box{n} shop{n}." for n in range(10)]
    shorter = ["Island ferry leaves.", "The island ferry leaves.", "Ferry leaves the island."]
    central = ["One island ferry leaves daily.", "Each ferry leaves its island."]
    summary = summarise(numbered([*others, *shorter, *central]))
    assert [each for each in central if each not in summary] == []
    assert [each for each in shorter if each in summary] == []


def test_a_text_from_four_hundred_words_on_has_one_sentence_more() -> None:
    texts = [f"w{n}a w{n}b w{n}c w{n}d w{n}e." for n in range(80)]
    assert summarise(numbered(texts)).count(".") == SENTENCES_OF_LONG
    assert summarise(numbered(texts[1:])).count(".") == SENTENCES_OF_LONG - 1


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


UNPUNCTUATED = (
    "hello yes i am calling about the parcel to springfield that you promised for monday and it never came "
    "so i waited at home the whole day and nobody rang the bell and then the website said that the parcel "
    "was delivered to a neighbour but none of my neighbours has the parcel because i asked all of them and "
    "now i want my money back or a new parcel sent to springfield this week please because my daughter has "
    "her birthday on friday and the parcel is her present "
)


@pytest.mark.parametrize("count", [55, 90, 1_800])
def test_a_text_without_full_stops_is_shortened_too(count: int) -> None:
    words = (UNPUNCTUATED * 30).split()[:count]
    pieces = [" ".join(words[first : first + 60]) for first in range(0, count, 60)]
    summary = summarise(numbered(pieces))
    assert has_long_sentences(numbered(pieces))
    assert 5 <= len(summary.replace(CUT, "").split()) <= min(MOST_WORDS, max(count // 2, MOST_OF_CLAUSE))
    assert all(part.strip() in " ".join(words) for part in summary.split(CUT))
    assert "parcel" in summary


def test_where_a_sentence_breaks_off_is_marked() -> None:
    long = "the parcel to springfield was lost on its way to the neighbours of my aunt in springfield, " * 3
    summary = summarise(numbered([long.strip(" ,") + ".", "We like the weather here.", CALL[4], "It rains."]))
    assert CUT in summary
    assert not has_long_sentences(numbered(CALL))
    assert CUT not in summarise(numbered(CALL))


def test_a_text_without_spaces_is_cut_by_characters() -> None:
    summary = summarise(numbered(["x" * 100_000]))
    assert len(summary) == LONGEST
    assert summary.endswith(CUT)


def test_long_sentences_are_cut_where_a_clause_ends() -> None:
    assert clauses(CALL[2]) == [CALL[2]]
    sentence = (
        "when the engineer finally came, he told us that the whole line had to be replaced by the company, "
        "and that it would take another three weeks until somebody had time for it because of the holidays."
    )
    assert clauses(sentence) == [
        "when the engineer finally came, he told us that the whole line had to be replaced by the company,",
        "and that it would take another three weeks until somebody had time for it because of the holidays.",
    ]


@given(st.lists(st.sampled_from(["a", "and", "b,", "c.", "the"]), max_size=200))
def test_clauses_lose_no_word(words: list[str]) -> None:
    parts = clauses(" ".join(words))
    assert " ".join(parts).split() == words
    assert all(len(part.split()) <= MOST_OF_CLAUSE for part in parts)
