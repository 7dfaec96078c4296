"""A minimal Pipecat pipeline around its Deepgram service; prints as JSON the frames that a bot would get.

Run by `test_pipecat.py` under the interpreter that has Pipecat; it must not import anything of ours.
Arguments: a JSON object with url, key and raw (a file of 16 kHz linear16 samples).
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.workers.runner import WorkerRunner

RATE = 16_000
FRAME = RATE // 50 * 2
"""Bytes of 20 ms."""

MIDDLE = RATE * 2 * 2
"""The byte after 2 s, in the middle of speech: there the feeder waits for text that may still change."""


async def main(given: dict[str, str], sound: bytes) -> None:
    logger.remove()
    collected = {
        "frames": await conversation(given["url"], given["key"], sound),
        "stranger": await conversation(given["url"], "f" * 40, b""),
    }
    print(json.dumps(collected))


class Collector(FrameProcessor):  # type: ignore[misc] # Pipecat's types are not read here
    """Keeps the frames that say what was heard or what went wrong; passes everything on."""

    def __init__(self, collected: list[dict[str, Any]]) -> None:
        super().__init__()
        self.collected = collected
        self.changing = asyncio.Event()
        self.finalized = asyncio.Event()
        self.failed = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, (InterimTranscriptionFrame, TranscriptionFrame)):
            finalized = bool(getattr(frame, "finalized", False))
            self.collected.append({"kind": type(frame).__name__, "text": frame.text, "finalized": finalized})
            if isinstance(frame, InterimTranscriptionFrame):
                self.changing.set()
            if finalized:
                self.finalized.set()
        elif isinstance(frame, ErrorFrame):
            self.collected.append({"kind": "ErrorFrame", "error": frame.error})
            self.failed.set()
        await self.push_frame(frame, direction)


async def conversation(url: str, key: str, sound: bytes) -> dict[str, Any]:
    """One turn: speech at twice its speed, silence, and the pipeline ends."""
    collected: list[dict[str, Any]] = []
    before, after = Collector(collected), Collector(collected)
    options = DeepgramSTTService.Settings(
        smart_format=True, numerals=True, keyterm=["Metformin"], redact=["numbers"], detect_entities=True
    )
    service = DeepgramSTTService(api_key=key, base_url=url, sample_rate=RATE, settings=options)
    worker = PipelineWorker(
        Pipeline([before, service, after]),
        params=PipelineParams(audio_in_sample_rate=RATE),
        cancel_on_idle_timeout=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")  # type: ignore[untyped-decorator] # Pipecat's types are not read here
    async def _started(*_: object) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(started.wait(), 30)
    for start in range(0, len(sound), FRAME):
        piece = sound[start : start + FRAME]
        if start == MIDDLE:
            await asyncio.wait_for(after.changing.wait(), 60)
        await worker.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))
        await asyncio.sleep(0.01)
    if sound:
        await worker.queue_frame(VADUserStoppedSpeakingFrame())
        await asyncio.wait_for(after.finalized.wait(), 60)
    else:
        await asyncio.wait_for(before.failed.wait(), 60)
    ending = time.monotonic()
    await worker.queue_frame(EndFrame())
    await asyncio.wait_for(running, 60)
    return {"heard": collected, "seconds_to_end": time.monotonic() - ending}


arguments = json.loads(sys.argv[1])
asyncio.run(main(arguments, Path(arguments["raw"]).read_bytes()))
