"""Fetching a model with the real hub client from a hub that runs here."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ringback.engines.transducer_weights import NETWORKS, TransducerKind
from support.waiting import PATIENCE

REPOSITORIES = ("/Systran/faster-whisper-small", "/csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHOLE = {
    "config.json": b"{}",
    "tokenizer.json": b'{"added_tokens": []}',
    "vocabulary.txt": b"a\nb\n",
    "model.bin": os.urandom(3_000_000),
    "README.md": b"not wanted",
}


class _Hub(BaseHTTPRequestHandler):
    """The few pages of the hub that fetching a snapshot reads."""

    files: dict[str, bytes]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        headers: dict[str, str] = {}
        if not path.removeprefix("/api/models").startswith(REPOSITORIES):
            status, body = 404, b'{"error": "Repository not found"}'
            headers["X-Error-Code"] = "RepoNotFound"
        elif "/resolve/" in path:
            status, body = 200, self.files[path.rpartition("/")[2]]
            headers |= {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        elif "/tree/" in path:
            status, body = 200, json.dumps(self._tree()).encode()
        else:
            siblings = [{"rfilename": name, "size": len(body)} for name, body in self.files.items()]
            facts = {"id": path.removeprefix("/api/models/"), "sha": COMMIT, "siblings": siblings}
            status, body = 200, json.dumps(facts).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for name, body in self.files.items()
        ]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[str]:
    handler = type("Hub", (_Hub,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def pull(name: str, into: Path, endpoint: str) -> tuple[str, list[tuple[int, int]]]:
    """What came of it, and the progress that was told. The client reads its endpoint when it is imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(into / "home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "no_proxy": "*",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PULL, name, str(into)],
        env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    result, progress = json.loads(done.stdout.splitlines()[-1])
    return result, [(done_bytes, total) for done_bytes, total in progress]


_PULL = """
import json, sys
from pathlib import Path
from ringback.engines.pull import pull
from ringback.errors import Misconfigured

told = []
try:
    result = str(pull(sys.argv[1], Path(sys.argv[2]), lambda done, total: told.append((done, total))))
except Misconfigured as problem:
    result = f"Misconfigured: {problem}"
print(json.dumps([result, told]))
"""


def test_a_model_is_fetched_whole_with_progress(tmp_path: Path) -> None:
    with hub(WHOLE) as endpoint:
        folder, progress = pull("small", tmp_path, endpoint)
    assert folder == str(tmp_path / "small")
    fetched = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    assert fetched == {name: body for name, body in WHOLE.items() if name != "README.md"}
    assert progress
    assert max(done for done, _ in progress) >= len(WHOLE["model.bin"])


def test_what_is_no_model_for_us_is_not_kept(tmp_path: Path) -> None:
    with hub({"config.json": b"{}", "README.md": b"weights for another library"}) as endpoint:
        result, _ = pull("small", tmp_path, endpoint)
    assert "no tokenizer.json, model.bin" in result
    assert not (tmp_path / "small").exists()


def test_an_unknown_model_and_an_unreachable_hub_name_the_fix(tmp_path: Path) -> None:
    with hub(WHOLE) as endpoint:
        assert "Name one of Whisper's sizes" in pull("smal/l", tmp_path, endpoint)[0]
    assert "Check the network" in pull("small", tmp_path, endpoint)[0]


TRANSDUCER = {
    **{f"{part}-epoch-99-avg-1-chunk-16-left-128.int8.onnx": os.urandom(1000) for part in NETWORKS},
    **{f"{part}-epoch-99-avg-1-chunk-16-left-128.onnx": b"larger" for part in NETWORKS},
    "tokens.txt": b"<blk> 0\n",
}


def test_a_transducer_is_fetched_by_its_name(tmp_path: Path) -> None:
    """In one size, with the languages that no file of it tells."""
    with hub(TRANSDUCER) as endpoint:
        folder, _ = pull("zipformer-en", tmp_path, endpoint)
    assert folder == str(tmp_path / "zipformer-en")
    names = {path.name for path in Path(folder).iterdir()}
    assert names == {name for name in TRANSDUCER if "int8" in name} | {"tokens.txt", "ringback.json"}
    info = TransducerKind().describe("zipformer-en", tmp_path)
    assert info.languages == ("en",)


def test_a_transducer_that_has_changed_is_not_kept(tmp_path: Path) -> None:
    with hub({"tokens.txt": b"<blk> 0\n"}) as endpoint:
        result, _ = pull("zipformer-en", tmp_path, endpoint)
    assert "is not the transducer that this version of Ringback knows" in result
    assert not (tmp_path / "zipformer-en").exists()


def test_the_files_of_the_first_pull_are_the_ones_to_be(tmp_path: Path) -> None:
    other = {**WHOLE, "model.bin": b"other weights"}
    with hub(WHOLE) as endpoint:
        pull("small", tmp_path, endpoint)
    recorded = json.loads((tmp_path / "pulled.json").read_text())["small"]
    assert recorded["repository"] == "Systran/faster-whisper-small"
    assert recorded["sha256"]["model.bin"] == hashlib.sha256(WHOLE["model.bin"]).hexdigest()
    shutil.rmtree(tmp_path / "small")
    with hub(other) as endpoint:
        result, _ = pull("small", tmp_path, endpoint)
    assert "its files differ from those of the first pull: model.bin" in result
    assert [path.name for path in tmp_path.iterdir() if "small" in path.name] == []
    with hub(WHOLE) as endpoint:
        assert pull("small", tmp_path, endpoint)[0] == str(tmp_path / "small")


def test_a_model_that_is_here_is_checked_without_the_hub(tmp_path: Path) -> None:
    with hub(WHOLE) as endpoint:
        folder, _ = pull("small", tmp_path, endpoint)
    assert pull("small", tmp_path, endpoint)[0] == folder
    (Path(folder) / "model.bin").write_bytes(b"damaged")
    assert "differ from those of the first pull: model.bin" in pull("small", tmp_path, endpoint)[0]
    assert (Path(folder) / "model.bin").read_bytes() == b"damaged"


def test_what_the_record_says_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "pulled.json").write_text("[")
    with hub(WHOLE) as endpoint:
        result, _ = pull("small", tmp_path, endpoint)
    assert "pulled.json cannot be read" in result
