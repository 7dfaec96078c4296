"""What a person reads of a callback."""

from typing import Any

import pytest

from ringback.cli.callback_text import callback_lines, has_request_id


def recognised(text: str) -> dict[str, Any]:
    return {"alternatives": [{"transcript": text}]}


RESULTS = {"type": "Results", "start": 1.0, "duration": 0.5, "channel": recognised("Hello.")}


UNDERSTOOD = {
    "summary": {"text": "All is well."},
    "sentiments": {"segments": [], "average": {"sentiment": "positive", "sentiment_score": 0.5}},
    "topics": {"segments": [{"topics": [{"topic": "Phone"}, {"topic": "Refund"}, {"topic": "Phone"}]}]},
    "intents": {"segments": []},
}
PARKED = {
    "type": "delivery.parked",
    "timestamp": "2026-11-30T03:12:44.120Z",
    "data": {"destination": "http://h:80", "attempts": 2, "code": None},
}


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ({"results": {"channels": [recognised("Hello."), recognised("Hi.")]}}, ["“Hello.”", "“Hi.”"]),
        ({"results": {"summary": {"text": "All is well."}}}, ["“All is well.”"]),
        (
            {"results": UNDERSTOOD},
            ["“All is well.”   sentiment: positive   topics: Phone, Refund   intents: none"],
        ),
        ({"results": {}}, ["(what was understood of a text)"]),
        ({"results": {"topics": {"segments": [7]}}}, ["(what was understood of a text)"]),
        ({"request_id": "a", "result_url": "/r", "bytes": 9}, ["too large for this receiver; it is at /r"]),
        (PARKED, ["delivery.parked: destination http://h:80, attempts 2"]),
        ({"err_code": "Bad Request", "err_msg": "Bad Request: corrupt"}, ["Bad Request: corrupt"]),
        ({"err_code": "REMOTE", "err_msg": "gone"}, ["REMOTE: gone"]),
        ({**RESULTS, "is_final": True}, ["“Hello.”   (final, 1.00 to 1.50 s)"]),
        ({**RESULTS, "is_final": False}, ["“Hello.”   (may still change, 1.00 to 1.50 s)"]),
        ({"type": "SpeechStarted", "timestamp": 0.5}, ["speech, from 0.50 s"]),
        ({"type": "UtteranceEnd", "last_word_end": -1}, ["the utterance has ended"]),
        ({"type": "Metadata", "duration": 3.29}, ["the stream has ended, after 3.29 s"]),
        ({"type": "Results"}, ["(neither a transcript nor an error)"]),
        ({"type": ["odd"]}, ["(neither a transcript nor an error)"]),
        ([], ["(neither a transcript nor an error)"]),
        (None, ["(neither a transcript nor an error)"]),
    ],
)
def test_lines(document: object, lines: list[str]) -> None:
    assert callback_lines(document) == lines


def test_operational_webhooks_are_about_no_request() -> None:
    assert not has_request_id(PARKED)
    assert has_request_id({"type": "Results"})
    assert has_request_id(None)
