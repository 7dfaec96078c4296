"""Every refusal of query parameters as the caller gets it, and what the log says beside it."""

from urllib.parse import parse_qsl

import pytest

from ringback.errors import Failure, Refusal
from ringback.listen.options import parse
from ringback.listen.parameter import Mode

UNREAD = "Failed to deserialize query parameters: "
TAG = "expected a BCP-47 language tag, such as `en` or `pt-BR`, or `multi`"


def failure(query: str, mode: Mode) -> Failure:
    with pytest.raises(Refusal) as refused:
        parse(parse_qsl(query, keep_blank_values=True), mode)
    return refused.value.failure


def many(name: str, value: str, count: int) -> str:
    return "&".join(f"{name}={value}{number}" for number in range(count))


@pytest.mark.parametrize(
    ("query", "mode", "parameter", "message"),
    [
        ("encoding=linear16", Mode.LIVE, "sample_rate", f"{UNREAD}`encoding=linear16` needs `sample_rate`."),
        (
            "encoding=amr-nb&sample_rate=16000",
            Mode.RECORDED,
            "sample_rate",
            f"{UNREAD}`encoding=amr-nb` needs `sample_rate=8000`.",
        ),
        (
            many("keyterm", "t", 101),
            Mode.RECORDED,
            "keyterm",
            "Keyterm limit exceeded. The maximum number of keyterms is 100.",
        ),
        (
            # 63 words of 57 letters, at eight letters a token.
            many("keyterm", "a" * 55 + "-", 63),
            Mode.RECORDED,
            "keyterm",
            "Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500.",
        ),
        (
            "utterance_end_ms=1000",
            Mode.LIVE,
            "utterance_end_ms",
            f"{UNREAD}`utterance_end_ms` needs `interim_results=true`.",
        ),
        (
            "&".join(f"extra=k{number}:{'x' * 2_000}" for number in range(17)),
            Mode.LIVE,
            "extra",
            f"{UNREAD}`extra` is longer than 32768 bytes in all.",
        ),
        (
            "detect_language=false&detect_language=en",
            Mode.RECORDED,
            "detect_language",
            f"{UNREAD}`detect_language=false` contradicts its other values.",
        ),
        (
            "punctuate=true&punctuate=false",
            Mode.RECORDED,
            "punctuate",
            f"{UNREAD}duplicate field `punctuate` with different values; give it once.",
        ),
        (
            many("search", "t", 51),
            Mode.RECORDED,
            "search",
            f"{UNREAD}`search` has 51 values; at most 50 are allowed.",
        ),
        (f"callback={'a' * 9_000}", Mode.RECORDED, "callback", "Invalid callback url."),
        (
            "summarize=true",
            Mode.TEXT,
            "language",
            "Failed to deserialize query parameters: missing field `language`",
        ),
        ("tag=a&" * 1_001, Mode.RECORDED, None, f"{UNREAD}more than 1000 parameters."),
    ],
)
def test_what_the_caller_gets(query: str, mode: Mode, parameter: str | None, message: str) -> None:
    assert failure(query, mode) == Failure(400, "INVALID_QUERY_PARAMETER", message, None, "", parameter)


def test_a_summary_of_another_language_is_refused_in_deepgrams_words() -> None:
    message = "Summarization v2 not supported for non-English languages"
    expected = Failure(400, "Bad Request", message, None, "", "summarize")
    assert failure("summarize=true&language=es", Mode.RECORDED) == expected


@pytest.mark.parametrize(
    ("query", "mode", "message", "reason"),
    [
        (
            "language=es&summarize=true",
            Mode.TEXT,
            "Request specified unsupported language: es. Only English is supported.",
            "a language other than English",
        ),
        ("language=%C3%A9%7E+x", Mode.LIVE, f"{UNREAD}`language=\\xe9~ x`: {TAG}.", TAG),
        (f"language={'x' * 60}", Mode.LIVE, f"{UNREAD}`language={'x' * 60}`: {TAG}.", TAG),
        (f"language={'x' * 61}", Mode.LIVE, f"{UNREAD}`language={'x' * 60}...`: {TAG}.", TAG),
    ],
)
def test_what_quotes_the_caller_has_another_reason_for_the_log(
    query: str, mode: Mode, message: str, reason: str
) -> None:
    expected = Failure(400, "INVALID_QUERY_PARAMETER", message, None, reason, "language")
    assert failure(query, mode) == expected


def test_extra_may_be_as_long_as_its_bound() -> None:
    values = [f"k{number:02}:{'x' * 2_000}" for number in range(16)]
    fixed = len('{"k00":"","last":""}') - 1 + 15 * len('"k00":"",') + 16 * 2_000
    values.append(f"last:{'x' * (32_768 - fixed - 1)}")
    pairs = [("extra", value) for value in values]
    assert len(parse(pairs, Mode.LIVE).extra) == 17
    with pytest.raises(Refusal):
        parse([*pairs[:-1], ("extra", values[-1] + "x")], Mode.LIVE)


def test_terms_may_spend_their_whole_budget() -> None:
    pairs = [("keyterm", f"{number:02} {'a' * 32}") for number in range(100)]
    assert len(parse(pairs, Mode.RECORDED).keyterm) == 100
    with pytest.raises(Refusal, match="number of tokens"):
        parse([*pairs[:-1], ("keyterm", f"99 {'a' * 33}")], Mode.RECORDED)
