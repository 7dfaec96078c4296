"""Ringback's own decoder, speech finder and recogniser in two threads of one process, and no server.

Each thread takes some clips of like length from file to words, as many as a batch is worth (`BATCH`, or
fewer when fewer clips are under way). A long recording is read by one thread more, which hands its chunks to
the two.

Commands: `paths` and `at_once` (clips, that many under way), or `long` (one recording).
"""

import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from bench.harness.child import Facts, obey, say

THREADS = 2
BATCH = 4

os.environ["OMP_NUM_THREADS"] = "1"

from ringback.audio.encodings import Decoding  # noqa: E402
from ringback.audio.recording import opened  # noqa: E402 - after the environment is set
from ringback.audio.samples import SAMPLE_RATE, Samples  # noqa: E402
from ringback.audio.speech import Silero, SpeechFinder  # noqa: E402
from ringback.engines.base import Recogniser, Task  # noqa: E402
from ringback.engines.registry import ModelCatalogue  # noqa: E402
from ringback.transcript import Word, joined  # noqa: E402

LONGEST_CHUNK = 15.0
TASK = Task("tiny.en", "en")


def main() -> None:
    with tempfile.TemporaryDirectory() as models:
        catalogue = ModelCatalogue("tiny.en", Path(models))
        recogniser = catalogue.load("tiny.en", "cpu", "default", THREADS)
    recogniser.warm()
    silero = Silero()
    say({"pid": os.getpid()})

    def carry_out(command: Facts) -> Facts:
        started = time.monotonic()
        if "long" in command:
            texts = [long_text(Path(command["long"]), recogniser, silero)]
        else:
            texts = clip_texts(
                [Path(path) for path in command["paths"]], command["at_once"], recogniser, silero
            )
        return {"seconds": time.monotonic() - started, "texts": texts}

    obey(carry_out)


def clip_texts(paths: Sequence[Path], at_once: int, recogniser: Recogniser, silero: Silero) -> list[str]:
    size = min(max(at_once // THREADS, 1), BATCH)
    batches = [paths[first : first + size] for first in range(0, len(paths), size)]
    with ThreadPoolExecutor(min(THREADS, at_once)) as threads:
        return list(
            chain.from_iterable(threads.map(lambda batch: batch_texts(batch, recogniser, silero), batches))
        )


def batch_texts(paths: Sequence[Path], recogniser: Recogniser, silero: Silero) -> list[str]:
    found = [
        (number, start, samples)
        for number, path in enumerate(paths)
        for start, samples in chunks(path, silero)
    ]
    words: list[list[Word]] = [[] for _ in paths]
    for first in range(0, len(found), BATCH):
        part = found[first : first + BATCH]
        recognitions = recogniser.recognise([samples for _, _, samples in part], TASK)
        for (number, start, _), recognition in zip(part, recognitions, strict=True):
            words[number] += [word.shifted(start / SAMPLE_RATE) for word in recognition.words]
    return [joined(of_clip) for of_clip in words]


def long_text(path: Path, recogniser: Recogniser, silero: Silero) -> str:
    waiting: queue.Queue[tuple[int, Samples] | None] = queue.Queue(maxsize=3 * THREADS)
    recognised: dict[int, tuple[Word, ...]] = {}

    def work() -> None:
        while (chunk := waiting.get()) is not None:
            (recognition,) = recogniser.recognise([chunk[1]], TASK)
            recognised[chunk[0]] = recognition.words
        waiting.put(None)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for chunk in chunks(path, silero):
        waiting.put(chunk)
    waiting.put(None)
    for thread in threads:
        thread.join()
    return " ".join(joined(recognised[start]) for start in sorted(recognised))


def chunks(path: Path, silero: Silero) -> Iterator[tuple[int, Samples]]:
    """Each chunk's first sample and its samples."""
    finder = SpeechFinder(silero, LONGEST_CHUNK)
    with opened(path, Decoding()) as audio:
        for block in audio.blocks():
            yield from finder.push(block[0])
    yield from finder.finish()


if __name__ == "__main__":
    main()
