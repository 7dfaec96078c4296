"""The installed server, a recording, a place that serves it, and a receiver of callbacks."""

import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import cluster
from support.openapi import check_callback
from support.program import Program
from support.receiver import Receiver

AUDIO = Path(__file__).parent.parent / "audio"


class _Media(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet: the test says what matters."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One process; or, with RINGBACK_TEST_CLUSTER=3, a node that answers, before three of each other role."""
    if "RINGBACK_TEST_CLUSTER" in os.environ:
        each = int(os.environ["RINGBACK_TEST_CLUSTER"])
        with cluster(tmp_path_factory.mktemp("contract"), each) as nodes:
            nodes.wait_until_ready()
            yield nodes.api
        return
    with Program(tmp_path_factory.mktemp("contract"), checked=True) as program:
        program.wait_until_ready()
        yield program


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """What it got is compared with what docs/openapi.json promises to receivers."""
    with Receiver() as receiver:
        yield receiver
    for callback in receiver.received:
        if "webhook-id" in callback.headers:
            check_callback(callback.headers, callback.body)


@pytest.fixture(scope="session")
def clip() -> Path:
    """A committed recording with the words of `spoken`."""
    return AUDIO / "librivox_0920.flac"


@pytest.fixture(scope="session")
def spoken(clip: Path) -> str:
    entries = json.loads((AUDIO / "manifest.json").read_text())
    return next(str(entry["text"]) for entry in entries if entry["path"] == clip.name)


@pytest.fixture(scope="session")
def media_url(clip: Path) -> Iterator[str]:
    """Where the recording can be fetched."""
    handler = functools.partial(_Media, directory=str(clip.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as media:
        threading.Thread(target=media.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{media.server_address[1]}/{clip.name}"
        media.shutdown()
