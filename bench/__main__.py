"""`python -m bench [NAME …]`: run some benchmarks, or all of them; results go to bench/results/NAME.json."""

import argparse
from functools import partial

from bench import accept, cluster, delivery, live, memory, recordings

BENCHMARKS = {
    "accept": accept.run,
    "recordings": recordings.run,
    "delivery": delivery.run,
    "memory": memory.run,
    "live": live.run,
    "cluster": cluster.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="rounds of each comparison (memory and live run once, delivery and cluster three times at most)",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=ws://HOST:PORT",
        help="live: one more server to measure",
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    benchmarks = BENCHMARKS | {"live": partial(live.run, peers=options.peer)}
    for name in options.names or benchmarks:
        print(f"{name}:", flush=True)
        benchmarks[name](options.repeats).write()


if __name__ == "__main__":
    main()
