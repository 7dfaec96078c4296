"""Warnings about text options that do less than their names say."""

from urllib.parse import parse_qsl

import pytest

from ringback.listen.entity_types import ALL, GROUPS, redaction_types, undetected
from ringback.listen.options import Mode, parse
from ringback.listen.text_warnings import with_text_warnings


def warned(query: str, *, names: bool = False, mode: Mode = Mode.RECORDED) -> list[tuple[str, str]]:
    options = with_text_warnings(parse(parse_qsl(query), mode), names=names)
    return [(each.parameter, each.message) for each in options.warnings]


@pytest.mark.parametrize(
    "query",
    [
        "redact=numbers,pci,ssn&smart_format=true&numerals=true&replace=a:b&profanity_filter=true",
        "redact=email_address&redact=credit_card&measurements=true&language=en-GB",
        "dictation=true&punctuate=true&filler_words=true",
        "dictation=true&punctuate=true&language=multi&redact=pci",
        "numerals=true&profanity_filter=true&replace=a:b&language=de",
    ],
)
def test_what_is_acted_on_brings_no_warning(query: str) -> None:
    assert [each for each in warned(query) if "redact=numbers" not in each[1]] == []


def test_what_nothing_detects_is_named_by_value() -> None:
    assert warned("redact=organization&redact=drug") == [
        ("redact", "`redact=organization`: nothing on this server detects organization."),
        ("redact", "`redact=drug`: nothing on this server detects drug."),
    ]
    ((_, message),) = warned("redact=pii")
    assert "location_city" in message
    assert " ssn" not in message
    ((_, message),) = warned("redact=pii", names=True)
    assert "location_city" not in message
    assert "organization" in message
    assert warned("redact=some_new_type")[0][1].endswith("detects some_new_type.")


def test_names_without_their_model() -> None:
    assert [name for name, _ in warned("detect_entities=true")] == ["detect_entities"]
    assert warned("detect_entities=true", names=True) == []


def test_hints_without_code_switching() -> None:
    assert warned("language=multi&language_hint=es") == []
    for query in ("language=es&language_hint=es", "detect_language=true&language=multi&language_hint=es"):
        assert [name for name, _ in warned(query)] == ["language_hint"]


def test_languages() -> None:
    assert [name for name, _ in warned("measurements=true&dictation=true&punctuate=true&language=fr")] == [
        "measurements",
        "dictation",
    ]
    assert warned("redact=pci&language=es") == [
        ("redact", "In other languages than English `redact` hides numbers only.")
    ]


@pytest.mark.parametrize("language", ["sv", "ja", "zh-HK", "no"])
def test_numerals_of_a_language_whose_number_words_are_not_read(language: str) -> None:
    assert warned(f"numerals=true&language={language}") == [
        ("numerals", f"`numerals`: numbers in `{language}` stay as the model writes them.")
    ]
    assert warned(f"language={language}") == []


@pytest.mark.parametrize("language", ["en-GB", "fr", "es-419", "pt-BR", "de-CH", "nl", "it", "da", "multi"])
def test_numerals_of_the_languages_whose_number_words_are_read(language: str) -> None:
    assert warned(f"numerals=true&language={language}") == []


def test_dictation_without_punctuation() -> None:
    assert warned("dictation=true") == [("dictation", "`dictation` needs `punctuate=true`.")]


def test_groups() -> None:
    assert len(ALL) == 56
    assert redaction_types(("pin",)).types == {"password"}
    assert redaction_types(("numbers",)).runs
    assert redaction_types(("aggressive_numbers",)).numerals
    assert GROUPS["pci"] == {"credit_card", "credit_card_expiration", "cvv"}
    assert not {"bank_account", "routing_number", "cvv"} & GROUPS["pii"]
    assert undetected("pci", names=False) == ()


@pytest.mark.parametrize(
    ("requested", "kind", "covered"),
    [
        ("name", "name_given", True),
        ("name_given", "name", True),
        ("name_given", "name_family", False),
        ("location", "location_city", True),
        ("location_city", "location", False),
        ("date", "dob", True),
        ("dob", "date", False),
        ("ssn", "phone_number", False),
    ],
)
def test_what_a_type_covers(requested: str, kind: str, covered: bool) -> None:
    assert redaction_types((requested,)).covers(kind) is covered
