"""Turn-based streams (`/v2/listen`): false cuts and waits beside plain silence, and how soon a turn is
reported.

First, over labelled pauses of real speech: how many pauses in the middle of a turn are cut, and how long an
end is waited for, by the rule at several thresholds and by silence alone. Then through the socket, at the
pace of speech: StartOfTurn, EagerEndOfTurn and EndOfTurn of phrases with pauses behind them, for several
streams at once.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.harness.child import Child
from bench.harness.clips import clips
from bench.harness.costs import Neighbours, cpu_seconds
from bench.harness.lags import quantile
from bench.harness.pauses import LABELS, PauseRuns, labels, scores
from bench.harness.plans import Placed, Plan, phrase, plans
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.live import LONGEST_CLIP, SHORTEST_CLIP, SPREAD, confined
from ringback.engines.turn_model import SmartTurn, turn_model_file
from ringback.listen.turn_confidence import TurnPauses, TurnThresholds

AT_ONCE = (1, 4, 8, 12, 16)
SECONDS = 28.0
PAUSE = 2.0
"""Seconds of quiet behind each phrase: longer than any end is waited for at the threshold below."""
QUERY = {
    "model": "flux-general-en",
    "encoding": "linear16",
    "sample_rate": 16_000,
    "eot_threshold": 0.7,
    "eager_eot_threshold": 0.5,
}
SILENCES = (300, 500, 700, 1000)
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
PROMPT = 1.0
"""Seconds: streams count as served while 95 of 100 ends are reported so soon after they were decided."""


def run(_: int) -> Report:
    report = Report(
        "turns",
        "Turn-based streams: false cuts and waits, and how soon turns are reported",
        {
            "pauses": "turns_dev.json, on which the confidence was chosen; no cuts, no ambiguous ones",
            "streams": AT_ONCE,
            "query": QUERY,
            "speech": f"English clips of {SHORTEST_CLIP:g} to {LONGEST_CLIP} s, {PAUSE} s between",
            "repeats": "one",
        },
    )
    judge_pauses(report)
    with ExitStack() as stack:
        stack.enter_context(confined())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
        load = stack.enter_context(Child("bench.load.turns"))
        most = str(max(AT_ONCE))
        with RunningServer(
            limits_streams=most, limits_streams_per_key=most, limits_streams_per_project=most
        ) as server:
            phrases = [phrase(clip, server.port) for clip in clips(SHORTEST_CLIP, LONGEST_CLIP)]
            spoken = plans(phrases, folder, max(AT_ONCE), SECONDS, pause=PAUSE)
            _through(load, server.port, spoken[:1])  # warms up
            for count in AT_ONCE:
                measure(report, load, server, spoken[:count])
    prompt = takewhile(lambda n: report.median(f"{n} at once", "end_decided_p95") < PROMPT, AT_ONCE)
    report.aim_at_least(
        f"streams whose ends are reported {PROMPT:g} s after the silence", max(prompt, default=0), 12
    )
    return report


def judge_pauses(report: Report) -> None:
    """The rule beside plain silence, on the same pauses."""
    file = turn_model_file()
    if file is None or not LABELS.exists():
        report.notes.append("labelled pauses, or the turn model, are not here: waits were not judged")
        return
    runs, pauses = PauseRuns(SmartTurn(file)), labels()
    for milliseconds in SILENCES:
        report.add(f"silence {milliseconds} ms", 0, **scores(runs, pauses, milliseconds, None))
    for threshold in THRESHOLDS:
        rule = TurnPauses(TurnThresholds(threshold))
        report.add(f"threshold {threshold}", 0, **scores(runs, pauses, None, rule))


def measure(report: Report, load: Child, server: RunningServer, spoken: Sequence[Plan]) -> None:
    neighbours = Neighbours(os.getpid())
    before = cpu_seconds(server.pid)
    streams = _through(load, server.port, spoken)
    spent = cpu_seconds(server.pid) - before
    lags: dict[str, list[float]] = {"start": [], "eager": [], "end": [], "end_decided": []}
    phrases = 0
    for plan, stream in zip(spoken, streams, strict=True):
        for placed in plan.phrases[:-1]:  # behind the last one the stream ends
            phrases += 1
            for name, lag in _lags(placed, stream["events"]).items():
                lags[name].append(lag)
    figures: dict[str, float] = {"phrases": phrases}
    for name, values in lags.items():
        if values:
            figures[f"{name}_p50"] = quantile(values, 0.5)
            figures[f"{name}_p95"] = quantile(values, 0.95)
            figures[f"{name}_count"] = len(values)
    figures["cores_per_stream"] = spent / sum(plan.seconds for plan in spoken)
    figures["frames_late_by"] = max(stream["late"] for stream in streams)
    figures["others_used_cores"] = neighbours.cores()
    bad = [stream["code"] for stream in streams if stream["code"] != 1000]
    if bad:
        report.notes.append(f"{len(spoken)} at once: streams that did not end well, with their codes: {bad}")
    report.add(f"{len(spoken)} at once", 0, **figures)


def _lags(placed: Placed, events: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Seconds after the phrase began, or ended; `end_decided`: after the silence that ended it was spoken."""
    found: dict[str, float] = {}
    for event in events:
        until, at = event["until"], event["at"]
        behind = placed.end - 0.05 <= until <= placed.end + PAUSE
        if event["event"] == "StartOfTurn" and placed.start <= until <= placed.end + 0.3:
            found.setdefault("start", at - placed.start)
        elif event["event"] == "EagerEndOfTurn" and behind:
            found.setdefault("eager", at - placed.end)
        elif event["event"] == "EndOfTurn" and behind:
            found.setdefault("end", at - placed.end)
            found.setdefault("end_decided", at - until)
    return found


def _through(load: Child, port: int, spoken: Sequence[Plan]) -> list[dict[str, Any]]:
    """What came back of these streams, sent at once."""
    streams = [
        {"audio": str(plan.audio), "starts": SPREAD * number / len(spoken)}
        for number, plan in enumerate(spoken)
    ]
    url = f"ws://127.0.0.1:{port}/v2/listen?{urlencode(QUERY)}"
    came: list[dict[str, Any]] = load.ask(url=url, headers=HEADERS, streams=streams)["streams"]
    return came
