"""The installed `ringback` as users run it: a process with a data folder and a port."""

import http.client
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from support.openapi import check_answer
from support.ports import free_port
from support.waiting import PATIENCE, wait_until

KEY = "0123456789abcdef0123456789abcdef01234567"
RINGBACK = Path(sys.executable).with_name("ringback")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Program:
    """`ringback serve`, started on entering; killed, children and all, on leaving."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    command: tuple[str, ...] = (str(RINGBACK),)
    process: psutil.Popen | None = None
    checked: bool = False
    """Whether each answer is compared with docs/openapi.json."""
    start_seconds: float = 180
    """A start is mostly imports: four seconds of a processor that may have much else to do."""

    def __enter__(self) -> "Program":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.data_dir / "server.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and return once it answers."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        with (self.data_dir / "server.log").open("ab") as log:
            self.process = psutil.Popen(
                [*self.command, "serve"], env=self._environment(), stderr=log, stdout=log
            )
        self.wait_until(self._answers, self.start_seconds, "the server does not answer")

    def wait_until_ready(self) -> None:
        """Return once the engine is loaded."""
        self.wait_until(lambda: self.get("/v1/status").json()["system_health"] == "Healthy", 180, "no engine")

    def wait_until(self, condition: Callable[[], bool], seconds: float, message: str) -> None:
        """Return once `condition` holds; fails with `message` and the log when it does not in time."""
        wait_until(condition, seconds, lambda: f"{message}:\n{self.log}")

    def kill(self) -> None:
        """kill -9 of the whole tree, as a power cut would."""
        if self.process is None or not self.process.is_running():
            return
        tree = [self.process, *self.process.children(recursive=True)]
        for member in tree:
            if member.is_running():
                member.kill()
        psutil.wait_procs(tree, timeout=PATIENCE)
        self.process = None

    def stop(self, within: float = PATIENCE) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.wait(within))

    def tree(self) -> list[psutil.Process]:
        assert self.process is not None
        return [self.process, *self.process.children(recursive=True)]

    def get(self, path: str, key: str = KEY) -> Reply:
        return self._call("GET", path, key=key)

    def post(self, path: str, document: Any) -> Reply:
        return self._call("POST", path, json.dumps(document).encode(), "application/json")

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Reply:
        """Any request, with headers of the test's choice."""
        return self._call(method, path, body, timeout=timeout, headers=headers)

    def listen(
        self,
        audio: bytes,
        query: str = "",
        content_type: str = "audio/wav",
        timeout: float = PATIENCE,
        key: str = KEY,
    ) -> Reply:
        return self._call("POST", f"/v1/listen?{query}", audio, content_type, timeout, key)

    def request(self, request_id: str) -> Any:
        """The history's record of one request."""
        return self.get(f"/v1/projects/{self.project}/requests/{request_id}").json()["request"]

    @property
    def project(self) -> str:
        return str(self.get("/v1/projects").json()["projects"][0]["project_id"])

    def metric(self, name: str) -> float:
        """The value of one sample, named as `/metrics` writes it, labels and all; 0 where there is none."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
        timeout: float = PATIENCE,
        key: str = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        request = urllib.request.Request(self.url + path, body, method=method)
        request.add_header("Authorization", f"Token {key}")
        if body is not None:
            request.add_header("Content-Type", content_type)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                reply = Reply(answer.status, _lowered(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                reply = Reply(error.code, _lowered(error.headers), error.read())
        if self.checked:
            check_answer(method, path, reply.status, reply.headers, reply.body)
        return reply

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended by itself:\n{self.log}")
        # A connection is not enough: the system takes it once the port is bound, before the server works.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/v1/status/engine")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
        return clean | {
            "RINGBACK_DATA_DIR": str(self.data_dir),
            "RINGBACK_PORT": str(self.port),
            "RINGBACK_API_KEY": KEY,
            "RINGBACK_CALLBACK_ALLOW": "127.0.0.1",
            "RINGBACK_CALLBACK_PORTS": "any",
            **self.settings,
        }


def _lowered(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
