"""Conversations with known turns: composed ones beside the checkout, real ones from other projects' tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness.clips import CORPUS, REPOSITORY

COMPOSED = REPOSITORY.parent / "shared" / "conversations"
MEETINGS = {"dev00": "ami_dev00", "dev01": "ami_dev01", "tst00": "ami_tst00"}
"""Excerpts of AMI: their name in pyannote's files, and in the corpus."""


@dataclass(frozen=True, slots=True)
class Turn:
    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Talk:
    name: str
    path: Path
    turns: tuple[Turn, ...]

    @property
    def people(self) -> int:
        return len({turn.speaker for turn in self.turns})

    def speaking(self, at: float) -> set[str]:
        return {turn.speaker for turn in self.turns if turn.start <= at < turn.end}


def composed(folder: Path = COMPOSED) -> Iterator[Talk]:
    """Each file with an RTTM of the same name; none where the folder is not on this machine."""
    for rttm in sorted(folder.glob("*.rttm")):
        yield Talk(rttm.stem, rttm.with_suffix(".flac"), tuple(_turns(rttm, rttm.stem)))


def real(pyannote: Path | None, falcon: Path | None) -> Iterator[Talk]:
    """Two short recordings of people in a room and on the phone, from copies of `pyannote/pyannote-audio` and
    `Picovoice/falcon`."""
    if pyannote is not None:
        folder = pyannote / "src" / "pyannote" / "audio" / "sample"
        yield Talk("pyannote", folder / "sample.wav", tuple(_turns(folder / "sample.rttm", "sample")))
    if falcon is not None:
        document = json.loads((falcon / "resources" / ".test" / "test_data.json").read_text())
        segments = document["tests"]["diarization_tests"][0]["segments"]
        turns = (Turn(each["start_sec"], each["end_sec"], str(each["speaker_tag"])) for each in segments)
        yield Talk("falcon", falcon / "resources" / "audio_samples" / "test.wav", tuple(turns))


def meetings(pyannote: Path | None) -> Iterator[Talk]:
    """Half minutes of meetings from a microphone on the table, with much overlap."""
    if pyannote is None:
        return
    rttms = sorted((pyannote / "tests" / "data").glob("debug.*.rttm"))
    for uri, name in MEETINGS.items():
        turns = tuple(turn for rttm in rttms for turn in _turns(rttm, uri))
        yield Talk(name, CORPUS / "conv" / f"{name}.flac", turns)


def _turns(rttm: Path, uri: str) -> Iterator[Turn]:
    for line in rttm.read_text().splitlines():
        _, name, _, start, seconds, _, _, speaker, *_ = line.split()
        if name == uri:
            yield Turn(float(start), float(start) + float(seconds), speaker)
