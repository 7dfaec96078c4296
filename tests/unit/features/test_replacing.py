"""Find and replace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.edits import apply_edits
from ringback.features.replacing import replace_words, replacements
from ringback.transcript import Word, joined


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(each, float(i), i + 0.5, 0.9) for i, each in enumerate(text.split()))


def replaced(text: str, *values: str) -> tuple[Word, ...]:
    words = words_of(text)
    return apply_edits(words, replace_words(words, replacements(values)))


@pytest.mark.parametrize(
    ("said", "values", "written"),
    [
        ("Epistemology is hard.", ["epistemology:monkey"], "monkey is hard."),
        ("ask ZenDesk, or zendesk", ["ZenDesk:Zendesk"], "ask Zendesk, or zendesk"),
        ("ask ZenDesk, or zendesk.", ["zendesk:Zendesk"], "ask Zendesk, or Zendesk."),
        ("a new york minute", ["york:Yorkshire", "new york:NYC"], "a NYC minute"),
        ("to the U.S.,", ["U.S.:America"], "to the America,"),
        ("Say it, please.", ["please"], "Say it."),
        ("Say it. Um, please", ["um:"], "Say it. please"),
        ("Say it, please, please.", ["please"], "Say it."),
        ("Please, please.", ["please"], ""),
        ('"Epistemology," he said', ["epistemology:monkey"], '"monkey," he said'),
        ('say "new york" now', ["new york:NYC"], 'say "NYC" now'),
        ('say "new york" now', ["new york:old town"], 'say "old town" now'),
        ("it ends.", ["ends:ends."], "it ends."),
        ("Say it please.", ["it:that thing", "please"], "Say that thing."),
        ("Say it please!", ["say it:ask, as we do", "please"], "ask, as we do!"),
        ("Straße, STRASSE", ["straße:road"], "road, STRASSE"),
        ("İstanbul is far", ["İstanbul:it"], "it is far"),
        ("- a -", ["a:b"], "- b -"),
        ("one two", ["one:two", "two:three"], "two three"),
        ("his name", ["name:first and last name"], "his first and last name"),
        ("a:b stays", ["a:b:c"], "a:b stays"),
        ("a stays", ["a:b:c"], "b:c stays"),
        ("Hello", ["...:x", "!"], "Hello"),
    ],
)
def test_finds(said: str, values: list[str], written: str) -> None:
    assert joined(replaced(said, *values)) == written


def test_a_find_meets_one_word_of_several_parts() -> None:
    words = [Word("(617) 555-4987,", 0.0, 3.0, 0.9, word="(617) 555-4987")]
    edits = replace_words(words, replacements(["(617) 555-4987:our number"]))
    assert joined(apply_edits(words, edits)) == "our number,"


def test_what_is_written_carries_its_own_bare_form() -> None:
    assert [word.bare for word in replaced("ask zendesk.", "zendesk:Zendesk")] == ["ask", "Zendesk"]


def test_as_many_words_have_the_times_of_those_they_stand_for() -> None:
    assert [(w.text, w.start, w.end) for w in replaced("in new york.", "new york:old town")] == [
        ("in", 0.0, 0.5),
        ("old", 1.0, 1.5),
        ("town.", 2.0, 2.5),
    ]


def test_what_is_written_keeps_what_is_known_of_the_words() -> None:
    words = [
        Word("new", 1.0, 1.5, 0.5, spaced=False, speaker=2, language="en", speaker_confidence=0.75),
        Word("york", 1.5, 2.0, 1.0, speaker=2, language="en", speaker_confidence=0.25),
    ]
    (one,) = apply_edits(words, replace_words(words, replacements(["new york:NYC"])))
    assert (one.confidence, one.spaced, one.speaker, one.language) == (0.75, False, 2, "en")
    assert one.speaker_confidence == 0.75
    both = apply_edits(words, replace_words(words, replacements(["new york:old town"])))
    assert [(each.confidence, each.spaced) for each in both] == [(0.5, False), (1.0, True)]
    three = apply_edits(words, replace_words(words, replacements(["new york:big old town"])))
    assert [each.spaced for each in three] == [False, True, True]
    assert [each.confidence for each in three] == [0.75] * 3


def test_more_or_fewer_share_the_span() -> None:
    assert [(w.text, w.start, w.end) for w in replaced("new york", "new york:a b c d e")] == [
        ("a", 0.0, 0.3),
        ("b", 0.3, 0.6),
        ("c", 0.6, 0.9),
        ("d", 0.9, 1.2),
        ("e", 1.2, 1.5),
    ]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["the", "cat,", "Cat", "sat.", "on", "mat?"]), max_size=8),
    st.lists(st.sampled_from(["cat:dog", "Cat:Dog", "the cat:x y", "sat:", "on:over it"]), max_size=4).filter(
        lambda values: not {"the cat:x y", "sat:"} <= set(values)  # “the sat cat”: deleting makes a find
    ),
)
def test_once_is_enough_where_no_replacement_is_a_find(texts: list[str], values: list[str]) -> None:
    rules = replacements(values)
    words = words_of(" ".join(texts))
    once = apply_edits(words, replace_words(words, rules))
    assert apply_edits(once, replace_words(once, rules)) == once


SAID = ["alpha", "beta", "gamma", "delta", "Alpha", "BETA"]
FINDS = st.dictionaries(
    st.sampled_from(SAID[:4]), st.sampled_from(["one", "two three", "Four-Five"]), max_size=4
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(SAID), st.sampled_from(["", ",", ".", "?"])), max_size=10), FINDS)
def test_each_word_that_is_found_gives_way_and_no_other(
    said: list[tuple[str, str]], finds: dict[str, str]
) -> None:
    text = " ".join(word + mark for word, mark in said)
    expected = " ".join(finds.get(word.lower(), word) + mark for word, mark in said)
    found = replaced(text, *(f"{find}:{replacement}" for find, replacement in finds.items()))
    assert joined(found) == expected
    assert [word.start for word in found] == sorted(word.start for word in found)
    if said:
        assert (found[0].start, found[-1].end) == (0.0, len(said) - 0.5)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(SAID[:4]), st.sampled_from(["", "", ".", "?"])), max_size=10))
def test_a_sentence_keeps_its_end_when_its_last_words_are_deleted(said: list[tuple[str, str]]) -> None:
    """Unless nothing of the text is left in front to carry it."""
    text = " ".join(word + mark for word, mark in said)
    written = joined(replaced(text, "alpha", "beta:"))
    expected: list[str] = []
    for word, mark in said:
        if word not in ("alpha", "beta"):
            expected.append(word + mark)
        elif expected and mark and expected[-1][-1] not in ".?":
            expected[-1] += mark
    assert written == " ".join(expected)
