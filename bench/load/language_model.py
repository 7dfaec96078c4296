"""A language model that answers at once, as a sensible one would, and counts the questions.

Commands: any: how many questions came since the last one, and their bytes.
"""

import sys
from collections import Counter

from bench.harness.child import Facts, obey, say
from bench.harness.clips import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests"))
from support.llm import LlmAnswer, LlmRequest, LlmServer, sensible

counts: Counter[str] = Counter()


def answer(requested: LlmRequest) -> LlmAnswer:
    counts.update(questions=1, bytes=len(requested.raw))
    return sensible(requested)


def report(command: Facts) -> Facts:
    came: Facts = {"questions": counts["questions"], "bytes": counts["bytes"]}
    counts.clear()
    return came


if __name__ == "__main__":
    with LlmServer(answer) as server:
        say({"url": server.url})
        obey(report)
