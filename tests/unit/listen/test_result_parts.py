"""What options add to the result of a recording, whole: sentiment, what was understood, entities, search."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ringback.listen.json_parts import JsonEntity, JsonHit, JsonSearch, ModelMetadata, SentimentOfWords
from ringback.listen.options import ListenOptions
from ringback.listen.read_results import read_document
from ringback.listen.results import ResultMetadata, result_document
from ringback.listen.understanding_parts import (
    JsonIntent,
    JsonIntents,
    JsonIntentSegment,
    JsonSentiment,
    JsonSentiments,
    JsonSentimentSegment,
    JsonTopic,
    JsonTopics,
    JsonTopicSegment,
    JsonUsage,
    Summary,
    Understood,
)
from ringback.transcript import Alternative, Channel, Paragraph, Sentence, Transcript, Utterance, Word

REQUEST = "0f6b2c1e-7a5d-4f0e-9b1c-3d2e1f0a9b8c"
MODEL = "67875a7f-c9c4-48a0-aa55-5bdb8a91c34a"
FACTS = ResultMetadata(REQUEST, "ab" * 32, 0.0, (ModelMetadata(MODEL, "n", "v", "a"),))
GOOD, BAD, PLAIN = Word("Good.", 0.0, 0.5, 0.9), Word("Bad.", 0.5, 1.0, 0.9), Word("Four.", 1.0, 1.5, 0.9)
OTHER = Word("Other.", 0.0, 0.5, 0.9)
SAID = Transcript(2.0, (Channel(Alternative((GOOD, BAD, PLAIN))), Channel(Alternative((OTHER,)))))
UNDERSTOOD = Understood(
    summary=Summary("All is well."),
    topics=JsonTopics((JsonTopicSegment("Good.", 0, 0, (JsonTopic("Mood", 0.5),)),)),
    intents=JsonIntents((JsonIntentSegment("Bad.", 1, 1, (JsonIntent("Complain", 0.25),)),)),
    sentiments=JsonSentiments(
        (JsonSentimentSegment("Good.", 0, 0, "positive", 0.75),), JsonSentiment("neutral", 0.125)
    ),
    summary_info=JsonUsage(MODEL, 1, 2),
    topics_info=JsonUsage(MODEL, 3, 4),
    intents_info=JsonUsage(MODEL, 5, 6),
    sentiment_info=JsonUsage(MODEL, 7, 8),
)
WRITTEN = {
    "topics": {
        "segments": [
            {
                "text": "Good.",
                "start_word": 0,
                "end_word": 0,
                "topics": [{"topic": "Mood", "confidence_score": 0.5}],
            }
        ]
    },
    "intents": {
        "segments": [
            {
                "text": "Bad.",
                "start_word": 1,
                "end_word": 1,
                "intents": [{"intent": "Complain", "confidence_score": 0.25}],
            }
        ]
    },
    "sentiments": {
        "segments": [
            {
                "text": "Good.",
                "start_word": 0,
                "end_word": 0,
                "sentiment": "positive",
                "sentiment_score": 0.75,
            }
        ],
        "average": {"sentiment": "neutral", "sentiment_score": 0.125},
    },
}
USAGE = {
    f"{name}_info": {"model_uuid": MODEL, "input_tokens": first, "output_tokens": first + 1}
    for name, first in (("summary", 1), ("topics", 3), ("intents", 5), ("sentiment", 7))
}


def document(**parts: Any) -> Any:
    return json.loads(result_document(SAID, ListenOptions(punctuate=True), FACTS, **parts))


def test_what_was_understood_of_a_recording() -> None:
    found = document(understood=UNDERSTOOD)
    assert {name: found["results"][name] for name in WRITTEN} == WRITTEN
    assert found["results"]["summary"] == {"result": "success", "short": "All is well."}
    assert {name: found["metadata"][name] for name in USAGE} == USAGE
    failed = document(understood=replace(UNDERSTOOD, summary=Summary("No model.", success=False)))
    assert failed["results"]["summary"] == {"result": "failure", "short": "No model."}


def test_what_was_understood_of_a_text() -> None:
    found = json.loads(read_document(REQUEST, 0.0, ListenOptions(), UNDERSTOOD))
    assert found["results"] == {"summary": {"text": "All is well."}, **WRITTEN}
    assert {name: found["metadata"][name] for name in USAGE} == USAGE


@pytest.mark.parametrize("name", [*WRITTEN, *USAGE, "summary"])
def test_what_was_not_asked_for_is_not_there(name: str) -> None:
    found = document()
    assert name not in found["results"]
    assert name not in found["metadata"]


def test_sentiment_stands_at_words_and_at_what_is_made_of_them() -> None:
    scores = SentimentOfWords([(0.75, (GOOD,)), (-0.5, (BAD,))])
    sentences = (Sentence((GOOD, BAD)), Sentence((PLAIN,)))
    found = document(
        sentiment=scores,
        utterances=(Utterance(0, (GOOD, BAD)), Utterance(0, (PLAIN,))),
        paragraphs=((Paragraph(sentences),), ()),
    )
    channel = found["results"]["channels"][0]["alternatives"][0]
    assert [feeling(word) for word in channel["words"]] == [
        ("positive", 0.75),
        ("negative", -0.5),
        (None, None),
    ]
    assert [feeling(each) for each in found["results"]["utterances"]] == [("neutral", 0.125), (None, None)]
    assert [feeling(word) for word in found["results"]["utterances"][0]["words"]] == [
        ("positive", 0.75),
        ("negative", -0.5),
    ]
    (paragraph,) = channel["paragraphs"]["paragraphs"]
    assert feeling(paragraph) == ("neutral", 0.125)
    assert [feeling(each) for each in paragraph["sentences"]] == [("neutral", 0.125), (None, None)]


def feeling(part: dict[str, Any]) -> tuple[str | None, float | None]:
    return part.get("sentiment"), part.get("sentiment_score")


def test_entities_and_hits_stand_in_their_channel() -> None:
    entities = [[JsonEntity("DATE", "four", 0.9, 2, 3)], []]
    search = [[JsonSearch("bad", [JsonHit(1.0, 0.5, 1.0, "Good. Bad. Four.")])], [JsonSearch("bad", [])]]
    one, other = document(entities=entities, search=search)["results"]["channels"]
    assert one["alternatives"][0]["entities"] == [
        {"label": "DATE", "value": "four", "confidence": 0.9, "start_word": 2, "end_word": 3}
    ]
    hit = {"confidence": 1.0, "start": 0.5, "end": 1.0, "snippet": "Good. Bad. Four."}
    assert one["search"] == [{"query": "bad", "hits": [hit]}]
    assert other["alternatives"][0]["entities"] == []
    assert other["search"] == [{"query": "bad", "hits": []}]
