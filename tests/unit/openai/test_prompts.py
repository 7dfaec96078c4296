"""Which prompts are lists of terms, and which are prose."""

import pytest

from ringback.openai.prompts import terms_in


@pytest.mark.parametrize(
    ("prompt", "terms"),
    [
        ("Metformin", ["Metformin"]),
        ("Bill of Materials List, two", ["Bill of Materials List", "two"]),
        ("Metformin, Digique Plus,VortiQore V8", ["Metformin", "Digique Plus", "VortiQore V8"]),
        ("Metformin\r\n\nIbuprofen\n", ["Metformin", "Ibuprofen"]),
        ("Metformin; Ibuprofen", ["Metformin", "Ibuprofen"]),
        ("Metformin, Metformin", ["Metformin"]),
        ("Glossary: Aimee, Shawn, BBQ.", ["Aimee", "Shawn", "BBQ"]),
        ("PULSE, B.R.I.C.K., F.L.I.N.T.", ["PULSE", "B.R.I.C.K.", "F.L.I.N.T."]),
        ("Dr. Smith, St. John's wort", ["Dr. Smith", "St. John's wort"]),
    ],
)
def test_lists_are_terms(prompt: str, terms: list[str]) -> None:
    assert list(terms_in(prompt) or ()) == terms


@pytest.mark.parametrize(
    "prompt",
    [
        "Hello, welcome to my lecture.",
        "The following conversation is about Ringback, and Deepgram.",
        "Umm, let me think like, hmm... okay, here's what I'm, like, thinking.",
        "Is it?",
        "one, two of them are enough",
        "   ",
        "Glossary: ",
    ],
)
def test_prose_is_none(prompt: str) -> None:
    assert terms_in(prompt) is None
