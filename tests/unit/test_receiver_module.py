"""`ringback.receiver`: what a callback is, once it is believed."""

import json
from collections.abc import Mapping

import pytest

from ringback.callbacks.signing import Signer, new_private_key, new_signing_secret, public_key_of
from ringback.callbacks.trial import sample
from ringback.errors import Failure
from ringback.listen.options import ListenOptions
from ringback.listen.read_results import read_document
from ringback.listen.results import error_body
from ringback.listen.understanding_parts import Summary, Understood
from ringback.receiver import (
    CallbackRefused,
    CallbackVerifier,
    FailureCallback,
    LinkCallback,
    MessageCallback,
    NotAKey,
    ReadCallback,
    TranscriptCallback,
)

NOW = 1_700_000_000.0
SECRET = new_signing_secret()
REQUEST = "00000000-0000-4000-8000-000000000001"


def verifier() -> CallbackVerifier:
    return CallbackVerifier(SECRET, now=lambda: NOW)


def sent(body: bytes, status: int = 200, more: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The headers of a callback, with the names as some frameworks write them."""
    signed = Signer([SECRET], []).headers("msg-1", NOW, body)
    named = {
        "dg-request-id": REQUEST,
        "ringback-attempt": "2",
        "ringback-status": str(status),
        **(more or {}),
    }
    return {name.title(): value for name, value in {**signed, **named}.items()}


def test_a_transcript() -> None:
    body = sample(REQUEST, NOW)
    callback = verifier().open(sent(body), body)
    assert isinstance(callback, TranscriptCallback)
    assert callback.texts == ["This is a test of your callback."]
    assert callback.document.metadata.request_id == callback.request_id == REQUEST
    assert (callback.webhook_id, callback.attempt, callback.status) == ("msg-1", 2, 200)


def test_a_text_that_was_read() -> None:
    understood = Understood(summary=Summary("All is well."))
    body = read_document(REQUEST, NOW, ListenOptions(), understood)
    callback = verifier().open(sent(body), body)
    assert isinstance(callback, ReadCallback)
    assert callback.document.results.summary is not None
    assert callback.document.results.summary.text == "All is well."
    assert callback.document.metadata.request_id == REQUEST


def test_a_failure() -> None:
    body = error_body(Failure(400, "Bad Request", "corrupt or unsupported data"), REQUEST)
    callback = verifier().open(sent(body, 400), body)
    assert isinstance(callback, FailureCallback)
    assert (callback.code, callback.message, callback.status) == (
        "Bad Request",
        "corrupt or unsupported data",
        400,
    )


@pytest.mark.parametrize("status", [200, 400])
def test_a_link(status: int) -> None:
    body = json.dumps({"request_id": REQUEST, "status": status, "result_url": "/v1/x", "bytes": 7}).encode()
    callback = verifier().open(sent(body, status), body)
    assert isinstance(callback, LinkCallback)
    assert (callback.url, callback.size) == ("/v1/x", 7)


def test_a_message_of_a_stream() -> None:
    body = b'{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.5}'
    callback = verifier().open(sent(body, more={"ringback-sequence": "3"}), body)
    assert isinstance(callback, MessageCallback)
    assert (callback.number, callback.message["type"]) == (3, "UtteranceEnd")


def test_the_servers_public_key() -> None:
    private, body = new_private_key(), sample(REQUEST, NOW)
    headers = {**sent(body), **Signer([], [private]).headers("msg-1", NOW, body)}
    headers = {name: value for name, value in headers.items() if not name.startswith("Webhook")}
    opened = CallbackVerifier(public_keys=[public_key_of(private)], now=lambda: NOW).open(headers, body)
    assert isinstance(opened, TranscriptCallback)


def test_what_is_not_signed_by_us_is_refused() -> None:
    body = sample(REQUEST, NOW)
    headers = sent(body)
    late = CallbackVerifier(SECRET, now=lambda: NOW + 301)
    other = CallbackVerifier(new_signing_secret(), now=lambda: NOW)
    for judge, named, content in (
        (verifier(), headers, body + b" "),
        (verifier(), {}, body),
        (late, headers, body),
        (other, headers, body),
    ):
        with pytest.raises(CallbackRefused) as refused:
            judge.open(named, content)
        assert refused.value.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"metadata":{},"results":{}}'])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused, match="no callback of Ringback") as refused:
        verifier().open(sent(body), body)
    assert refused.value.status == 400


@pytest.mark.parametrize("headers", [{"ringback-status": "x"}, {"ringback-attempt": ""}])
def test_headers_that_cannot_be_read_are_refused(headers: dict[str, str]) -> None:
    body = sample(REQUEST, NOW)
    with pytest.raises(CallbackRefused) as refused:
        verifier().open(sent(body, more=headers), body)
    assert refused.value.status == 400


def test_a_verifier_needs_something_to_verify_with() -> None:
    for secrets in ((), ("whsec_",), ("secret",)):
        with pytest.raises(NotAKey):
            CallbackVerifier(*secrets)
