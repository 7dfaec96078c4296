"""A recogniser that answers from a script, for tests. Never a default.

It is chosen by the model name `scripted:/path/script.json`. A segment is answered by one of the script's
`steps`: the first one whose `peak` range holds the segment's loudest sample, else the steps without `peak`,
one after the other and over again. With `bursts` true each sound between silences is answered by its own
step, so that the words depend on the audio and not on how it was cut into segments. A step:

    words     the words to return, spread evenly over the segment or sound
    language  the language it is in; none: the first of the script's `languages`
    peak      [low, high]: only segments or sounds whose loudest sample lies there
    then      "crash" (the process dies), "hang" (the call never returns), "fail" (it raises)
    once      true: `then` happens only the first time, even if the process has been replaced since
    delay     seconds before the answer
"""

import os
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import (
    LanguageProbabilities,
    LoadOptions,
    ModelInfo,
    Recogniser,
    Recognition,
    Task,
)
from ringback.errors import Misconfigured
from ringback.transcript import Word


class ScriptStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: str = ""
    language: str | None = None
    peak: tuple[float, float] | None = None
    then: Literal["answer", "crash", "hang", "fail"] = "answer"
    once: bool = False
    delay: float = 0.0


class RecogniserScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: tuple[ScriptStep, ...]
    languages: tuple[str, ...] = ("en",)
    bursts: bool = False


class ScriptedKind:
    confined = False
    """It marks on the disk which `once` steps have been taken."""

    def names(self, models: Path) -> Sequence[str]:
        return ()

    def describe(self, name: str, models: Path) -> ModelInfo:
        script = _read(Path(name))
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"scripted:{name}"))
        return ModelInfo("scripted", "scripted", "1", identity, script.languages)

    def load(self, name: str, options: LoadOptions) -> Recogniser:
        return Scripted(Path(name), self.describe(name, options.models))


class Scripted:
    """Reads its script once, when it is loaded."""

    device = "cpu"

    def __init__(self, path: Path, info: ModelInfo) -> None:
        self.info = info
        self._path = path
        script = _read(path)
        self._steps = list(enumerate(script.steps))
        self._bursts = script.bursts
        self._turn = 0
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Nothing to do; and no step of the script is used up."""

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        return [self._recognise(segment) for segment in batch]

    def identify(self, batch: Sequence[Samples]) -> list[LanguageProbabilities]:
        return [{self._language(_loudest(segment)): 1.0} for segment in batch]

    def _language(self, peak: float) -> str:
        """That of the step which `peak` chooses; no step is used up."""
        chosen = (step.language for _, step in self._steps if _holds(step, peak))
        return next(chosen, None) or self.info.languages[0]

    def _recognise(self, segment: Samples) -> Recognition:
        parts = _bursts(segment) if self._bursts else [(0, len(segment))]
        return Recognition(tuple(word for first, end in parts for word in self._answer(segment, first, end)))

    def _answer(self, segment: Samples, first: int, end: int) -> tuple[Word, ...]:
        index, step = self._step(_loudest(segment[first:end]))
        if step.delay:
            time.sleep(step.delay)
        if step.then != "answer" and self._still_acts(index, step):
            _act(step.then)
        return _spread(step.words.split(), first / SAMPLE_RATE, end / SAMPLE_RATE)

    def _step(self, peak: float) -> tuple[int, ScriptStep]:
        for index, step in self._steps:
            if _holds(step, peak):
                return index, step
        with self._lock:
            in_turn = [pair for pair in self._steps if pair[1].peak is None]
            self._turn += 1
            return in_turn[(self._turn - 1) % len(in_turn)]

    def _still_acts(self, index: int, step: ScriptStep) -> bool:
        if not step.once:
            return True
        mark = self._path.with_suffix(f".{index}.done")
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _read(path: Path) -> RecogniserScript:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RecogniserScript)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(
            f"the script {path} of the scripted recogniser cannot be read: {error}"
        ) from error


def _act(what: Literal["crash", "hang", "fail"]) -> None:
    if what == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        threading.Event().wait()
    raise RuntimeError("the script says so")


def _loudest(samples: Samples) -> float:
    return float(np.abs(samples).max(initial=0.0))


def _holds(step: ScriptStep, peak: float) -> bool:
    return step.peak is not None and step.peak[0] <= peak <= step.peak[1]


def _spread(words: Sequence[str], start: float, end: float) -> tuple[Word, ...]:
    each = (end - start) / max(1, len(words))
    return tuple(Word(word, start + i * each, start + (i + 1) * each, 1.0) for i, word in enumerate(words))


def _bursts(segment: Samples) -> list[tuple[int, int]]:
    """First and end of each sound that has silence around it, in samples."""
    loud = np.flatnonzero(np.abs(segment) > _SILENCE)
    if not loud.size:
        return []
    gaps = np.flatnonzero(np.diff(loud) > _SHORTEST_GAP)
    firsts = [int(loud[0]), *(int(loud[gap + 1]) for gap in gaps)]
    ends = [*(int(loud[gap]) + 1 for gap in gaps), int(loud[-1]) + 1]
    return list(zip(firsts, ends, strict=True))


_SILENCE = 1e-4
_SHORTEST_GAP = SAMPLE_RATE // 10
