"""Redaction of what the recogniser really hears: clips of synthetic speech.

    python -m bench.text.redacted_clips FOLDER [--model NAME]

FOLDER is `competitor-formatting/` of deepgram/llm-smart-formatting-benchmark, with 160 clips under
`audio/CLASS/`. It has no licence file, so that none of it is in this repository. Each clip is recognised
once. A card or a social security number is hidden where no digit is left in the text; of `numbers`, the
share of all digits in runs of three and more that are hidden.
"""

import argparse
import asyncio
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ringback import telemetry
from ringback.cli.local_engine import local_engine
from ringback.cli.options import settings_of
from ringback.engines.base import Quality
from ringback.features.finish import finish
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.transcript import Transcript
from ringback.transcription.model import model_for
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser

EACH = {"CREDIT_CARD": ("pci",), "SSN": ("ssn",)}
"""Of which class of clips everything is to be hidden, by which value of `redact`."""


async def recognised(clips: Sequence[Path], model: str | None) -> list[Transcript]:
    """What is heard on each clip, as the model writes it."""
    telemetry.configure("warning", "text")
    settings = settings_of(None, None, model=model)
    options = ListenOptions()
    async with local_engine(settings) as engine:
        info = model_for(options, engine.catalogue)
        await engine.pool.wait_ready()
        recogniser = RecordingRecogniser(
            engine.reader, engine.pool, Progress(), Quality(settings.engine.quality)
        )
        return [
            await recogniser.recognise_recording(clip, JobId(str(uuid.uuid4())), options, info)
            for clip in clips
        ]


def text_of(transcribed: Transcript, *redact: str) -> str:
    options = ListenOptions(punctuate=True, redact=redact)
    return finish(transcribed, options).transcript.channels[0].alternative.text


def digits_in_runs(text: str) -> int:
    """Digits of runs of three and more, whatever stands between the groups."""
    without_labels = re.sub(r"\[[A-Z_]+(_\d+)?\]", " label ", text)
    runs = re.findall(r"\d[\d ,.-]*\d", without_labels)
    return sum(count for run in runs if (count := len(re.sub(r"\D", "", run))) >= 3)


def show(clips: Sequence[Path], transcripts: Sequence[Transcript]) -> None:
    hidden: Counter[str] = Counter()
    total: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    before = after = 0
    for clip, transcribed in zip(clips, transcripts, strict=True):
        for kind, redact in EACH.items():
            text = text_of(transcribed, *redact)
            if clip.parent.name == kind:
                total[kind] += 1
                hidden[kind] += not re.search(r"\d", re.sub(r"\[[A-Z_]+(_\d+)?\]", "", text))
                print(f"  {clip.stem}: {text}")
            else:
                alarms[kind] += "[" in text
        before += digits_in_runs(text_of(transcribed))
        after += digits_in_runs(text_of(transcribed, "numbers"))
    for kind in EACH:
        others = len(clips) - total[kind]
        print(
            f"{kind}: {hidden[kind]} of {total[kind]} hidden; false alarms: {alarms[kind]} of {others} others"
        )
    print(f"numbers: {100 * (before - after) / max(1, before):.1f} % of {before} digits hidden")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    clips = sorted((arguments.folder / "audio").glob("*/*.mp3"))
    if not clips:
        raise SystemExit(
            f"There are no clips in {arguments.folder / 'audio'}: fetch the benchmark's repository."
        )
    show(clips, asyncio.run(recognised(clips, arguments.model)))


if __name__ == "__main__":
    main()
