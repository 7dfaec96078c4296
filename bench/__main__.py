"""`python -m bench [NAME …]`: run some benchmarks, or all of them; results go to bench/results/NAME.json."""

import argparse

from bench import accept, deliveries, memory, recordings

BENCHMARKS = {
    "accept": accept.run,
    "recordings": recordings.run,
    "deliveries": deliveries.run,
    "memory": memory.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each comparison (memory runs once)")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    for name in options.names or BENCHMARKS:
        print(f"{name}:", flush=True)
        BENCHMARKS[name](options.repeats).write()


if __name__ == "__main__":
    main()
