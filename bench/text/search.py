"""`search`: how many of the queries that are said are found, and how many of the hits are right.

`python -m bench.text.search [MODEL]`: 150 queries (70 words, 50 pairs, 30 triples) drawn from the texts of
the corpus, over the transcripts of its clips; and the processor's time of 50 queries over an hour of words.
"""

import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.harness.clips import clips
from bench.harness.report import Report
from bench.text.keyterms import chunks
from ringback.audio.speech import Silero
from ringback.engines.base import Task
from ringback.engines.registry import ModelCatalogue
from ringback.features.search import search
from ringback.transcript import Word

QUERIES = {1: 70, 2: 50, 3: 30}
LEAST = (0.29, 0.55, 0.79, 0.91, 0.95, 0.98)
"""Confidences at which a caller may cut: likeness 0.6, 0.7, 0.8, 0.85, 0.9, 0.95."""


def measure(report: Report, model: str) -> None:
    found = clips(0.0, 60.0)
    with tempfile.TemporaryDirectory() as models:
        recogniser = ModelCatalogue(model, Path(models)).load(model, "cpu", "default", 1)
    silero = Silero()
    recognised = [
        [
            w
            for samples in chunks(clip.path, silero)
            for w in recogniser.recognise([samples], Task(model))[0].words
        ]
        for clip in found
    ]
    said = [_words(clip.text) for clip in found]
    for seed in (7, 8, 9):
        _judge(report, said, recognised, _queries(said, random.Random(seed)), seed)
    hour = [word for words in recognised for word in words] * 100
    began = time.process_time()
    search(hour[:9_000], _queries(said, random.Random(7))[:50])
    seconds = round(time.process_time() - began, 2)
    report.add("search, 50 queries", 0, words=len(hour[:9_000]), cpu_s=seconds)


def _judge(
    report: Report,
    said: Sequence[list[str]],
    recognised: Sequence[list[Word]],
    queries: Sequence[str],
    seed: int,
) -> None:
    hits = []
    truth = 0
    for text, words in zip(said, recognised, strict=True):
        for result in search(words, queries):
            times = _times(text, result.query.split())
            truth += times
            hits += [(hit.confidence, number < times) for number, hit in enumerate(result.hits)]
    for least in LEAST:
        confident = [right for confidence, right in hits if confidence >= least - 1e-6]
        figures = {
            "found_percent": round(100 * sum(confident) / max(1, truth), 1),
            "right_percent": round(100 * sum(confident) / max(1, len(confident)), 1),
        }
        report.add(f"search, hits from {least}", seed, **figures)


def _queries(said: Sequence[list[str]], chance: random.Random) -> list[str]:
    queries = []
    for size, count in QUERIES.items():
        grams = {" ".join(text[i : i + size]) for text in said for i in range(len(text) - size + 1)}
        long = sorted(gram for gram in grams if any(len(word) >= 5 for word in gram.split()))
        queries += chance.sample(long, min(count, len(long)))
    return queries


def _times(text: list[str], query: list[str]) -> int:
    return sum(text[i : i + len(query)] == query for i in range(len(text)))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))


if __name__ == "__main__":
    measure(Report("text", "search", {}), sys.argv[1] if len(sys.argv) > 1 else "tiny.en")
