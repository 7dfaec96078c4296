"""A call of ten turns through Pipecat's Flux service; prints as JSON the frames that a bot would get.

Run by `test_flux_clients.py` under the interpreter that has Pipecat; it must not import anything of ours.
Arguments: a JSON object with url, key and raw (a file of 16 kHz linear16 samples).
"""

import asyncio
import json
import sys
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
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.workers.runner import WorkerRunner

RATE = 16_000
PIECE = RATE // 50 * 2
"""Bytes of 20 ms."""
TURNS = 10


class Collector(FrameProcessor):  # type: ignore[misc] # Pipecat's types are not read here
    """Keeps the frames that say what was heard or what went wrong; passes everything on."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[dict[str, Any]] = []
        self.finished = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterimTranscriptionFrame | TranscriptionFrame):
            finalized = bool(getattr(frame, "finalized", False))
            self.frames.append({"kind": type(frame).__name__, "text": frame.text, "finalized": finalized})
        elif isinstance(frame, ErrorFrame):
            self.frames.append({"kind": "ErrorFrame", "text": frame.error, "finalized": False})
        if sum(each["finalized"] for each in self.frames) >= TURNS:
            self.finished.set()
        await self.push_frame(frame, direction)


async def main(given: dict[str, str], sound: bytes) -> None:
    logger.remove()
    before, after = Collector(), Collector()
    url = given["url"].replace("http", "ws", 1)
    service = DeepgramFluxSTTService(
        api_key=given["key"],
        url=f"{url}/v2/listen",
        sample_rate=RATE,
        tag=["ten"],
        settings=DeepgramFluxSTTService.Settings(
            model="flux-general-en",
            eager_eot_threshold=0.4,
            eot_threshold=0.6,
            keyterm=["conference", "amiable"],
        ),
    )
    seen: dict[str, list[str]] = {"on_eager_end_of_turn": [], "on_end_of_turn": [], "on_start_of_turn": []}
    for name, texts in seen.items():
        service.add_event_handler(name, _noting(texts))
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
    for start in range(0, len(sound), PIECE):
        piece = sound[start : start + PIECE]
        await worker.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))
        await asyncio.sleep(0.0025)
    await asyncio.wait_for(after.finished.wait(), 60)
    await worker.queue_frame(EndFrame())
    await asyncio.wait_for(running, 60)
    print(json.dumps({"frames": before.frames + after.frames, **seen}))


def _noting(texts: list[str]) -> Any:
    async def note(_service: object, transcript: str, *_: object) -> None:
        texts.append(transcript)

    return note


arguments = json.loads(sys.argv[1])
asyncio.run(main(arguments, Path(arguments["raw"]).read_bytes()))
