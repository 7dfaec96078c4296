"""Nothing that callers or receivers wrote commands the terminal, whichever command shows it."""

import asyncio
import http.server
import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from ringback.cli import main
from ringback.cli.output import escape_controls
from ringback.clock import SystemClock
from ringback.keys import ApiKey, secret_hash
from ringback.storage.sqlite import SqliteLedger

BAD = "x\x1b]0;owned\x07\x1b[2J\x1b[8m\x9b31m\x1bPq\x7f\r\nok    fake  line"
"""Title, clear screen, conceal, C1, DCS, delete, and a line that was not printed."""

OURS = re.compile(r"\x1b\[(?:[0-2]|22|3[0-79]|9[0-7])m|\r\x1b\[2K")
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ID = "4f8f2c1e-0000-4000-8000-000000000000"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"RINGBACK_API_KEY": "a-key", **environment}, color=True)


def assert_harmless(done: Result) -> None:
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert not OBEYED.search(OURS.sub("", done.output)), repr(done.output)


class Hostile(http.server.BaseHTTPRequestHandler):
    """A server (and a receiver) whose every text is `BAD`."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        if self.path.endswith("/refused") or "hook" in self.path:
            self.send_response(503)
            self.send_header("dg-error", "no\x1b[2J\x07")
            body = BAD.encode()
        else:
            self.send_response(200)
            body = json.dumps(self._document(), ensure_ascii=False).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _document(self) -> Any:
        path = self.path.partition("?")[0]
        if path == "/v1/projects":
            return {"projects": [{"project_id": "p"}]}
        if path.endswith("/requests"):
            return {"requests": [_request()]}
        if path.endswith("/deliveries"):
            return {"deliveries": [_delivery()], "next": BAD}
        if path.endswith("deliveries/redeliver"):
            return {"matching": 1, "next": None, "first": [BAD]}
        if path.endswith("/redeliver"):
            return {"deliveries": [_delivery()]}
        if path.endswith("/cancel"):
            return {"cancelled": [BAD]}
        if path.endswith("/result"):
            return {"results": {"channels": [{"alternatives": [{"transcript": BAD}]}]}}
        return {"request": _request()}


def _delivery() -> dict[str, Any]:
    attempt = {
        "started": "2026-11-22T10:00:00Z", "outcome": BAD, "code": 503,
        "detail": {"answer": BAD, "address": BAD, "reason": BAD, "phases": {"total": 0.1}},
    }  # fmt: skip
    return {
        "id": BAD, "webhook_id": "w", "request_id": BAD, "created": "2026-11-22T10:00:00Z", "state": BAD,
        "code": 503, "tries": 1, "destination": BAD, "tags": [BAD], "next_attempt_at": "2026-11-22T10:05:00Z",
        "waiting": {"reason": BAD, "until": "2026-11-22T10:05:00Z", "failures": 7},
        "attempts": [attempt],
    }  # fmt: skip


def _request() -> dict[str, Any]:
    ours = {
        "state": BAD, "progress": None, "result_kept": True, "callback_origin": BAD,
        "deliveries": [_delivery()],
    }  # fmt: skip
    return {
        "request_id": BAD, "created": "2026-11-22T10:00:00Z", "method": BAD, "code": 200, "api_key_id": BAD,
        "callback": {"attempts": 1, "code": 503, "completed": None}, "ringback": ours,
        "response": {
            "completed": "2026-11-22T10:00:00Z",
            "details": {"duration": 1.0, "channels": 1, "tags": [BAD]},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--json"),
        ("show", ID),
        ("show", ID, "--json"),
        ("result", ID),
        ("result", "refused/../refused?"),
        ("deliveries",),
        ("redeliver", ID),
        ("redeliver", "--dry-run"),
        ("cancel", ID),
    ],
)
def test_what_a_server_keeps_of_callers_and_receivers(server: str, arguments: tuple[str, ...]) -> None:
    assert_harmless(run("requests", *arguments, "--server", server))


def test_a_servers_refusal(server: str) -> None:
    done = run("requests", "show", "refused", "--server", server)
    assert done.exit_code == 1
    assert_harmless(done)


def test_comments_of_keys_stay_on_their_line(tmp_path: Path) -> None:
    async def fill() -> None:
        async with await SqliteLedger.open(tmp_path / "ringback.db", SystemClock()) as ledger:
            [project] = await ledger.projects()
            key = ApiKey(str(uuid.uuid4()), project.id, BAD, (BAD,), (BAD,), 0.0, None)
            await ledger.add_key(key, secret_hash("other"))

    asyncio.run(fill())
    done = run("keys", "list", "--data-dir", str(tmp_path))
    assert_harmless(done)
    assert done.exit_code == 0
    assert len(done.output.splitlines()) == 1


def test_a_receivers_answer_to_a_trial(server: str) -> None:
    url = server + "/hook"
    done = run("doctor", "callback", url, RINGBACK_CALLBACK_ALLOW="127.0.0.1", RINGBACK_CALLBACK_PORTS="any")
    assert "The beginning of its answer" in done.output
    assert_harmless(done)


def test_arguments_that_are_repeated(tmp_path: Path) -> None:
    for arguments in (
        ("transcribe", str(tmp_path / "no\x1b[2J")),
        ("listen", str(tmp_path / "no\x1b[2J")),
        ("requests", "list", "--server", "\x1b[2J"),
        ("\x1b[2J",),
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert_harmless(done)


@pytest.mark.parametrize(
    "text", ["plain", "ä 日本 🙂", "two\nlines\tand a tab", click.style("red", fg="red", bold=True)]
)
def test_what_harms_nobody_is_left_alone(text: str) -> None:
    assert escape_controls(text) == text


def test_a_document_stays_the_same_document() -> None:
    document = json.dumps({"transcript": BAD}, ensure_ascii=False)
    assert json.loads(escape_controls(document)) == json.loads(document)


def test_a_secret_on_the_command_line_is_warned_of(server: str) -> None:
    warned = run("requests", "list", "--server", server, "--key", "a-key-of-mine")
    assert "set RINGBACK_API_KEY in the environment instead" in warned.stderr
    assert "a-key-of-mine" not in warned.output
    assert "Warning" not in run("requests", "list", "--server", server).output
    with_secret = run("receive", "--secret", "hush")
    assert "set WEBHOOK_SECRET in the environment instead" in with_secret.stderr
    assert "Warning" not in run("receive", WEBHOOK_SECRET="hush").output
