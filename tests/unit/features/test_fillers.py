"""Fillers, left out or spelt as Deepgram spells them."""

import pytest

from ringback.features.fillers import with_fillers, without_fillers
from ringback.transcript import Word, joined


def words_of(text: str) -> list[Word]:
    return [Word(each, float(i), i + 0.5, 0.9) for i, each in enumerate(text.split())]


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("I, uh, think so.", "I, think so."),
        ("Um, we left.", "We left."),
        ("We left, um.", "We left."),
        ("We left um? Uhh, yes.", "We left? Yes."),
        ("Uh-huh. Mhmm. Nuh-uh.", "Uh-huh. Mhmm. Nuh-uh."),
        ("umbrella hum uhm ummm uhhh", "umbrella hum"),
        ("Um. Uh...", ""),
        ("uh huh", "uh-huh"),
        ("", ""),
    ],
)
def test_fillers_go_and_the_sentence_stays_whole(spoken: str, written: str) -> None:
    assert joined(without_fillers(words_of(spoken), "en-US")) == written


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("Ummm, uhh, uhm", "Um, uh, um"),
        ("Mm-hmm. Mhm, mmhmm mm hmm", "Mhmm. Mhmm, mhmm mhmm"),
        ("Mmm-mm. mm mm", "Mm-mm. mm-mm"),
        ("Uh-uh. uhh-uh", "Uh-uh. uh-uh"),
        ("Uh huh, uhhuh uh-huhh", "Uh-huh, uh-huh uh-huh"),
        ("Nuh uh. nuh-uhh", "Nuh-uh. nuh-uh"),
        ("Mm. Mmm, ham human muhammad nun", "Mm. Mmm, ham human muhammad nun"),
        ("Uh, uh, no", "Uh, uh, no"),
    ],
)
def test_the_seven_are_always_spelt_alike(spoken: str, written: str) -> None:
    assert joined(with_fillers(words_of(spoken), "en")) == written


def test_words_keep_their_times() -> None:
    assert [(word.start, word.end) for word in without_fillers(words_of("Um, we left."), "en")] == [
        (1.0, 1.5),
        (2.0, 2.5),
    ]


def test_two_words_that_are_one_filler_share_a_span() -> None:
    (one,) = with_fillers(words_of("uh huh"), "en")
    assert (one.start, one.end) == (0.0, 1.5)


def test_the_language_of_a_word_counts_more_than_that_asked_for() -> None:
    words = (Word("um", 0, 1, 0.9, language="pt"), Word("um", 1, 2, 0.9, language="en"))
    assert len(without_fillers(words, "multi")) == 1
