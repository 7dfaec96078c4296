"""The receiver verifies what a callback promises, and counts what it saw."""

import json
import time

import pytest
from click.testing import CliRunner

from ringback.callbacks.signing import Signer, Verifier, new_private_key, new_signing_secret, public_key_of
from ringback.cli.receive import CallbackChecker, command
from ringback.errors import Misconfigured

BODY = json.dumps({"metadata": {"request_id": "r1"}, "results": {"channels": []}}).encode()


def headers(body: bytes = BODY, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"content-length": str(len(body)), "dg-request-id": "r1", "webhook-id": "w1"} | named


def test_a_sound_callback() -> None:
    checker = CallbackChecker()
    judged = checker.check_callback(headers(), BODY)
    assert [check.ok for check in judged.checks] == [True, True, True]
    assert (checker.received, checker.faulty, judged.times) == (1, 0, 1)


def test_the_same_delivery_again_is_counted() -> None:
    checker = CallbackChecker()
    assert [checker.check_callback(headers(), BODY).times for _ in range(3)] == [1, 2, 3]
    assert checker.check_callback(headers(webhook_id="w2"), BODY).times == 1
    assert checker.faulty == 0


def test_an_error_object_bears_its_request_id_outside() -> None:
    body = b'{"err_code":"Bad Request","err_msg":"corrupt","request_id":"r1"}'
    assert all(check.ok for check in CallbackChecker().check_callback(headers(body), body).checks)


def test_each_fault_is_reported() -> None:
    checker = CallbackChecker()
    assert [check.ok for check in checker.check_callback(headers(content_length="7"), BODY).checks] == [
        False,
        True,
        True,
    ]
    assert [check.ok for check in checker.check_callback(headers(dg_request_id="r2"), BODY).checks] == [
        True,
        True,
        False,
    ]
    assert [check.ok for check in checker.check_callback(headers(b"<html>"), b"<html>").checks] == [
        True,
        False,
        False,
    ]
    chunked = {"dg-request-id": "r1"}
    assert [check.ok for check in checker.check_callback(chunked, BODY).checks] == [False, True, True]
    assert checker.faulty == 4


def test_a_message_of_a_live_stream_is_about_the_stream_of_its_handshake() -> None:
    checker = CallbackChecker()
    handshake = {"dg-request-id": "r1"}
    results = b'{"type":"Results","metadata":{"request_id":"r1"}}'
    assert all(check.ok for check in checker.check_message(handshake, results).checks)
    assert all(check.ok for check in checker.check_message(handshake, b'{"type":"SpeechStarted"}').checks)
    assert (checker.received, checker.faulty) == (2, 0)
    stray = checker.check_message({"dg-request-id": "r2"}, results)
    assert [check.ok for check in stray.checks] == [True, False]
    assert checker.faulty == 1


SECRET, PRIVATE = new_signing_secret(), new_private_key()


@pytest.mark.parametrize(
    "verifier", [Verifier.of([new_signing_secret(), SECRET], []), Verifier.of([], [public_key_of(PRIVATE)])]
)
def test_a_signature_is_verified_with_either_key(verifier: Verifier) -> None:
    checker = CallbackChecker(verifier)
    signed = headers() | Signer([SECRET], [PRIVATE]).headers("w1", time.time(), BODY)
    assert [check.ok for check in checker.check_callback(signed, BODY).checks] == [True] * 4
    assert checker.faulty == 0


def test_a_callback_of_somebody_else_or_of_yesterday_is_reported() -> None:
    checker = CallbackChecker(Verifier.of([SECRET], []))
    forged = Signer([new_signing_secret()], []).headers("w1", time.time(), BODY)
    old = Signer([SECRET], []).headers("w1", time.time() - 86_400, BODY)
    said = [str(checker.check_callback(headers() | more, BODY).checks[-1]) for more in ({}, forged, old)]
    assert "there is no webhook-timestamp" in said[0]
    assert "no signature fits" in said[1]
    assert "s off" in said[2]
    assert checker.faulty == 3


def test_what_is_no_key_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (["--secret", "hush"], ["--public-key", "hush"]):
        caught = CliRunner().invoke(command, given).exception
        assert isinstance(caught, Misconfigured)
        assert "hush" not in str(caught)
    monkeypatch.setenv("WEBHOOK_SECRET", f"{SECRET} hush")
    assert isinstance(CliRunner().invoke(command, []).exception, Misconfigured)
