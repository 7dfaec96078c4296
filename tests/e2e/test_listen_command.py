"""`ringback listen` beside the installed server: what a person sees, and what a program reads."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing
import pytest

from support.accuracy import word_error_rate
from support.program import KEY, RINGBACK, Program
from support.streamed import Stream, linear16
from support.terminal import lines_on_a_terminal
from support.waiting import PATIENCE

AUDIO = Path(__file__).parent.parent / "audio"
CLIP = AUDIO / "librivox_0930.flac"
SAID = "he might even have been made amiable himself"
TOLERATED = 0.3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("listen")) as program:
        program.wait_until_ready()
        yield program


@pytest.fixture(scope="module")
def raw() -> bytes:
    return linear16(CLIP)


def command_line(server: Program, *arguments: str | Path) -> tuple[list[str], dict[str, str]]:
    """The command and its environment: the server's settings name its address and the key."""
    environment = {"PATH": os.environ["PATH"], "RINGBACK_PORT": str(server.port), "RINGBACK_API_KEY": KEY}
    environment["RINGBACK_DATA_DIR"] = str(server.data_dir / "client")
    return [str(RINGBACK), "listen", *map(str, arguments)], environment


def listen(
    server: Program, *arguments: str | Path, sound: bytes = b"", **more: str
) -> "subprocess.CompletedProcess[str]":
    command, environment = command_line(server, *arguments)
    done = subprocess.run(
        command, env=environment | more, input=sound, capture_output=True, timeout=PATIENCE, check=False
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def messages(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_file_becomes_lines_of_text(server: Program) -> None:
    done = listen(server, CLIP, "--pace", "fast")
    assert (done.returncode, done.stderr) == (0, "")
    assert word_error_rate([(SAID, done.stdout)]) < TOLERATED


def test_each_side_of_a_call_is_heard_by_itself(server: Program, raw: bytes, tmp_path: Path) -> None:
    call = tmp_path / "call.flac"
    silence = np.zeros(len(raw) // 2, np.int16)
    sides = np.stack([np.concatenate([silence, _samples(raw)]), np.concatenate([_samples(raw), silence])])
    with av.open(str(call), "w") as container:
        stream = container.add_stream("flac", rate=16_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(sides.T.reshape(1, -1).copy(), "s16", "stereo")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    done = listen(server, call, "--pace", "fast", "-p", "multichannel=true")
    assert done.returncode == 0, done.stderr
    for channel in (0, 1):
        (recognised,) = re.findall(rf"\[channel {channel}\] (.*)", done.stdout)
        assert word_error_rate([(SAID, recognised)]) < TOLERATED


def _samples(raw: bytes) -> "np.typing.NDArray[np.int16]":
    return np.frombuffer(raw, np.int16)


def test_the_wire_as_json_lines(server: Program, raw: bytes) -> None:
    arguments = ["--json", "--interim", "-p", "tag=kept", "--encoding", "linear16", "--sample-rate", "16000"]
    done = listen(server, "-", "--pace", "real-time", *arguments, sound=raw)
    assert done.returncode == 0, done.stderr
    stream = Stream(messages(done.stdout))
    assert word_error_rate([(SAID, stream.transcript)]) < TOLERATED
    assert stream.interims
    assert stream.metadata["tags"] == ["kept"]


def test_text_changes_in_place_on_a_terminal(server: Program, raw: bytes) -> None:
    middle = len(raw) * 3 // 4
    command, environment = command_line(server, "-", "--encoding", "linear16", "--sample-rate", "16000")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    with process:
        assert process.stdin is not None
        process.stdin.write(raw[:middle])
        process.stdin.flush()
        written = _read(screen)  # In the middle of a sentence: what comes first may still change.
        process.stdin.write(raw[middle:])
        process.stdin.close()
        while piece := _read(screen):
            written += piece
    os.close(screen)
    assert process.returncode == 0, written
    text = written.decode()
    assert "\x1b[2K" in text
    seen = lines_on_a_terminal(text)
    assert seen[-1] == ""
    assert word_error_rate([(SAID, " ".join(seen))]) < TOLERATED


def _read(screen: int) -> bytes:
    """What came; nothing once the program has closed its end, which Linux tells as an error."""
    try:
        return os.read(screen, 65_536)
    except OSError:
        return b""


@contextmanager
def listening_to_a_pipe(server: Program, raw: bytes) -> "Iterator[subprocess.Popen[bytes]]":
    """A command that has got everything and waits for more; it has shown that it is being understood."""
    arguments = ["--json", "--interim", "--encoding", "linear16", "--sample-rate", "16000"]
    command, environment = command_line(server, "-", *arguments)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["type"] == "Results"
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_the_sound_and_shows_the_last_of_the_text(server: Program, raw: bytes) -> None:
    with listening_to_a_pipe(server, raw) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        last = messages(process.stdout.read().decode())
        assert process.wait(timeout=PATIENCE) == 0
    assert last[-1]["type"] == "Metadata"
    # What was on its way may be left out.
    assert 0 < last[-1]["duration"] <= 3.29 + 0.1


def test_a_second_ctrl_c_leaves_at_once(server: Program, raw: bytes) -> None:
    with listening_to_a_pipe(server, raw) as process:
        server.tree()[0].suspend()
        try:
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 130
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            server.tree()[0].resume()


@pytest.mark.skipif(any(Path("/dev/snd").glob("pcmC*D*c")), reason="a real microphone would be opened")
def test_the_microphone(server: Program, raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "sound").write_bytes(raw)
    recorder = tmp_path / "arecord"
    recorder.write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path / 'sound'}\n")
    recorder.chmod(0o700)
    done = listen(server, "mic", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert word_error_rate([(SAID, done.stdout)]) < TOLERATED


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_what_a_stream_calls_back_can_be_watched(server: Program, scheme: str) -> None:
    command = [str(RINGBACK), "receive", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout is not None
            url = re.findall(r"http(://[0-9.:]+/)", receiver.stdout.readline())[0]
            done = listen(server, CLIP, "--pace", "fast", "-p", f"callback={scheme}{url}stream")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            lines = []
            while "the stream has ended, after 3.29 s" not in (line := receiver.stdout.readline()):
                lines.append(line)
            receiver.send_signal(signal.SIGTERM)
            rest = receiver.stdout.read()
            assert receiver.wait(timeout=PATIENCE) == 0
        finally:
            receiver.kill()
    displayed = "".join(lines) + rest
    assert "✗" not in displayed
    assert "0 with something wrong" in displayed
    assert word_error_rate([(SAID, " ".join(re.findall("“(.*)”   \\(final", displayed)))]) < TOLERATED


def test_refusals_are_reported_in_the_servers_words(server: Program) -> None:
    stranger = listen(server, CLIP, "--key", "f" * 40)
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert "The server refused (401): Invalid credentials." in stranger.stderr
    parrot = listen(server, CLIP, "--model", "parrot")
    assert parrot.returncode == 1
    assert "No such model/language/tier combination found." in parrot.stderr


def test_what_is_no_audio_is_reported_with_the_servers_reason(server: Program) -> None:
    done = listen(server, "-", sound=b"these are words, not sound. " * 400)
    assert done.returncode == 1
    assert "The server ended the stream (1008): DATA-0000" in done.stderr
    assert "Traceback" not in done.stderr
