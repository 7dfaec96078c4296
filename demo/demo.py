"""`make demo`: a recording in, a callback out, on this machine.

Starts a server and a callback receiver on free ports of 127.0.0.1 with a data folder that is thrown away,
submits a real recording with `callback=`, watches it being transcribed, and shows the callback as it
arrives. Nothing but the standard library: this is also how any program would use Ringback.
"""

import json
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

RINGBACK = Path(sys.executable).with_name("ringback")
RECORDING = Path(__file__).parent.parent / "tests" / "audio" / "librivox_0920.flac"
PATIENCE = 120.0
"""Seconds for the whole demo; it takes a few."""


class DemoFailed(Exception):
    """Something did not happen; the message says what, and shows what the program said."""


def main() -> int:
    deadline = time.monotonic() + PATIENCE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-demo-")))
            server = start_server(stack, scratch, deadline)
            receiver = stack.enter_context(
                running("receive", "--port", "0", "--times", "1", WEBHOOK_SECRET=signing_secret(server))
            )
            callback = receiver.wait_for(r"(http://127\.0\.0\.1:\d+/)", deadline) + "transcripts"
            run(server, receiver, callback, deadline)
    except DemoFailed as failure:
        print(f"\nThe demo did not work: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\nThat was all. Your own server: make serve   (README.md says more)")
    return 0


def run(server: "Server", receiver: "Program", callback: str, deadline: float) -> None:
    query = urlencode({"callback": callback, "smart_format": "true", "tag": "demo"})
    print(
        f"\n> POST {server.url}/v1/listen?{query}\n>   {RECORDING.name}: {RECORDING.stat().st_size:,} bytes"
    )
    started = time.monotonic()
    accepted = server.ask(f"/v1/listen?{query}", RECORDING.read_bytes())
    print(f"< 200 {json.dumps(accepted)}   ({(time.monotonic() - started) * 1000:.0f} ms)\n")
    watch(server, str(accepted["request_id"]), deadline)
    print("\nThe callback, as the receiver saw it:")
    for line in receiver.rest(deadline):
        print(f"  {line}" if line else "")
    if receiver.process.wait() != 0:
        raise DemoFailed("the receiver found something wrong with the callback, see above.")
    print(f"{time.monotonic() - started:.1f} s from submit to callback.")


def signing_secret(server: "Server") -> str:
    """What the callbacks of this key are signed with: the receiver verifies them."""
    key = server.ask("/v1/auth/token")
    place = f"/v1/projects/{key['project_id']}/keys/{key['api_key_id']}/signing-secret"
    return str(server.ask(place)["signing_secrets"][0]["secret"])


def watch(server: "Server", request_id: str, deadline: float) -> None:
    """Print how far the transcription is, whenever that changes, until it is done."""
    project = server.ask("/v1/projects")["projects"][0]["project_id"]
    displayed = None
    while time.monotonic() < deadline:
        request = server.ask(f"/v1/projects/{project}/requests/{request_id}")["request"]
        line = progress_line(request["ringback"])
        if line != displayed:
            print(line, flush=True)
            displayed = line
        if request["ringback"]["state"] not in {"queued", "leased"}:
            return
        time.sleep(0.05)
    raise DemoFailed("the recording was not transcribed in time.")


def progress_line(facts: dict[str, Any]) -> str:
    progress = facts.get("progress")
    reached = ""
    if isinstance(progress, dict):
        of = f" of {progress['duration']:.1f}" if progress.get("duration") else ""
        reached = f": {progress['seconds']:.1f}{of} s"
    words = {"queued": "waiting", "leased": "transcribing", "done": "transcribed"}
    return f"  … {words.get(str(facts['state']), facts['state'])}{reached}"


class Program:
    """A `ringback` command that runs, and what it says line by line."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self.process = process
        self.name = name
        self.said: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_for(self, pattern: str, deadline: float) -> str:
        """The group of this pattern, from the first line that it is found in."""
        for line in self.rest(deadline):
            if found := re.search(pattern, line):
                return found[1]
        raise DemoFailed(f"`ringback {self.name}` ended:\n{self.last_words()}")

    def rest(self, deadline: float) -> Iterator[str]:
        """Lines as they are said, until the program ends."""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                said = self.last_words()
                raise DemoFailed(f"`ringback {self.name}` took too long. It said:\n{said}") from None
            if line is None:
                return
            yield line

    def last_words(self) -> str:
        return "\n".join(self.said[-20:])

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


@contextmanager
def running(*command: str, **settings: str) -> Iterator[Program]:
    """Run `ringback …` with these settings only; ended with the context, whatever happens."""
    clean = {name: os.environ[name] for name in os.environ if not name.startswith(("RINGBACK_", "WEBHOOK_"))}
    process: subprocess.Popen[str] | None = None
    try:
        with signals_held_back():
            process = subprocess.Popen(
                [RINGBACK, *command],
                env=clean | settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        yield Program(process, command[0])
    finally:
        if process is not None:
            end(process)


def end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """SIGTERM and SIGINT take effect at the end of this context.

    One that came between the fork and the assignment would leave an unknown process.
    """
    came: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in came:
            signal.raise_signal(caught)


class Server:
    """Ringback, as a client sees it."""

    def __init__(self, program: Program, url: str, key: str) -> None:
        self.program = program
        self.url = url
        self._key = key
        # A proxy of the user's has no business between two programs on one machine.
        self._opener = build_opener(ProxyHandler({}))

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """POST the body, or GET where there is none; the JSON that is answered."""
        request = Request(self.url + path, body, {"authorization": f"Token {self._key}"})
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except HTTPError as refusal:
            said = refusal.read().decode(errors="replace")
            raise DemoFailed(f"{path.partition('?')[0]} answered {refusal.code}: {said}") from None
        except OSError as error:
            raise DemoFailed(f"{self.url} cannot be asked: {error}\n{self.program.last_words()}") from None


def start_server(stack: ExitStack, scratch: Path, deadline: float) -> Server:
    """A server that is ready: its recogniser is loaded."""
    print("Starting a server and a receiver on this machine …", flush=True)
    key = secrets.token_hex(20)
    program = stack.enter_context(
        running(
            "serve",
            RINGBACK_DATA_DIR=str(scratch),
            RINGBACK_PORT="0",
            RINGBACK_LOG_FORMAT="json",
            RINGBACK_API_KEY=key,
            RINGBACK_CALLBACK_ALLOW="127.0.0.1",
            RINGBACK_CALLBACK_PORTS="any",
        )
    )
    port = program.wait_for(r'^(?=.*"server\.listening").*"port": ?(\d+)', deadline)
    server = Server(program, f"http://127.0.0.1:{port}", key)
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise DemoFailed(f"the server ended:\n{program.last_words()}")
        try:
            server.ask("/v1/status/engine")
        except DemoFailed:
            time.sleep(0.1)  # 503 while the model is loaded
        else:
            print(f"Ready: {server.url}")
            return server
    raise DemoFailed(f"the server did not become ready:\n{program.last_words()}")


if __name__ == "__main__":
    sys.exit(main())
