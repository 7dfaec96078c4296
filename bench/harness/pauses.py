"""Labelled pauses of real speech, and what a rule makes of each: a false cut, or a wait.

The labels lie beside the checkout (`shared/labels/turns_dev.json`), none of them in it. Each clip runs once
through voice activity detection, the segmenter and the turn model, as a stream of it would; 3 s of quiet
follow.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness.audio import RATE, decoded
from bench.harness.clips import CORPUS
from ringback.audio.speech import Detector, Silero
from ringback.engines.turn_model import SmartTurn
from ringback.listen.recognition_events import Cause
from ringback.streaming.segmenter import PauseRule, Segmenter, VadWindow
from ringback.streaming.segmenter_steps import FinalSpan, PauseToJudge

LABELS = CORPUS.parent / "labels" / "turns_dev.json"
WINDOW = 512
NEAR = 0.1
"""Seconds by which a pause may begin elsewhere than its label says."""


@dataclass(frozen=True, slots=True)
class PauseLabel:
    clip: str
    start: float
    """Of its silence, in seconds."""
    gap: float
    """Until speech goes on."""
    complete: bool
    group: str


@dataclass(frozen=True, slots=True)
class EndedPause:
    """A pause that ended a turn."""

    start: float
    wait: float


def labels() -> list[PauseLabel]:
    """Pauses that speakers made: not cuts of clips, nor ambiguous ones, nor clips that end unfinished."""
    items = json.loads(LABELS.read_text())["items"]
    return [
        PauseLabel(each["clip"], each["end"], each["gap"], each["label"] == "complete", _group(each))
        for each in items
        if each["where"] in _PAUSES[each["label"]]
    ]


_PAUSES = {"complete": {"end", "shift", "inner"}, "incomplete": {"inner", "hold"}, "clause": set[str]()}


def _group(item: Mapping[str, Any]) -> str:
    if item.get("kind") == "ami":
        return "meetings"
    return "english" if item["lang"] == "en" else "other languages"


class PauseRuns:
    """Runs rules over the labelled clips; what each clip sounds like is looked at once."""

    def __init__(self, model: SmartTurn) -> None:
        self._model = model
        self._silero = Silero()
        self._verdicts: dict[tuple[str, int], float] = {}

    def ends(self, clip: str, endpointing: int | None, rule: PauseRule | None) -> list[EndedPause]:
        """Where turns of the clip end, with plain silence or by a rule."""
        segmenter = Segmenter(endpointing, rule)
        samples, windows = self._clip(clip)
        found: list[EndedPause] = []
        for window in windows:
            steps = segmenter.push_windows([window])
            for pause in [step for step in steps if isinstance(step, PauseToJudge)]:
                steps += segmenter.judge_pause(self._judge(clip, samples, pause))
            for step in steps:
                if isinstance(step, FinalSpan) and step.cause is Cause.ENDPOINT:
                    quiet = segmenter.quiet_since
                    assert quiet is not None
                    found.append(EndedPause(quiet / RATE, (step.end - quiet) / RATE))
        return found

    def _judge(self, clip: str, samples: Any, pause: PauseToJudge) -> float:
        """The same pause of the same turn is judged once, whichever rules ask."""
        key = f"{clip}:{pause.turn.start}", pause.turn.end
        if key not in self._verdicts:
            self._verdicts[key] = self._model.completeness(samples[pause.turn.start : pause.turn.end])
        return self._verdicts[key]

    @cache  # noqa: B019 - one object lives as long as the benchmark
    def _clip(self, clip: str) -> tuple[Any, Sequence[VadWindow]]:
        samples = decoded(CORPUS / Path(clip))
        hiss = np.random.default_rng(1).standard_normal(3 * RATE).astype(np.float32) * 1e-4
        samples = np.concatenate([samples, hiss])
        whole = samples[: len(samples) // WINDOW * WINDOW]
        return samples, Detector(self._silero).judge(whole)


def scores(
    runs: PauseRuns, pauses: Sequence[PauseLabel], endpointing: int | None, rule: PauseRule | None
) -> dict[str, float]:
    """Of each group: the share of unfinished pauses that were cut, and the mean wait where a turn ended."""
    cuts: dict[str, list[bool]] = defaultdict(list)
    waits: dict[str, list[float]] = defaultdict(list)
    ends = {clip: runs.ends(clip, endpointing, rule) for clip in {each.clip for each in pauses}}
    for pause in pauses:
        end = next((each for each in ends[pause.clip] if abs(each.start - pause.start) <= NEAR), None)
        if not pause.complete:
            cuts[pause.group].append(end is not None)
        elif end is not None:
            waits[pause.group].append(end.wait)
    figures: dict[str, float] = {}
    for group, found in sorted(cuts.items()):
        name = group.replace(" ", "_")
        figures[f"{name}_false_cuts"] = sum(found) / len(found)
        figures[f"{name}_pauses"] = len(found)
        figures[f"{name}_wait_mean"] = float(np.mean(waits[group])) if waits[group] else float("nan")
        figures[f"{name}_ends"] = len(waits[group])
    return figures
