"""`python -m bench.gpu`: recordings by batch, beside faster-whisper's, and live streams, on a GPU.

`bench/gpu.sh` runs it. Not part of `make bench`: the machine that wrote `bench/results` has no GPU. With
`--device cpu` and small numbers it runs anywhere, which shows that it works, not how fast.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from bench import live
from bench.harness.audio import write_flac
from bench.harness.child import Child
from bench.harness.clips import Clip, clips, word_error_rate
from bench.harness.plans import phrase, plans
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.peers.live_servers import LiveServer

BATCHES = (16, 32, 64, 128, 256)
STREAMS = (64, 128, 256, 512)
LONG_SECONDS = 600.0
ROUNDS = 4
"""So many times a batch of recordings are sent, twice a batch at once."""


@dataclass(frozen=True, slots=True)
class GpuBenchmark:
    report: Report
    device: str
    model: str

    def recordings(self, batch: int, spoken: Sequence[Clip], long: Path, seconds: float) -> None:
        """Many clips at once, which fill the batches, and one recording of ten minutes alone."""
        sent = [spoken[number % len(spoken)] for number in range(ROUNDS * batch)]
        with self._server(batch) as server, Child("bench.load.recordings") as driver:
            ask = {"port": server.port, "headers": HEADERS}
            driver.ask(**ask, paths=[str(clip.path) for clip in sent[:batch]], at_once=batch)
            answer = driver.ask(**ask, paths=[str(clip.path) for clip in sent], at_once=2 * batch)
            alone = driver.ask(**ask, paths=[str(long)], at_once=1)
            self.report.add(
                f"ringback, batches of {batch}",
                0,
                times_real_time=sum(clip.seconds for clip in sent) / answer["seconds"],
                p50_s=answer["p50_s"],
                word_error_rate=word_error_rate([clip.text for clip in sent], answer["texts"]),
                ten_minutes_times_real_time=seconds / alone["seconds"],
                **device_memory(),
            )

    def peer(self, batch: int, long: Path, seconds: float) -> None:
        """faster-whisper's batched pipeline, which batches within one recording alone."""
        options = ("--device", self.device, "--batch", str(batch))
        with Child("bench.peers.whisper_pool", *options) as pool:
            pool.ask(long=str(long))
            answer = pool.ask(long=str(long))
            self.report.add(
                f"faster-whisper, batches of {batch}",
                0,
                ten_minutes_times_real_time=seconds / answer["seconds"],
                **device_memory(),
            )

    def streams(self, counts: Sequence[int], batch: int, folder: Path) -> None:
        with Child("bench.load.stream") as load, self._server(batch) as server:
            phrases = [phrase(clip, server.port) for clip in clips(live.SHORTEST_CLIP, live.LONGEST_CLIP)]
            measuring = live.Measuring(
                load,
                self.report,
                plans(phrases, folder, max(counts), live.SECONDS),
                plans(phrases, folder, 1, live.PROBE_SECONDS)[0],
            )
            measuring.measure(
                LiveServer("ringback", f"ws://127.0.0.1:{server.port}", server.pid, HEADERS), counts
            )

    def _server(self, batch: int) -> RunningServer:
        return RunningServer(
            engine_batch=str(batch),
            engine_device=self.device,
            model=self.model,
            limits_streams="2000",
            limits_streams_per_key="2000",
            limits_streams_per_project="2000",
        )


def device_memory() -> dict[str, float]:
    """MiB in use on the first GPU, by whatever program."""
    if which("nvidia-smi") is None:
        return {}
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    output = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    return {"device_mib": float(output.splitlines()[0])}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--model", default="tiny.en", help="as RINGBACK_MODEL; the peer always has tiny.en")
    parser.add_argument("--batches", type=int, nargs="*", default=BATCHES)
    parser.add_argument("--streams", type=int, nargs="*", default=STREAMS)
    options = parser.parse_args()
    report = Report(
        "gpu",
        "recordings by batch, beside faster-whisper's batched pipeline, and live streams",
        {"device": options.device, "model": options.model, "rounds": ROUNDS, "long_seconds": LONG_SECONDS},
    )
    benchmark = GpuBenchmark(report, options.device, options.model)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
        spoken, long = clips(), folder / "long.flac"
        seconds = write_flac(long, [clip.path for clip in spoken], LONG_SECONDS, 0.6)
        for batch in options.batches:
            benchmark.recordings(batch, spoken, long, seconds)
            if options.model == "tiny.en":
                benchmark.peer(batch, long, seconds)
        if options.streams:
            benchmark.streams(options.streams, max(options.batches, default=0), folder)
    report.write()


if __name__ == "__main__":
    main()
