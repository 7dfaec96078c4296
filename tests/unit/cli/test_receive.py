"""The receiver verifies what a callback promises, and counts what it saw."""

import json

from ringback.cli.receive import Ear

BODY = json.dumps({"metadata": {"request_id": "r1"}, "results": {"channels": []}}).encode()


def headers(body: bytes = BODY, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"content-length": str(len(body)), "dg-request-id": "r1", "webhook-id": "w1"} | named


def test_a_sound_callback() -> None:
    ear = Ear()
    judged = ear.judged(headers(), BODY)
    assert [check.ok for check in judged.checks] == [True, True, True]
    assert (ear.received, ear.faulty, judged.times) == (1, 0, 1)


def test_the_same_delivery_again_is_counted() -> None:
    ear = Ear()
    assert [ear.judged(headers(), BODY).times for _ in range(3)] == [1, 2, 3]
    assert ear.judged(headers(webhook_id="w2"), BODY).times == 1
    assert ear.faulty == 0


def test_an_error_object_bears_its_request_id_outside() -> None:
    body = b'{"err_code":"Bad Request","err_msg":"corrupt","request_id":"r1"}'
    assert all(check.ok for check in Ear().judged(headers(body), body).checks)


def test_each_fault_is_told() -> None:
    ear = Ear()
    assert [check.ok for check in ear.judged(headers(content_length="7"), BODY).checks] == [False, True, True]
    assert [check.ok for check in ear.judged(headers(dg_request_id="r2"), BODY).checks] == [True, True, False]
    assert [check.ok for check in ear.judged(headers(b"<html>"), b"<html>").checks] == [True, False, False]
    chunked = {"dg-request-id": "r1"}
    assert [check.ok for check in ear.judged(chunked, BODY).checks] == [False, True, True]
    assert ear.faulty == 4
