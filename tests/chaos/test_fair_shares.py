"""One key takes all it can get; another key sends a 3-second clip every second, and is served as ever.

Slow hosts, silence of many channels, a flood of recordings, and long recordings of several keys at once.
"""

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.cluster import cluster
from support.encoded import silent_flac
from support.postgres import servers
from support.program import Program
from support.waiting import PATIENCE, real_pause_sync

CLIP = Path(__file__).parent.parent / "audio" / "phone_en_conf_onlyperson.flac"
LONG = int(os.environ.get("CHAOS_ROUNDS", "0")) > 0
CLIPS = 30 if LONG else 5
FLOOD = 300 if LONG else 60
HOURS_OF_SILENCE = 8.0 if LONG else 1.0
LATEST = 3.0
"""Seconds, for the slowest. Of the long form alone, which has the machine to itself: beside the everyday
suite what goes before a clip is counted, not how long it takes."""
MOST_SILENCES = 4
"""Of the long recordings, that end while a clip is transcribed: those in work, of which more than one hardly
ends then."""
MOST_BEFORE = 24
"""Of a flood, in one process: two batches of four for each of two threads, and those in the clip's own."""
NOBODY = "callback=http://127.0.0.1:9/"
"""A receiver that is not there: no caller waits for these results."""


class Drip(BaseHTTPRequestHandler):
    """A host that sends 1.5 KB of audio a second, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        try:
            while not self.server.over.wait(0.5):  # type: ignore[attr-defined] # set below
                self.wfile.write(bytes(750))
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def drip() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    over = server.over = threading.Event()  # type: ignore[attr-defined] # for `Drip`
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/slow.wav"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def silence() -> bytes:
    """Eight silent channels: hours of work in some kilobytes."""
    return silent_flac(HOURS_OF_SILENCE * 3600)


def submit(
    program: Program, body: bytes, key: str, content_type: str = "audio/flac", query: str = ""
) -> None:
    reply = program.listen(body, f"{NOBODY}{query}", content_type, key=key)
    assert reply.status == 200, reply


def new_key(program: Program) -> str:
    reply = program.post(f"/v1/projects/{program.project}/keys", {"comment": "another", "scopes": ["member"]})
    assert reply.status == 200, reply
    return str(reply.json()["key"])


def clip_times(program: Program, key: str) -> list[float]:
    """How long each clip takes, one begun every second."""
    audio, took = CLIP.read_bytes(), []
    for _ in range(CLIPS):
        began = time.monotonic()
        reply = program.listen(audio, "", "audio/flac", timeout=PATIENCE, key=key)
        assert reply.status == 200, reply
        took.append(time.monotonic() - began)
        real_pause_sync(1.0 - took[-1], "a clip is begun every second")
    return took


def ended(programs: Sequence[Program]) -> int:
    """Recordings that these have transcribed."""
    return sum(program.log.count('"event":"transcription.ended"') for program in programs)


def foreign_before(program: Program, others: Sequence[Program], key: str) -> int:
    """How many recordings of others are done while a clip of this key is: a busy machine, which slows down
    both, hardly bends that."""
    before = ended(others)
    reply = program.listen(CLIP.read_bytes(), "", "audio/flac", timeout=PATIENCE, key=key)
    assert reply.status == 200, reply
    return ended(others) - before - 1


def print_times(name: str, quiet: list[float], took: list[float]) -> None:
    print(
        f"{name}: a 3-second clip of another key took {statistics.median(took):.2f} s at the median, "
        f"{max(took):.2f} s at most (when quiet: {statistics.median(quiet):.2f} s)"
    )
    assert not LONG or max(took) < LATEST


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("fair") / "data") as running:
        running.wait_until_ready()
        clip_times(running, new_key(running))
        yield running


@pytest.fixture
def quiet(program: Program) -> list[float]:
    return clip_times(program, new_key(program))


@pytest.mark.alone
@pytest.mark.chaos
def test_hosts_that_send_slowly_hold_up_nobody(program: Program, quiet: list[float]) -> None:
    hog, key = new_key(program), new_key(program)
    with drip() as url:
        for _ in range(12):
            submit(program, json.dumps({"url": url}).encode(), hog, "application/json")
        program.wait_until(
            lambda: program.metric('ringback_jobs{kind="fetch",state="leased"}') == 12, PATIENCE, "no fetches"
        )
        print_times("12 slow hosts", quiet, clip_times(program, key))
        # A clip that waited for one of them would have waited for its end.
        assert program.metric('ringback_jobs{kind="fetch",state="leased"}') == 12


@pytest.mark.alone
@pytest.mark.chaos
def test_a_flood_and_long_silences_of_several_keys_hold_up_nobody(
    program: Program, quiet: list[float], silence: bytes
) -> None:
    hogs, key = [new_key(program) for _ in range(3)], new_key(program)
    done_before = ended([program])
    for hog in hogs[:2]:
        for _ in range(12):
            submit(program, silence, hog, query="&multichannel=true")
    clip_times(program, key)  # while the decoders start
    before = [foreign_before(program, [program], key) for _ in range(CLIPS)]
    remaining = 24 - (ended([program]) - done_before - 2 * CLIPS)
    print(f"24 long silences of two keys: {before} ended before a clip of another key; {remaining} left")
    assert max(before) <= MOST_SILENCES
    assert remaining > 0
    if LONG:
        print_times("24 long silences of two keys", quiet, clip_times(program, key))
    assert program.get("/v1/status").json()["system_health"] == "Healthy"
    if not LONG:
        return  # the engine is shared with all that runs beside the everyday suite
    flood(program, hogs[2], FLOOD)
    print_times(f"the same, and a flood of {FLOOD} recordings", quiet, clip_times(program, key))


@pytest.mark.alone
@pytest.mark.chaos
def test_a_flood_of_one_key_goes_behind_the_clips_of_another(program: Program) -> None:
    hog, key = new_key(program), new_key(program)
    goes_behind("one process", [program], program, hog, key)


@pytest.mark.alone
@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not servers(), reason="needs PostgreSQL")
def test_a_flood_on_two_nodes_goes_behind_the_clips_of_another(tmp_path: Path) -> None:
    with cluster(tmp_path, each=2) as nodes:
        nodes.wait_until_ready()
        api = nodes.of("api")[0]
        hog, key = new_key(api), new_key(api)
        clip_times(api, key)
        quiet = clip_times(api, key)
        goes_behind("two nodes", nodes.of("transcribe"), api, hog, key)
        if LONG:
            flood(api, hog, FLOOD)
            print_times(f"two nodes, a flood of {FLOOD} recordings", quiet, clip_times(api, key))


def flood(program: Program, key: str, count: int) -> None:
    for _ in range(count):
        submit(program, CLIP.read_bytes(), key)


def goes_behind(name: str, nodes: Sequence[Program], api: Program, hog: str, key: str) -> None:
    """What an engine has begun, or holds ready, goes before a clip that comes: no more, however many wait."""
    count, clips = FLOOD * len(nodes), 2
    done_before = ended(nodes)
    flood(api, hog, count)
    before = [foreign_before(api, nodes, key) for _ in range(clips)]
    remaining = count - (ended(nodes) - done_before - clips)
    print(f"{name}: {before} of a flood of {count} were done before a clip of another key; {remaining} left")
    assert max(before) <= MOST_BEFORE * len(nodes)
    assert remaining > 0
