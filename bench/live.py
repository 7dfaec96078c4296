"""Live streams at the pace of speech: how soon words are shown and final, for how many streams at once.

Each stream is real speech in phrases with pauses, sent as a microphone would: 100 ms of linear16 at a time,
`interim_results=true`, `endpointing=300`. One Finalize comes behind its second phrase, and CloseStream right
behind the last one. Peers that serve the same path get the same streams from the same client, one and two at
once; `bench.peers.live_servers` says how to install them, or how to give others by address.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.harness.child import Child
from bench.harness.clips import clips
from bench.harness.costs import Neighbours, cpu_seconds
from bench.harness.lags import Lags, quantile
from bench.harness.plans import FINALIZED, PAUSE, Plan, phrase, plans
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.peers.live_servers import THREADS, LiveServer, NotInstalled, coro_asr, whisperlivekit

OURS = "ringback"
AT_ONCE = (1, 2, 4, 8, 12, 16, 32, 64)
PEERS_AT_ONCE = (1, 2)
SPREAD = 4.0
"""Seconds over which the streams of a run begin: calls do not begin together."""
SECONDS, PROBE_SECONDS = 28.0, 10.0
"""The least length of a stream; it ends with a phrase."""
SHORTEST_CLIP, LONGEST_CLIP = 4.0, 7.5
PARTIALS = 30
"""Of each of 32 streams at once, in half a minute."""
PROMPT = 2.0
"""Seconds after the endpoint: streams count as served while 95 of 100 finals come within them."""
QUERY = {
    "encoding": "linear16",
    "sample_rate": 16_000,
    "channels": 1,
    "language": "en",
    "punctuate": "true",
    "interim_results": "true",
    "endpointing": 300,
}


def run(_: int, peers: Sequence[str] = ()) -> Report:
    """`peers`: NAME=ws://HOST:PORT, measured after those that are installed here."""
    report = Report(
        "live",
        "Streams of real speech at its own pace through the WebSocket of /v1/listen",
        {
            "streams": AT_ONCE,
            "streams_of_peers": PEERS_AT_ONCE,
            "query": QUERY,
            "frames": "100 ms, sent when their last sample would have been spoken",
            "speech": f"English clips of {SHORTEST_CLIP:g} to {LONGEST_CLIP} s, {PAUSE} s between; each "
            f"stream begins with another one; the streams of a run begin within {SPREAD:g} s",
            "controls": f"Finalize at the end of phrase {FINALIZED + 1}, CloseStream at the end of the last",
            "word_times": "of each clip alone, as a recording, by our engine; results are matched by text",
            "confined": f"server and load generator to {THREADS} cores, recognisers to {THREADS} threads",
            "repeats": "one; figures are over all words, phrases or streams of a run",
        },
    )
    with ExitStack() as stack:
        stack.enter_context(confined())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
        load = stack.enter_context(Child("bench.load.stream"))
        most = str(max(AT_ONCE))
        with RunningServer(
            limits_streams=most, limits_streams_per_key=most, limits_streams_per_project=most
        ) as server:
            phrases = [phrase(clip, server.port) for clip in clips(SHORTEST_CLIP, LONGEST_CLIP)]
            measuring = Measuring(
                load,
                report,
                plans(phrases, folder, max(AT_ONCE), SECONDS),
                plans(phrases, folder, 1, PROBE_SECONDS)[0],
            )
            measuring.measure(LiveServer(OURS, f"ws://127.0.0.1:{server.port}", server.pid, HEADERS), AT_ONCE)
        for peer in (whisperlivekit(), coro_asr(), *map(given, peers)):
            measuring.measure_beside(peer)
    judge(report)
    return report


@contextmanager
def confined() -> Iterator[None]:
    """This process and all that it starts use no more than so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:THREADS])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def given(peer: str) -> AbstractContextManager[LiveServer]:
    name, _, url = peer.partition("=")
    return nullcontext(LiveServer(name, url))


@dataclass(frozen=True, slots=True)
class Measuring:
    load: Child
    report: Report
    spoken: Sequence[Plan]
    probe: Plan
    query: Mapping[str, object] = field(default_factory=lambda: QUERY)

    def measure_beside(self, peer: AbstractContextManager[LiveServer]) -> None:
        try:
            with peer as server:
                self.report.method[server.name] = server.version or "given by address"
                self.measure(server, PEERS_AT_ONCE)
        except NotInstalled as missing:
            self.report.notes.append(f"{missing}: not installed, so not measured")

    def measure(self, server: LiveServer, at_once: Sequence[int]) -> None:
        finalizes = self._finalizes(server)
        for count in at_once:
            spoken, subject = self.spoken[:count], f"{server.name}, {count} at once"
            neighbours = Neighbours(os.getpid())
            before = cpu_seconds(server.pid) if server.pid else 0.0
            streams = self._through(server, spoken, finalize=finalizes)
            spent = cpu_seconds(server.pid) - before if server.pid else None
            lags = Lags()
            for plan, stream in zip(spoken, streams, strict=True):
                lags.add(plan, stream)
            figures = told_of(lags)
            if spent is not None:
                figures["cpu_per_audio_second"] = spent / sum(plan.seconds for plan in spoken)
            figures["others_used_cores"] = neighbours.cores()
            self._note(subject, streams, lags)
            self.report.add(subject, 0, **figures)

    def _finalizes(self, server: LiveServer) -> bool:
        """A stream that does not count: it warms up, and shows whether a Finalize is understood."""
        (result,) = self._through(server, [self.probe], finalize=True)
        if result["code"] == 1000 and any(each["finalized"] for each in result["results"]):
            return True
        why = result.get("error", {}).get("description") or "no result had from_finalize"
        self.report.notes.append(f"{server.name}: Finalize not supported: {why}")
        return False

    def _through(self, server: LiveServer, spoken: Sequence[Plan], *, finalize: bool) -> list[dict[str, Any]]:
        """What came back of these streams, sent at once."""
        streams = [
            {
                "audio": str(plan.audio),
                "starts": SPREAD * number / len(spoken),
                "finalize": plan.finalize if finalize else None,
            }
            for number, plan in enumerate(spoken)
        ]
        url = f"{server.url}/v1/listen?{urlencode(self.query)}"
        answer = self.load.ask(url=url, headers=server.headers, streams=streams)
        came: list[dict[str, Any]] = answer["streams"]
        return came

    def _note(self, subject: str, streams: Sequence[dict[str, Any]], lags: Lags) -> None:
        if not lags.partials:
            self.report.notes.append(f"{subject}: partial results not supported: none came")
        broken = [stream["code"] for stream in streams if stream["code"] != 1000 or stream.get("given_up")]
        if broken:
            self.report.notes.append(f"{subject}: streams that did not end well, with their codes: {broken}")


def told_of(lags: Lags) -> dict[str, float]:
    """What there is to tell: a figure that nothing was measured of is left out."""
    figures: dict[str, float] = {}
    for name, values in (
        ("first_partial", lags.first_partial),
        ("phrase_shown", lags.phrase_shown),
        ("word_shown", lags.word_shown),
        ("word_final", lags.word_final),
        ("endpoint_final", lags.endpoint_final),
        ("closing", lags.closing),
        ("finalizing", lags.finalizing),
    ):
        if values:
            figures[f"{name}_p50"] = quantile(values, 0.5)
            figures[f"{name}_p95"] = quantile(values, 0.95)
            figures[f"{name}_count"] = len(values)
    if lags.final_words:
        figures["churn"] = lags.changed / lags.final_words
    figures["words_matched"] = len(lags.word_final) / lags.known_words
    figures["word_error_rate"] = lags.word_error_rate
    figures["partials_per_stream"] = lags.partials / len(lags.pairs)
    figures["frames_late_by"] = lags.late
    return figures


def judge(report: Report) -> None:
    ours = f"{OURS}, {{}} at once".format
    prompt = list(takewhile(lambda n: report.median(ours(n), "endpoint_final_p95") < PROMPT, AT_ONCE))
    for count in (1, 12):
        for what, figure, most in (
            ("first partial, median", "first_partial_p50", 0.8),
            ("final after the endpoint, 95 of 100", "endpoint_final_p95", 1.2),
            ("final after CloseStream, 95 of 100", "closing_p95", 0.3),
            ("final after Finalize, 95 of 100", "finalizing_p95", 0.3),
        ):
            report.aim_at_most(f"seconds, {what}, {count} at once", report.median(ours(count), figure), most)
    for count, what, figure, most in (
        (16, "a word shown after it was spoken, median", "word_shown_p50", 0.3),
        (32, "first partial, median", "first_partial_p50", 0.6),
        (64, "final after the endpoint, 95 of 100", "endpoint_final_p95", 0.5),
        (64, "final after CloseStream, 95 of 100", "closing_p95", 0.4),
        (64, "final after Finalize, 95 of 100", "finalizing_p95", 0.4),
    ):
        report.aim_at_most(f"seconds, {what}, {count} at once", report.median(ours(count), figure), most)
    partials = report.median(ours(32), "partials_per_stream")
    report.aim_at_least("partials per stream, 32 at once", partials, PARTIALS)
    report.aim_at_least(f"streams whose finals come within {PROMPT:g} s", max(prompt, default=0), 12)
    for name in ("whisperlivekit", "coro-asr"):
        for count in PEERS_AT_ONCE:
            theirs = f"{name}, {count} at once"
            if any(run["subject"] == theirs for run in report.runs):
                what = f"processor time per audio beside {name}'s, {count} at once"
                report.compare(what, "cpu_per_audio_second", ours(count), theirs)
