"""`keyterm`: how many rare terms are written right, with and without them in the request, and what it costs.

`python -m bench.text.keyterms SMART_FORMATTING [MODEL]`: the clips of a copy of
deepgram/llm-smart-formatting-benchmark (no licence file, none of it is here) and the corpus at hand.
The list has the terms that are said, and as many again that are not said. Bare and with terms, in one
process and the same minutes.
"""

import csv
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness.clips import clips, word_error_rate
from bench.harness.report import Report
from ringback.audio.encodings import Decoding
from ringback.audio.recording import opened
from ringback.audio.samples import Samples
from ringback.audio.speech import Silero, SpeechFinder
from ringback.engines.base import Recogniser, Task
from ringback.engines.registry import ModelCatalogue
from ringback.transcript import joined

SAID = (
    *("Metformin", "Amoxicillin", "Lisinopril", "Ibuprofen", "Atorvastatin", "Levothyroxine", "Omeprazole"),
    *("Warfarin", "SSN", "DOB", "APR", "IAX", "Asterisk", "Acme", "AcmeCorp", "MyBiz", "Y Combinator"),
    *("Digium", "Gutenberg", "Gemini", "Quilter", "Kokoro", "Chromecast", "Inter-Asterisk Exchange"),
    *("Katie", "Azure", "Helpdesk", "Springfield", "Prepend"),
)
UNSAID = (
    *("Deepgram", "Kubernetes", "PostgreSQL", "Twilio", "Okta", "Nginx", "Grafana", "Terraform", "Snowflake"),
    *("Salesforce", "HubSpot", "Zendesk", "Metoprolol", "Gabapentin", "Sertraline", "Losartan", "Pfizer"),
    *("Moderna", "Nguyen", "Siobhan", "Xavier", "Joaquin", "Saoirse", "Krzysztof", "Wojciech", "Tanaka"),
    *("Ollivander", "Bratislava", "Reykjavik", "Kyrgyzstan"),
)
TERMS = SAID + UNSAID


@dataclass(frozen=True, slots=True)
class SpokenClip:
    path: Path
    text: str
    exact: bool
    """Whether the text is word for word what is said: only then the error rate counts."""


def spoken_clips(smart_formatting: Path) -> list[SpokenClip]:
    folder = smart_formatting / "competitor-formatting"
    texts = {row["id"]: row["input_text"] for row in csv.DictReader((folder / "manifest.csv").open())}
    found = [SpokenClip(path, texts[path.stem], exact=False) for path in sorted(folder.glob("audio/*/*.mp3"))]
    return found + [SpokenClip(clip.path, clip.text, exact=True) for clip in clips(0.0, 60.0)]


def recognised(
    all_clips: Sequence[SpokenClip], recogniser: Recogniser, task: Task
) -> tuple[list[str], float]:
    """The text of each clip, and the processor's seconds."""
    silero, began = Silero(), time.process_time()
    texts = []
    for clip in all_clips:
        parts = [recogniser.recognise([samples], task)[0].words for samples in chunks(clip.path, silero)]
        texts.append(" ".join(joined(words) for words in parts))
    return texts, time.process_time() - began


def chunks(path: Path, silero: Silero) -> Iterator[Samples]:
    finder = SpeechFinder(silero, 15.0)
    with opened(path, Decoding()) as audio:
        for block in audio.blocks():
            yield from (samples for _, samples in finder.push(block[0]))
    yield from (samples for _, samples in finder.finish())


def times_said(text: str, term: str) -> int:
    plain = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    spoken = " ".join(re.findall(r"[a-z0-9]+", term.lower()))
    return max(len(re.findall(rf"\b{form}s?\b", plain)) for form in (spoken, spoken.replace(" ", "")))


def measure(report: Report, smart_formatting: Path, model: str) -> None:
    found = spoken_clips(smart_formatting)
    with tempfile.TemporaryDirectory() as models:
        recogniser = ModelCatalogue(model, Path(models)).load(model, "cpu", "default", 1)
    for name, terms in (("bare", ()), (f"{len(TERMS)} terms", TERMS)):
        texts, seconds = recognised(found, recogniser, Task(model, "en", terms=terms))
        pairs = [
            (times_said(clip.text, t), times_said(text, t))
            for clip, text in zip(found, texts, strict=True)
            for t in TERMS
        ]
        said = sum(said for said, _ in pairs)
        right = sum(min(pair) for pair in pairs)
        inserted = sum(max(0, written - said) for said, written in pairs)
        exact = [(clip.text, text) for clip, text in zip(found, texts, strict=True) if clip.exact]
        errors = word_error_rate(*zip(*exact, strict=True))
        words, opportunities = sum(len(text.split()) for text in texts), len(pairs)
        figures = {"said": said, "right": right, "inserted": inserted, "chances": opportunities}
        report.add(
            f"keyterm, {model}, {name}",
            0,
            **figures,
            words=words,
            errors_percent=round(errors, 2),
            cpu_s=round(seconds, 1),
        )


if __name__ == "__main__":
    measure(Report("text", "keyterm", {}), Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "tiny.en")
