"""Fillers and punctuation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.features.formatting import plain, without_fillers
from ringback.transcript import Alternative, Channel, Transcript, Word


def heard(*texts: str) -> Transcript:
    words = tuple(Word(text, float(i), i + 0.5, 0.9) for i, text in enumerate(texts))
    return Transcript(float(len(words)), (Channel(Alternative(words)),))


def text_of(transcript: Transcript) -> str:
    return transcript.channels[0].alternative.text


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("I, uh, think so.", "I, think so."),
        ("Um, we left.", "We left."),
        ("We left, um.", "We left."),
        ("We left um? Uhh, yes.", "We left? Yes."),
        ("Uh-huh. Mhmm. Nuh-uh.", "Uh-huh. Mhmm. Nuh-uh."),
        ("umbrella hum uhm ummm uhhh", "umbrella hum"),
        ("Um. Uh...", ""),
        ("uh huh", "huh"),
        ("", ""),
    ],
)
def test_fillers_go_and_the_sentence_stays_whole(said: str, written: str) -> None:
    assert text_of(without_fillers(heard(*said.split()), "en-US")) == written


def test_words_keep_their_times() -> None:
    kept = without_fillers(heard("Um,", "we", "left."), "en").channels[0].alternative.words
    assert [(word.start, word.end) for word in kept] == [(1.0, 1.5), (2.0, 2.5)]


def test_the_language_of_a_word_counts_more_than_that_asked_for() -> None:
    words = (Word("um", 0, 1, 0.9, language="pt"), Word("um", 1, 2, 0.9, language="en"))
    transcript = Transcript(2.0, (Channel(Alternative(words)),))
    assert len(without_fillers(transcript, "multi").channels[0].alternative.words) == 1


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("Hello,", "hello"),
        ("“Quoted”?!", "quoted"),
        ("it's", "it's"),
        ("dogs'", "dogs"),
        ("well-known.", "well-known"),
        ("U.S.", "u.s."),
        ("U.S.,", "u.s."),
        ("a.m", "a.m"),
        ("end.", "end"),
        ("50%.", "50%"),
        ("$5,000.50.", "$5,000.50"),
        ("R&D", "r&d"),
        ("¿Qué?", "qué"),
        ("你好。", "你好"),
        ("किताबें।", "किताबें"),
        ("♪", ""),
        ("...", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_bare_words(word: str, bare: str) -> None:
    assert Word(word, 0, 1, 1).bare == bare


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=12))
def test_a_bare_word_is_bare(text: str) -> None:
    once = Word(text, 0, 1, 1).bare
    assert Word(once, 0, 1, 1).bare == once


def test_plain_text_has_no_lone_punctuation() -> None:
    assert text_of(plain(heard("-", "Hello,", "World!", "♪"))) == "hello world"
