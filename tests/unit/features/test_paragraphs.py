"""Where sentences and paragraphs end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.paragraphs import paragraphs, sentences
from ringback.transcript import Word, joined


def words(text: str, pauses: dict[int, float] | None = None) -> list[Word]:
    """One word each half second; `pauses` are the extra seconds before the word of that index."""
    found, time = [], 0.0
    for index, word in enumerate(text.split()):
        time += (pauses or {}).get(index, 0.0)
        found.append(Word(word, time, time + 0.4, 0.9))
        time += 0.5
    return found


def sentence_texts(text: str) -> list[str]:
    return [joined(sentence.words) for sentence in sentences(words(text))]


@pytest.mark.parametrize(
    "found",
    [
        ["One two.", "Three?", "Four!", "Five…", "Six"],
        ["Mr. Smith met Dr. Jones.", "They talked."],
        ["We met at 5 p.m. on Monday.", "It rained."],
        ["J. R. Smith wrote No. 5 first.", "Really."],
        ["So did I.", "You too."],
        ["He said no.", "She did not."],
        ["Well... maybe not.", "Fine."],
        ["“Go on.”", "He went.", "(Slowly.)", "Yes."],
        ["¿Qué?", "¡No!"],
        ["no punctuation at all"],
        [],
    ],
)
def test_sentences(found: list[str]) -> None:
    assert sentence_texts(" ".join(found)) == found


def test_unspaced_scripts() -> None:
    said = [Word(c, i / 2, i / 2 + 0.4, 0.9, spaced=False) for i, c in enumerate(["你好", "吗？", "很好。"])]
    assert [joined(sentence.words) for sentence in sentences(said)] == ["你好吗？", "很好。"]


def lengths(text: str, pauses: dict[int, float] | None = None) -> list[int]:
    return [len(paragraph.sentences) for paragraph in paragraphs(words(text, pauses))]


def test_a_long_pause_always_parts() -> None:
    assert lengths("One. Two. Three.", {1: 2.0}) == [1, 2]
    assert lengths("one two three", {1: 2.0}) == [1, 1]


def test_a_short_pause_parts_after_some_sentences() -> None:
    assert lengths("A1. B2. C3. D4. E5.", {1: 0.7, 2: 0.7, 3: 0.7, 4: 0.7}) == [3, 2]


def test_paragraphs_do_not_grow_for_ever() -> None:
    assert lengths("Yes. " * 14) == [6, 6, 2]


def test_another_speaker_begins_another_paragraph() -> None:
    said = [Word("one", 0, 1, 0.9, speaker=0), Word("two", 1, 2, 0.9, speaker=1)]
    assert [paragraph.speaker for paragraph in paragraphs(said)] == [0, 1]


texts = st.sampled_from(["a", "b.", "Mr.", "c?", "...", "“", "”", "", "J.", "5"])
gaps = st.floats(-1, 3)


@settings(deadline=None)  # a busy machine is not a failure
@given(st.lists(st.tuples(texts, gaps, st.sampled_from([None, 0, 1])), max_size=40))
def test_no_word_is_lost_or_moved(drawn: list[tuple[str, float, int | None]]) -> None:
    time, said = 0.0, []
    for text, gap, speaker in drawn:
        time += gap
        said.append(Word(text, time, time + 0.3, 0.9, speaker=speaker))
    found = paragraphs(said)
    assert [w for p in found for s in p.sentences for w in s.words] == said
    assert all(sentence.words for p in found for sentence in p.sentences)
    assert all(word.speaker == p.speaker for p in found for s in p.sentences for word in s.words)
