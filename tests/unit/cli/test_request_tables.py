"""What `ringback requests` makes of the server's records."""

from typing import Any

import click
import pytest

from ringback.cli.request_tables import deliveries_table, length, request_page, requests_table, table

ID = "4f8f2c1e-0000-4000-8000-000000000000"


def request(**changed: Any) -> dict[str, Any]:
    return {
        "request_id": ID,
        "created": "2026-11-22T10:00:00.250Z",
        "method": "async",
        "api_key_id": "k",
        "code": 200,
        "response": {
            "code": 200,
            "completed": "2026-11-22T10:00:09.000Z",
            "details": {"duration": 83.4, "channels": 2, "tags": ["night"]},
        },
        "callback": {"attempts": 3, "code": 503, "completed": None},
        **changed,
    }


def delivery(**changed: Any) -> dict[str, Any]:
    return {
        "id": "d",
        "request_id": ID,
        "webhook_id": "d",
        "created": "2026-11-22T10:00:09Z",
        "state": "parked",
        "code": 503,
        "tries": 3,
        "destination": "https://receiver.example:443",
        "tags": [],
        "next_attempt_at": None,
        "attempts": [
            {
                "started": "2026-11-22T10:00:09.000Z",
                "outcome": "server_error",
                "code": 503,
                "detail": {
                    "address": "192.0.2.7",
                    "answer": "try\x1b[2J later",
                    "phases": {"total": 0.0123},
                },
            }
        ],
        **changed,
    }


def plain(lines: Any) -> list[str]:
    return [click.unstyle(line) for line in lines]


@pytest.mark.parametrize(
    ("callback", "reported"),
    [
        (None, "-"),
        ({"attempts": 0, "code": None, "completed": None}, "waiting"),
        ({"attempts": 1, "code": None, "completed": None}, "no answer after 1 try"),
        ({"attempts": 3, "code": 503, "completed": None}, "503 after 3 tries"),
        ({"attempts": 3, "code": 200, "completed": "2026-11-22T10:00:00Z"}, "delivered"),
    ],
)
def test_a_line_tells_how_the_callback_stands(callback: Any, reported: str) -> None:
    heads, line = plain(requests_table([request(callback=callback)]))
    assert line.startswith(f"{ID}  2026-11-22 10:00:00  async   200     1:23   {reported}")
    assert heads.index("CALLBACK") == line.index(reported, 70)
    assert line.endswith("night")


def test_a_request_that_runs_has_no_status_yet() -> None:
    running = request(code=None)
    running["response"]["details"]["duration"] = 0.0
    _, line = plain(requests_table([running]))
    assert "async   -       -" in line


def test_a_delivery_that_is_done_was_delivered() -> None:
    _, first, second = plain(deliveries_table([delivery(), delivery(state="done", code=200)]))
    assert "parked     503   3      -           https://receiver.example:443" in first
    assert "delivered  200" in second


def test_what_waits_behind_a_breaker_says_so() -> None:
    at = "2026-11-22T10:05:00Z"
    waiting = {"reason": "breaker", "until": at, "failures": 7}
    behind = delivery(state="queued", code=None, tries=0, attempts=[], next_attempt_at=at, waiting=waiting)
    probed = {**behind, "next_attempt_at": None, "waiting": {**waiting, "until": None}}
    later = {**behind, "waiting": {"reason": "schedule", "until": at, "failures": None}}
    _, *lines = plain(deliveries_table([behind, probed, later]))
    assert "0      2026-11-22 10:05:00 (breaker)  https" in lines[0]
    assert "0      - (breaker)                    https" in lines[1]
    assert "0      2026-11-22 10:05:00            https" in lines[2]
    ours = {
        "state": "done",
        "progress": None,
        "result_kept": True,
        "callback_origin": None,
        "deliveries": [behind, {**behind, "state": "held", "waiting": {"reason": "order", "until": None}}],
    }
    page = "\n".join(plain(request_page(request(ringback=ours))))
    assert (
        "next attempt 2026-11-22 10:05:00 UTC: 7 attempts in a row failed here; "
        "the receiver gets one delivery at a time until one succeeds"
    ) in page
    assert "it goes after those before it" in page


def test_a_page_tells_all_and_what_to_do() -> None:
    ours = {
        "state": "done",
        "progress": None,
        "result_kept": True,
        "callback_origin": "https://receiver.example:443",
        "deliveries": [delivery(), delivery(id="e", state="queued", next_attempt_at="2026-11-22T10:05:00Z")],
    }
    lines = plain(request_page(request(ringback=ours)))
    page = "\n".join(lines)
    assert "State     done 200" in page
    assert "Audio     1:23, 2 channels" in page
    assert "server_error 503  12 ms  192.0.2.7" in page
    assert "webhook-id d: it was sent before" in page
    assert "next attempt 2026-11-22 10:05:00 UTC" in page
    assert "\x1b" not in page
    assert lines[-1] == f"To send it again: ringback requests redeliver {ID}"


def test_a_page_of_what_runs_tells_how_far_it_is() -> None:
    ours = {
        "state": "leased",
        "progress": {"seconds": 61.0, "duration": 3_700.0},
        "result_kept": False,
        "callback_origin": None,
        "deliveries": [],
    }
    running = request(code=None, ringback=ours)
    assert "State     leased, 1:01 of 1:01:40 heard" in plain(request_page(running))


def test_callers_words_move_no_cursor() -> None:
    odd = request()
    odd["response"]["details"]["tags"] = ["\x1b[2Jtag"]
    assert "\x1b[2J" not in "".join(requests_table([odd]))


def test_colours_take_no_room() -> None:
    lines = list(table(("A", "B"), [(click.style("ab", fg="red"), "c"), ("abcd", "c")]))
    assert plain(lines) == ["A     B", "ab    c", "abcd  c"]


@pytest.mark.parametrize(("seconds", "reported"), [(0.0, "-"), (5.4, "0:05"), (3_599.6, "1:00:00")])
def test_lengths(seconds: float, reported: str) -> None:
    assert length(seconds) == reported
