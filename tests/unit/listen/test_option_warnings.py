"""Every warning about options, word by word: that is all by which a caller learns what was not done."""

from urllib.parse import parse_qsl

import pytest

from ringback.listen.options import parse
from ringback.listen.parameter import Mode
from ringback.listen.text_warnings import with_text_warnings


def warnings(query: str, mode: Mode = Mode.RECORDED, *, names: bool = True) -> list[tuple[str, str, str]]:
    parsed = parse(parse_qsl(query, keep_blank_values=True), mode, callback_unencoded="callback" in query)
    found = with_text_warnings(parsed, names=names).warnings
    return [(each.parameter, each.type, each.message) for each in found]


@pytest.mark.parametrize(
    ("query", "mode", "expected"),
    [
        (
            "interim_results=true",
            Mode.RECORDED,
            ("interim_results", "ignored", "`interim_results` has a meaning for live streams only."),
        ),
        (
            "utterances=true",
            Mode.LIVE,
            ("utterances", "ignored", "`utterances` has a meaning for recordings only."),
        ),
        (
            "punctuate=true&language=en",
            Mode.TEXT,
            ("punctuate", "ignored", "`punctuate` has a meaning for recordings and live streams only."),
        ),
        (
            "summarize=true",
            Mode.LIVE,
            ("summarize", "ignored", "`summarize` has a meaning for recordings and texts only."),
        ),
        (
            "tier=nova",
            Mode.RECORDED,
            ("tier", "deprecated", "`tier` is an old parameter that this server ignores."),
        ),
        (
            "alternatives=2",
            Mode.RECORDED,
            ("alternatives", "unsupported", "This server gives `alternatives=1` only."),
        ),
        (
            "channels=2",
            Mode.RECORDED,
            ("channels", "ignored", "`channels` is read only together with `encoding`."),
        ),
        (
            "callback_method=put",
            Mode.LIVE,
            ("callback_method", "ignored", "`callback_method` is read only together with `callback`."),
        ),
        (
            "callback_schedule=1s&language=en&sentiment=true",
            Mode.TEXT,
            ("callback_schedule", "ignored", "`callback_schedule` is read only together with `callback`."),
        ),
        (
            "utt_split=2&utterances=false",
            Mode.RECORDED,
            ("utt_split", "ignored", "`utt_split` is read only together with `utterances`."),
        ),
        (
            "custom_topic=a",
            Mode.RECORDED,
            ("custom_topic", "ignored", "`custom_topic` is read only together with `topics`."),
        ),
        (
            "custom_intent_mode=strict&topics=true",
            Mode.RECORDED,
            ("custom_intent_mode", "ignored", "`custom_intent_mode` is read only together with `intents`."),
        ),
        ("tag=null", Mode.LIVE, ("tag", "ignored", "`tag=null` is passed over: it sets nothing.")),
        (
            "punctate=true",
            Mode.LIVE,
            (
                "punctate",
                "ignored",
                "`punctate` is no parameter of this server and was ignored. Did you mean `punctuate`?",
            ),
        ),
        (
            "callback=http://h/x?a=1&secret=2",
            Mode.LIVE,
            (
                "secret",
                "ignored",
                "`secret` is no parameter of this server and was ignored. If it belongs to the URL of "
                "`callback`, percent-encode that URL: it was cut before it.",
            ),
        ),
        ("dictation=true", Mode.LIVE, ("dictation", "ignored", "`dictation` needs `punctuate=true`.")),
        (
            "measurements=true&language=fr",
            Mode.LIVE,
            ("measurements", "unsupported", "`measurements` acts on English only."),
        ),
        (
            "redact=ssn&language=es",
            Mode.LIVE,
            ("redact", "unsupported", "In other languages than English `redact` hides numbers only."),
        ),
        (
            "numerals=true&language=ja",
            Mode.LIVE,
            ("numerals", "unsupported", "`numerals`: numbers in `ja` stay as the model writes them."),
        ),
        (
            "redact=phi",
            Mode.LIVE,
            (
                "redact",
                "unsupported",
                "`redact=phi`: nothing on this server detects blood_type, condition, drug, injury, "
                "medical_process, statistics.",
            ),
        ),
        (
            "language_hint=es",
            Mode.LIVE,
            (
                "language_hint",
                "ignored",
                "`language_hint` is passed over: it counts with `language=multi` only.",
            ),
        ),
        (
            "keyterm=Acme,Digium",
            Mode.LIVE,
            (
                "keyterm",
                "ignored",
                "`keyterm` takes one term each: with commas it is one literal term. Give the parameter "
                "again.",
            ),
        ),
        (
            "keyterm=Acme:2.5",
            Mode.LIVE,
            (
                "keyterm",
                "ignored",
                "`keyterm` takes no weights: `:` and what follows it are part of the term.",
            ),
        ),
        (
            "keywords=acme:0",
            Mode.LIVE,
            (
                "keywords",
                "ignored",
                "`keywords` with a boost of 0 or less are passed over: no word is suppressed.",
            ),
        ),
    ],
)
def test_what_a_warning_says(query: str, mode: Mode, expected: tuple[str, str, str]) -> None:
    assert warnings(query, mode) == [expected]


def test_without_a_model_of_names_entities_are_fewer() -> None:
    assert warnings("detect_entities=true", names=False) == [
        (
            "detect_entities",
            "unsupported",
            "`detect_entities` finds no names and places on this server: it has no model for them.",
        )
    ]


@pytest.mark.parametrize(
    "query",
    ["keyterm=Ratio+3:2+mix", "keywords=acme:0.5", "keywords=acme", "language=multi&language_hint=es"],
)
def test_what_does_as_it_says_brings_none(query: str) -> None:
    assert warnings(query) == []
    options = parse(parse_qsl(query), Mode.RECORDED)
    assert with_text_warnings(options, names=True) is options
