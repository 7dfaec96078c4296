"""What the model is asked about terms, and what its answers change. The tokens are those of Whisper base."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ringback.engines.keyterm_rescoring import (
    LONGEST_TEXT,
    DecodedSegment,
    KeytermRescorer,
)
from ringback.engines.keyterms import usable
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import find
from ringback.transcript import Word, joined

LONGEST_PROMPT = 223
"""Tokens that the decoder can hold before a text, with the one that begins them."""
TOKENS = WhisperTokens(find("base", Path("/none")).folder / "tokenizer.json", multilingual=True)


@dataclass(frozen=True)
class Question:
    """One call of the model."""

    rows: list[int]
    prompt: str
    """The text before the start of the transcript."""
    prompt_tokens: int
    """Of it, with the one that begins it."""
    start: list[int]
    """The tokens of the start itself."""
    texts: list[str]


class Listener:
    """Knows by how much more probable a text is with each term: behind a prompt with it, and without one."""

    def __init__(self, gains: Mapping[str, tuple[float, float]], *, sure: float = 1.0) -> None:
        self._gains = gains
        self._sure = sure
        self.questions: list[Question] = []

    def probabilities(
        self, encoded: str, prompt: Sequence[int], rows: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        assert encoded == "encoded"
        prompted = prompt[0] == TOKENS.start_of_previous
        at = len(prompt) - 3
        written = [TOKENS.decode(text) for text in texts]
        before = TOKENS.decode(prompt[:at])
        self.questions.append(Question(list(rows), before, at, list(prompt[at:]), written))
        return [[math.exp(self._gain_of(text, prompted)), self._sure] for text in written]

    def _gain_of(self, text: str, prompted: bool) -> float:
        return sum(gains[not prompted] for term, gains in self._gains.items() if term in text)


def segment(text: str, language: str = "en") -> DecodedSegment:
    words = tuple(Word(each, i * 0.5, i * 0.5 + 0.4, 0.6) for i, each in enumerate(text.split()))
    return DecodedSegment(words, language)


def rescored(listener: Listener, segments: Sequence[DecodedSegment], *terms: str) -> list[str]:
    rescorer = KeytermRescorer(listener, TOKENS)
    return [joined(words) for words in rescorer.rescore("encoded", segments, terms)]


def test_a_term_that_is_as_probable_as_what_was_heard_is_written() -> None:
    listener = Listener({"Metformin": (0.5, -99.0)})
    assert rescored(listener, [segment("Unfortunately metformen afterwards.")], "Metformin") == [
        "Unfortunately Metformin afterwards."
    ]
    (question,) = listener.questions
    assert question == Question(
        [0, 0],
        " Glossary: Metformin.",
        1 + len(TOKENS.encode(" Glossary: Metformin.")),
        TOKENS.prompt("en"),
        [" Unfortunately metformen afterwards.", " Unfortunately Metformin afterwards."],
    )


@pytest.mark.parametrize(
    ("unprompted", "text"),
    [(-14.5, "Unfortunately Metformin afterwards."), (-15.0, "Unfortunately metformen afterwards.")],
)
def test_of_an_unsure_one_the_model_is_asked_again_without_the_term(unprompted: float, text: str) -> None:
    listener = Listener({"Metformin": (-4.0, unprompted)})
    assert rescored(listener, [segment("Unfortunately metformen afterwards.")], "Metformin") == [text]
    first, second = listener.questions
    assert (first.prompt, second.prompt) == (" Glossary: Metformin.", "")
    assert (second.start, second.texts, second.rows) == (first.start, first.texts, first.rows)


def test_what_is_improbable_stays_as_it_was_heard() -> None:
    listener = Listener({"Metformin": (-30.0, 0.0)})
    assert rescored(listener, [segment("Unfortunately metformen afterwards.")], "Metformin") == [
        "Unfortunately metformen afterwards."
    ]
    assert len(listener.questions) == 1


def test_nothing_is_asked_of_terms_that_are_spelled_or_that_nothing_sounds_like() -> None:
    listener = Listener({})
    assert rescored(listener, [segment("at y-combinator now")], "Y Combinator") == ["at Y Combinator now"]
    assert rescored(listener, [segment("good morning")], "Metformin") == ["good morning"]
    assert rescored(listener, [], "Metformin") == []
    assert rescored(listener, [segment("at acme.com now")]) == ["at acme.com now"]
    assert listener.questions == []


def test_a_spelled_term_keeps_its_words_from_any_other() -> None:
    listener = Listener({"Combine": (9.0, 9.0)})
    found = rescored(listener, [segment("at y-combinator now")], "Y Combinator", "Combine Nator")
    assert found == ["at Y Combinator now"]


def test_each_segment_is_asked_about_in_its_own_row_and_terms_of_one_language_together() -> None:
    listener = Listener({"Metformin": (0.0, 0.0)})
    segments = [
        segment("good morning"),
        segment("metformen selbstverständlich", "de"),
        segment("unfortunately metformen"),
        segment("extraordinarily metformen"),
    ]
    assert rescored(listener, segments, "Metformin") == [
        "good morning",
        "Metformin selbstverständlich",
        "unfortunately Metformin",
        "extraordinarily Metformin",
    ]
    german, english = listener.questions
    assert german.rows == [1, 1]
    assert german.start == TOKENS.prompt("de")
    assert english.rows == [2, 2, 3, 3]
    assert english.start == TOKENS.prompt("en")


def test_unsure_ones_of_a_language_are_asked_again_together_whatever_their_terms() -> None:
    listener = Listener({"Metformin": (-4.0, -10.0), "Metoprolol": (-4.0, -30.0)})
    text = "metformen unfortunately metoprolal"
    found = rescored(listener, [segment(text)], "Metformin", "Metoprolol")
    assert found == ["Metformin unfortunately metoprolal"]
    *prompted, again = listener.questions
    assert {each.prompt for each in prompted} == {" Glossary: Metformin.", " Glossary: Metoprolol."}
    assert {*again.texts} == {
        f" {text}",
        " Metformin unfortunately metoprolal",
        " metformen unfortunately Metoprolol",
    }


def test_of_many_questions_a_few_are_asked_at_a_time() -> None:
    listener = Listener({"Metformin": (0.5, -99.0)})
    segments = [segment("unfortunately metformen") for _ in range(20)]
    assert rescored(listener, segments, "Metformin") == ["unfortunately Metformin"] * 20
    assert [len(each.texts) for each in listener.questions] == [16, 16, 8]
    rows = [row for each in listener.questions for row in each.rows]
    assert rows == [row for row in range(20) for _ in range(2)]


def test_a_term_within_an_address_is_asked_about_and_the_rest_of_it_stays() -> None:
    listener = Listener({"Acme.com": (0.5, 0.0), ".Acme": (-30.0, -30.0)})
    assert rescored(listener, [segment("unfortunately acne.com")], "Acme") == ["unfortunately Acme.com"]


def test_of_two_terms_for_the_same_words_the_more_probable_is_written() -> None:
    for better, worse in [("Metformin", "Metformen"), ("Metformen", "Metformin")]:
        listener = Listener({better: (2.0, 0.0), worse: (0.5, 0.0)})
        assert rescored(listener, [segment("take metforming")], "Metformin", "Metformen") == [
            f"take {better}"
        ]


def test_a_text_that_the_decoder_cannot_hold_is_not_asked_about() -> None:
    def of_length(tokens: int) -> DecodedSegment:
        """One token each but for the last word."""
        spare = tokens - len(TOKENS.encode(" metformen"))
        return segment(" ".join(["so"] * spare + ["metformen"]))

    listener = Listener({"Metformin": (0.0, 0.0)})
    longest, longer = of_length(LONGEST_TEXT), of_length(LONGEST_TEXT + 1)
    assert len(TOKENS.encode(f" {joined(longer.words)}")) == LONGEST_TEXT + 1
    found = rescored(listener, [longest, longer], "Metformin")
    assert [each.split()[-1] for each in found] == ["Metformin", "metformen"]
    assert {row for each in listener.questions for row in each.rows[1:]} == {0}
    listener.questions.clear()
    rescored(listener, [longer], "Metformin")
    assert listener.questions == []


# Of Gothic letters each has four tokens.
@pytest.mark.parametrize("mark", ["", "!", "?!", "..."])
def test_the_longest_term_that_is_asked_about_has_a_prompt_that_the_decoder_can_hold(mark: str) -> None:
    term, misheard = (" ".join([word] * 7) + mark for word in ("𐌰𐌱𐌲𐌳𐌴𐌵𐌶", "𐌰𐌱𐌲𐌳𐌴𐌵𐌷"))
    spare = LONGEST_TEXT - len(TOKENS.encode(f" {term}"))
    listener = Listener({})
    rescored(listener, [segment(misheard)], term)
    (prompted,) = listener.questions
    assert prompted.prompt == f" Glossary: {term}."
    assert prompted.prompt_tokens > LONGEST_TEXT - 20
    assert prompted.prompt_tokens + spare <= LONGEST_PROMPT


def test_a_term_longer_than_a_text_is_not_asked_about() -> None:
    term, misheard = (" ".join([word] * 7) for word in ("𐌰𐌱𐌲𐌳𐌴𐌵𐌶𐌸", "𐌰𐌱𐌲𐌳𐌴𐌵𐌶𐌷"))
    assert len(TOKENS.encode(f" {term}")) > LONGEST_TEXT
    assert term in usable([term])
    listener = Listener({})
    rescored(listener, [segment(misheard)], term)
    assert listener.questions == []


def test_a_term_cannot_write_special_tokens() -> None:
    listener = Listener({"endoftext": (0.0, 0.0)})
    rescored(listener, [segment("the end of text here")], "<|endoftext|>")
    assert all("<|" not in text for question in listener.questions for text in question.texts)


def test_a_token_that_the_model_rules_out_counts_as_one_in_ten_thousand_million() -> None:
    listener = Listener({}, sure=0.0)
    assert rescored(listener, [segment("Unfortunately metformen afterwards.")], "Metformin") == [
        "Unfortunately Metformin afterwards."
    ]
