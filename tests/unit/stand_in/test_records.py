"""What a stand-in was asked, as tests read it."""

import json
import threading

import pytest

from ringback.stand_in import records
from ringback.stand_in.records import CallbackTry, NeverCame, RecordedRequest, Recorder


def request(path: str = "/v1/listen") -> RecordedRequest:
    return RecordedRequest(0, "id", "recording", "POST", path, {}, {}, "key")


def test_requests_are_numbered_as_they_come_and_afresh_once_forgotten() -> None:
    recorder = Recorder()
    for path in ("/a", "/b"):
        recorder.add(request(path))
    assert [(each.number, each.path) for each in recorder.all()] == [(1, "/a"), (2, "/b")]
    recorder.forget()
    assert recorder.all() == []
    recorder.add(request("/c"))
    assert [(each.number, each.path) for each in recorder.all()] == [(1, "/c")]


def test_the_newest_are_kept() -> None:
    recorder = Recorder()
    for _ in range(records.MOST_REQUESTS + 2):
        recorder.add(request())
    numbers = [each.number for each in recorder.all()]
    assert (numbers[0], numbers[-1], len(numbers)) == (3, records.MOST_REQUESTS + 2, records.MOST_REQUESTS)


def test_who_waits_is_woken_by_a_new_request_and_by_a_change_of_one() -> None:
    """Both come from another thread, as they do from the stand-in's own."""
    recorder = Recorder()
    first = request()
    threading.Timer(0.01, recorder.add, [first]).start()
    assert recorder.wait(lambda found: len(found) == 1, 60) == [first]

    def answer() -> None:
        first.status = 200
        recorder.changed()

    threading.Timer(0.01, answer).start()
    assert recorder.wait(lambda found: found[0].status == 200, 60) == [first]


def test_what_does_not_come_is_told_with_what_did() -> None:
    recorder = Recorder()
    recorder.add(request("/somewhere"))
    with pytest.raises(NeverCame, match=r"it did not come within 0\.01 s; there are .*/somewhere"):
        recorder.wait(lambda found: len(found) == 2, 0.01)


def test_a_request_as_a_document_has_all_but_its_body() -> None:
    one = request()
    one.body, one.sha256 = b"abc", "ab"
    document = one.document()
    assert json.loads(json.dumps({**document, "callbacks": []}))["bytes"] == 3
    assert (document["sha256"], document["path"], document["status"]) == ("ab", "/v1/listen", None)
    assert "body" not in document
    assert CallbackTry(None) == CallbackTry(None, "")
