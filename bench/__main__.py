"""`python -m bench [NAME …]`: run some benchmarks, or all of them; results go to bench/results/NAME.json."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import accept, cluster, delivery, live, memory, recordings, start, turns, understanding
from bench.harness import clips
from bench.harness.report import Report
from bench.text import formatting

BENCHMARKS: dict[str, Callable[[int], Report]] = {
    "accept": accept.run,
    "recordings": recordings.run,
    "delivery": delivery.run,
    "memory": memory.run,
    "start": start.run,
    "live": live.run,
    "turns": turns.run,
    "cluster": cluster.run,
    "text": lambda _: formatting.run(formatting.TextSets()),
    "understanding": understanding.run,
}

NEEDS = {"delivery": delivery.missing}
"""What a benchmark needs that does not come with the checkout; the others need nothing more."""

SETS = {
    "smart-formatting": "deepgram/llm-smart-formatting-benchmark",
    "nemo": "NVIDIA/NeMo-text-processing",
    "presidio": "microsoft/presidio-research",
    "pairs": "pairs of our own, as JSON",
}
"""What the benchmark of text measures against, none of it in this repository."""

OF_SPEECH = {"recordings", "memory", "live", "turns"}
SPEECH = f" (speech: {clips.source()})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="rounds of each comparison (memory, live, turns: one; delivery, cluster: three at most)",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=ws://HOST:PORT",
        help="live: one more server to measure",
    )
    for name, of in SETS.items():
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help=f"text: a copy of {of}")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    sets = formatting.TextSets(options.smart_formatting, options.nemo, options.presidio, options.pairs)
    benchmarks: dict[str, Callable[[int], Report]] = BENCHMARKS | {
        "live": partial(live.run, peers=options.peer),
        "text": lambda repeats: formatting.run(sets, repeats),
    }
    left_out = 0
    for name in options.names or benchmarks:
        lack = NEEDS[name]() if name in NEEDS else None
        if lack is not None:
            print(f"{name}: not run: {lack}", flush=True)
            left_out += 1
            continue
        print(f"{name}{SPEECH if name in OF_SPEECH else ''}:", flush=True)
        benchmarks[name](options.repeats).write()
    sys.exit(1 if left_out else 0)


if __name__ == "__main__":
    main()
