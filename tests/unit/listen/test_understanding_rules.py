"""What of a request's understanding is served, and the words of refusals and warnings."""

import pytest

from ringback.errors import Failure
from ringback.listen.options import ListenOptions
from ringback.listen.understanding_rules import (
    asks_for_understanding,
    extractive,
    tokens_of,
    too_long,
    understanding_warnings,
    unsupported_language,
)

Warnings = list[tuple[str, str, str]]
NEEDS = (
    "needs a language model, which this server has none of: its operator can name one with the setting "
    "`llm.url`."
)


@pytest.mark.parametrize("name", ["topics", "intents", "sentiment"])
def test_each_of_them_asks_for_it(name: str) -> None:
    assert asks_for_understanding(ListenOptions(**{name: True}))  # type: ignore[arg-type]
    assert asks_for_understanding(ListenOptions(summarize="v2"))
    assert not asks_for_understanding(ListenOptions(punctuate=True))


def test_a_text_counts_a_token_for_each_four_bytes() -> None:
    assert [tokens_of(text) for text in ("", "a", "abcd", "abcde", "üüü", "\ud800")] == [0, 1, 1, 2, 2, 1]


def test_a_text_that_is_too_long_is_refused_in_deepgrams_words() -> None:
    message = (
        "Text input for /v1/read currently supports up to 150K tokens. Please revise your text input to fit "
        "within the defined token limit."
    )
    assert too_long().failure == Failure(400, "TOKEN_LIMIT_EXCEEDED", message)


@pytest.mark.parametrize(
    ("options", "has_model", "expected"),
    [
        (ListenOptions(topics=True), False, [("topics", "unsupported", f"`topics` {NEEDS}")]),
        (ListenOptions(topics=True, intents=True, custom_topic=("x",), custom_intent=("y",)), True, []),
        (ListenOptions(sentiment=True, summarize="v2"), False, []),
    ],
)
def test_what_is_not_served(options: ListenOptions, has_model: bool, expected: Warnings) -> None:
    found = understanding_warnings(options, has_model=has_model)
    assert [(each.parameter, each.type, each.message) for each in found] == expected


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("the model was too slow", "the model was too slow"),
        (
            None,
            "a summary in words of its own needs a language model: its operator can name one with the "
            "setting `llm.url`",
        ),
    ],
)
def test_a_summary_of_the_texts_own_sentences_says_so(why: str | None, reason: str) -> None:
    found = extractive(why)
    message = f"The summary consists of the most central sentences of the text; {reason}."
    assert (found.parameter, found.type, found.message) == ("summarize", "extractive", message)


def test_another_language_than_english_is_named_for_each_option() -> None:
    found = unsupported_language(ListenOptions(sentiment=True, summarize="v2"), "fr")
    assert [(each.parameter, each.type, each.message) for each in found] == [
        ("summarize", "unsupported_language", "`summarize` is for English; this is `fr`."),
        ("sentiment", "unsupported_language", "`sentiment` is for English; this is `fr`."),
    ]
