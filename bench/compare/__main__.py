"""`python -m bench.compare COMMIT [NAME …]`: the work tree beside COMMIT; see bench/results/compare.json."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.compare.probe import PROBES
from bench.harness.report import Report

HERE = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("probe.py")
NOW, BEFORE = "now", "before"
TRIES = 3


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A work tree of the commit."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        tree = Path(folder) / "before"
        git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=HERE, check=True)


def probe(tree: Path, name: str) -> dict[str, float]:
    """One measurement of what lies in a tree, by its own code. A busy machine may need several tries: a
    server must be up in time."""
    path = os.pathsep.join([str(tree), str(tree / "src")])
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, str(PROBE), name],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode == 0:
            figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            return figures
    raise RuntimeError(f"{name} could not be measured in {TRIES} tries; its last words stand above")


def compare(commit: str, names: list[str], rounds: int) -> Report:
    report = Report(
        "compare",
        f"the work tree beside {commit}",
        {
            "order": "by turns, reversed from round to round",
            "cpu_us": "processor time of the server's whole process tree per accept, delivery or recording",
            "aim": "within 5 %",
        },
    )
    with checked_out(commit) as before:
        trees = [(NOW, HERE), (BEFORE, before)]
        for number in range(rounds):
            for name in names:
                for subject, tree in trees if number % 2 == 0 else reversed(trees):
                    report.add(f"{name}, {subject}", number, **probe(tree, name))
    for name in names:
        for figure in ("cpu_us", "per_second"):
            report.compare(f"{name}, {figure}", figure, f"{name}, {NOW}", f"{name}, {BEFORE}")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PROBES)}; none: all")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if unknown := set(options.names) - set(PROBES):
        parser.error(f"nothing is named {', '.join(sorted(unknown))}")
    compare(options.commit, options.names or list(PROBES), options.rounds).write()


if __name__ == "__main__":
    main()
