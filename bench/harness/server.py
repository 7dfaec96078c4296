"""The installed server, started as a user starts it, with a data folder that lives as long as the run."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

KEY = "0123456789abcdef0123456789abcdef01234567"
HEADERS = {"authorization": f"Token {KEY}"}


class RunningServer:
    """`ringback serve` on a free port; ready, its model loaded, once the `with` is entered."""

    def __init__(self, data_dir: Path | None = None, **settings: str) -> None:
        """`settings` are environment variables without their `RINGBACK_`, in lower case."""
        self._owned = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="ringback-bench-"))
        self.port = free_port()
        self._settings = settings
        self._log = tempfile.NamedTemporaryFile(mode="w+", prefix="ringback-bench-", suffix=".log")  # noqa: SIM115

    def __enter__(self) -> "RunningServer":
        self._process = subprocess.Popen(
            [str(Path(sys.executable).parent / "ringback"), "serve"],
            env=os.environ | self._environment(),
            stdout=self._log,
            stderr=self._log,
        )
        self.pid = self._process.pid
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._owned:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def _environment(self) -> dict[str, str]:
        given = {
            "data_dir": str(self.data_dir),
            "host": "127.0.0.1",
            "port": str(self.port),
            "api_key": KEY,
            "callback_allow": "127.0.0.1",
            "callback_ports": "any",
            **self._settings,
        }
        return {f"RINGBACK_{name.upper()}": value for name, value in given.items()}

    def _wait_until_ready(self, limit: float = 120.0) -> None:
        until = time.monotonic() + limit
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log()[-2000:]}")
            if self._answers_ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server was not ready within {limit} s: {self.log()[-2000:]}")

    def _answers_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v1/status/engine", headers=HEADERS)
            answer = connection.getresponse()
            return answer.status == 200 and b'"ready"' in answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
