"""The document of a text: Deepgram's shape, and nothing that was not asked for."""

import json

import pytest

from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.listen.read_results import read_document
from ringback.listen.understanding_parts import (
    JsonTopic,
    JsonTopics,
    JsonTopicSegment,
    JsonUsage,
    Summary,
    TokenSums,
    Understood,
)
from ringback.listen.understanding_rules import check_served

REQUEST = "6ab1afe9-da49-4688-86f5-ae2fde420ad4"
CREATED = 1701147056.034
EVERYTHING = Understood(
    summary=Summary("Jake calls."),
    topics=JsonTopics((JsonTopicSegment("I call.", 0, 1, (JsonTopic("Calls", 0.5),)),)),
    summary_info=JsonUsage("67875a7f-c9c4-48a0-aa55-5bdb8a91c34a", 103, 33),
    topics_info=JsonUsage("67875a7f-c9c4-48a0-aa55-5bdb8a91c34a", 7, 2),
    warnings=(ParameterWarning("intents", "failed", "why"),),
)


def test_what_was_understood_is_in_deepgrams_shape() -> None:
    options = ListenOptions(
        language="en", tag=("a",), warnings=(ParameterWarning("punctuate", "ignored", "no"),)
    )
    assert json.loads(read_document(REQUEST, CREATED, options, EVERYTHING)) == {
        "metadata": {
            "request_id": REQUEST,
            "created": "2023-11-28T04:50:56.034Z",
            "language": "en",
            "tags": ["a"],
            "summary_info": {
                "model_uuid": "67875a7f-c9c4-48a0-aa55-5bdb8a91c34a",
                "input_tokens": 103,
                "output_tokens": 33,
            },
            "topics_info": {
                "model_uuid": "67875a7f-c9c4-48a0-aa55-5bdb8a91c34a",
                "input_tokens": 7,
                "output_tokens": 2,
            },
            "warnings": [
                {"parameter": "punctuate", "type": "ignored", "message": "no"},
                {"parameter": "intents", "type": "failed", "message": "why"},
            ],
        },
        "results": {
            "summary": {"text": "Jake calls."},
            "topics": {
                "segments": [
                    {
                        "text": "I call.",
                        "start_word": 0,
                        "end_word": 1,
                        "topics": [{"topic": "Calls", "confidence_score": 0.5}],
                    }
                ]
            },
        },
    }


def test_what_was_not_asked_for_is_not_there() -> None:
    document = json.loads(read_document(REQUEST, CREATED, ListenOptions(), Understood()))
    assert document["results"] == {}
    assert set(document["metadata"]) == {"request_id", "created", "language"}


def test_tokens_are_summed_over_what_was_asked() -> None:
    assert EVERYTHING.tokens == TokenSums(110, 35)
    assert Understood().tokens == TokenSums(0, 0)


def test_nothing_understood_is_told_from_no_topics() -> None:
    assert Understood(warnings=EVERYTHING.warnings).is_empty
    assert not Understood(topics=JsonTopics(())).is_empty


@pytest.mark.parametrize(
    ("options", "has_model", "text"),
    [
        (ListenOptions(), True, "Nothing was asked for: set one of `summarize`, `topics`, `intents`"),
        (ListenOptions(custom_topic=("a",)), True, "Nothing was asked for"),
        (ListenOptions(topics=True, intents=True), False, "`topics` needs a language model"),
    ],
)
def test_what_cannot_be_served_at_all_is_refused(options: ListenOptions, has_model: bool, text: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_served(options, has_model=has_model)
    assert (refused.value.failure.status, refused.value.failure.err_code) == (400, "INVALID_QUERY_PARAMETER")
    assert text in refused.value.failure.err_msg


@pytest.mark.parametrize(
    ("options", "has_model"),
    [(ListenOptions(topics=True), True), (ListenOptions(topics=True, sentiment=True), False)],
)
def test_what_is_served_in_part_is_served(options: ListenOptions, has_model: bool) -> None:
    check_served(options, has_model=has_model)
