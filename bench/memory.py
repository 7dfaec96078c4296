"""How much more memory the whole process tree holds at its peak, over idle with the model loaded.

Three cases, each on a fresh server: an upload of two gigabytes (silence, made while it is sent), and a
recording of three hours of speech, without and with speakers. All have a callback, and end when it has come.
"""

import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench.harness.audio import wav_header, write_flac
from bench.harness.child import Child
from bench.harness.clips import clips
from bench.harness.costs import MemoryWatch, cpu_seconds, memory_by_process, resident
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer

UPLOAD_BYTES = 2_000_000_000
RATE, CHANNELS, BITS = 48_000, 2, 24
LONG_SECONDS = 3 * 3600.0
MOST = 286.0
"""MiB over idle: 300 MB."""
IDLE_SECONDS = 3.0
BLOCK = bytes(1 << 20)


def run(_: int) -> Report:
    report = Report(
        "memory",
        "Peak memory of the server's process tree over idle with the model loaded",
        {
            "measure": "proportional set size summed over the tree, sampled every 0.1 s, MiB",
            "bound": "high_water: each process's own resident peak as the kernel keeps it, summed; shared "
            "pages count once per process, so this is more than was ever in use",
            "idle": "median over 3 s, after the engine is ready and before the first request",
            "repeats": "one; each case on a fresh server",
            "upload": f"{UPLOAD_BYTES} bytes of WAV, {RATE} Hz, {CHANNELS} channels, {BITS} bits, silence",
            "long": f"{LONG_SECONDS / 3600:g} hours of speech as FLAC, 16 kHz mono",
        },
    )
    measure("two gigabytes uploaded", upload, report)
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        path = Path(folder) / "long.flac"
        write_flac(path, [clip.path for clip in clips()], LONG_SECONDS)

        def three_hours(port: int, target: str) -> None:
            send(port, target, file_blocks(path), path.stat().st_size)

        measure("three hours of speech", three_hours, report)
        measure("three hours of speech, with speakers", three_hours, report, diarize="true")
    return report


def measure(case: str, submit: Callable[[int, str], None], report: Report, **options: str) -> None:
    with RunningServer() as server, Child("bench.load.receiver") as receiver:
        resting = MemoryWatch(server.pid)
        time.sleep(IDLE_SECONDS)
        resting.end()
        receiver.ask(expect=1)
        target = "/v1/listen?" + urlencode(
            {"callback": f"http://127.0.0.1:{receiver.facts['ports'][0]}/done", **options}
        )
        watch = MemoryWatch(server.pid)
        idle_resident, before, started = resident(server.pid), cpu_seconds(server.pid), time.monotonic()
        submit(server.port, target)
        uploaded = time.monotonic()
        if not receiver.ask(wait=3600)["count"]:
            raise RuntimeError(f"{case}: no callback came: {server.log()[-2000:]}")
        ended = time.monotonic()
        peak = watch.end()
        report.add(
            case,
            0,
            idle_pss=resting.median,
            peak_pss=peak.pss,
            rise_pss=peak.pss - resting.median,
            rise_high_water=peak.high_water - idle_resident,
            upload_seconds=uploaded - started,
            seconds_until_callback=ended - started,
            cpu_seconds=cpu_seconds(server.pid) - before,
        )
        report.notes.append(f"{case}, at the end, MiB (PSS): {memory_by_process(server.pid)}")
    report.aim_at_most(f"MiB over idle, {case}", peak.pss - resting.median, MOST)


def upload(port: int, target: str) -> None:
    frames = (UPLOAD_BYTES - 44) // (CHANNELS * BITS // 8) * (CHANNELS * BITS // 8)
    send(port, target, silence(frames), 44 + frames)


def silence(data_bytes: int) -> Iterator[bytes]:
    yield wav_header(data_bytes, RATE, CHANNELS, BITS)
    for at in range(0, data_bytes, len(BLOCK)):
        yield BLOCK[: data_bytes - at]


def file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(len(BLOCK)):
            yield block


def send(port: int, target: str, blocks: Iterator[bytes], size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", target, blocks, HEADERS | {"content-length": str(size)})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {body!r}")
    connection.close()
