"""`python -m bench.speakers [--pyannote PATH] [--falcon PATH]`: who spoke, in conversations with known turns.

Recorded and live through the server; cost, memory and seconds of speech with the models in a process of their
own; the composed ones once more with music, noise and silence between their turns, and recomposed; and
sherpa-onnx's diarizer with the same models in another process of the same run, where `make bench` has
installed it.
PATH: copies of `pyannote/pyannote-audio` and `Picovoice/falcon`, whose test folders have the real recordings;
without them those are left out, as the report says.
"""

import argparse
import asyncio
import http.client
import json
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from bench.harness.child import Child
from bench.harness.clips import REPOSITORY
from bench.harness.costs import cpu_seconds, peak_resident, resident
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.speakers.interruptions import interrupted
from bench.speakers.recomposed import recomposed
from bench.speakers.scores import Labelled, Score, speech_right, words_of, words_right
from bench.speakers.talks import Talk, composed, meetings, real
from ringback.audio.encodings import Decoding
from ringback.audio.recording import opened
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.voices import speaker_models_folder

RIVALS = REPOSITORY / ".venvs" / "rivals" / "bin" / "python"
QUICK, INTERRUPTED = "quick", "interrupted"
RECOMPOSED = 20
"""Conversations recomposed, and as many quick ones."""
OURS, LIVE, MODELS, PEER = "recorded", "live", "models", "sherpa-onnx"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speakers", description=__doc__)
    parser.add_argument("--pyannote", type=Path, metavar="PATH")
    parser.add_argument("--falcon", type=Path, metavar="PATH")
    parser.add_argument(
        "--without", action="append", default=[], choices=(LIVE, PEER), help="the two that take longest"
    )
    options = parser.parse_args()
    talks = list(composed())
    sets = {
        "composed": [talk for talk in talks if QUICK not in talk.name],
        QUICK: [talk for talk in talks if QUICK in talk.name],
        "real": list(real(options.pyannote, options.falcon)),
        "meetings": list(meetings(options.pyannote)),
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sets[INTERRUPTED] = list(interrupted(sets["composed"], folder))
        sets["recomposed"] = list(recomposed(sets["composed"], folder, RECOMPOSED, quick=False))
        sets["recomposed quick"] = list(recomposed(sets["composed"], folder, RECOMPOSED, quick=True))
        report = Report(
            "speakers", "conversations with known turns", {name: len(of) for name, of in sets.items()}
        )
        report.notes += [f"{subject}: not run: left out" for subject in options.without]
        listeners = {MODELS: stack.enter_context(Child("bench.speakers.listener"))}
        peer = None if PEER in options.without else _peer(stack, folder, report)
        if peer is not None:
            listeners[PEER] = peer
        loaded = {subject: resident(listener.pid) for subject, listener in listeners.items()}
        server = stack.enter_context(RunningServer())
        run = _Run(report, server, listeners, folder, live=LIVE not in options.without)
        for name, of in sets.items():
            if of:
                run.measure(name, of)
            else:
                report.notes.append(f"{name}: not run: its recordings are not on this machine")
        for subject, listener in listeners.items():
            most = peak_resident(listener.pid)
            report.add(f"memory: {subject}", 0, loaded_mib=loaded[subject], peak_mib=most)
    _judge(report)
    report.write()


class _Run:
    def __init__(
        self,
        report: Report,
        server: RunningServer,
        listeners: Mapping[str, Child],
        folder: Path,
        *,
        live: bool,
    ) -> None:
        self._report, self._server, self._listeners, self._folder = report, server, listeners, folder
        self._live = live

    def measure(self, name: str, talks: Sequence[Talk]) -> None:
        """One line of figures for each subject: words and speech in the right hands, people counted."""
        found: dict[str, list[tuple[Score, Score | None, float, float]]] = {}
        costs = {"false": _Cost(), "true": _Cost()}
        for talk in talks:
            samples = _samples(talk.path)
            wav = _linear16(samples)
            seconds = len(samples) / SAMPLE_RATE
            for diarize, cost in costs.items():
                with cost.of(self._server.pid, seconds):
                    words = _recorded(self._server, _as_wav(wav), f"diarize={diarize}")
            found.setdefault(OURS, []).append((words_right(talk, words), None, 0.0, seconds))
            if self._live:
                live = asyncio.run(_streamed(self._server, wav))
                found.setdefault(LIVE, []).append((words_right(talk, live), None, 0.0, seconds))
            for subject, listener in self._listeners.items():
                stretches, spent = self._ask(listener, wav)
                score = words_right(talk, words_of(words, stretches))
                found.setdefault(subject, []).append((score, speech_right(talk, stretches), spent, seconds))
        for subject, scores in found.items():
            self._add(f"{name}: {subject}", scores)
        for diarize, cost in costs.items():
            self._report.add(f"{name}: recorded, diarize={diarize}", 0, **cost.figures)

    def _add(self, subject: str, scores: Sequence[tuple[Score, Score | None, float, float]]) -> None:
        words = [score for score, _, _, _ in scores]
        speech = [score for _, score, _, _ in scores if score is not None]
        figures = {
            "talks": len(scores),
            "words_percent": _percent(words),
            "counts_right": sum(score.people_found == score.people for score in words),
        }
        spent = sum(each for _, _, each, _ in scores)
        if speech:
            figures["speech_wrong_percent"] = 100 - _percent(speech)
            figures["times_real_time"] = sum(each for _, _, _, each in scores) / spent
        self._report.add(subject, 0, **figures)

    def _ask(self, listener: Child, data: bytes) -> tuple[list[Labelled], float]:
        """Who speaks where, and the seconds of processor time that it took to tell."""
        path = self._folder / "talk.wav"
        path.write_bytes(_as_wav(data))
        answer = listener.ask(path=str(path))
        return [Labelled(*stretch) for stretch in answer["stretches"]], answer["seconds"]


@dataclass
class _Cost:
    """Of the server, over several recordings one after the other."""

    audio: float = 0.0
    processor: float = 0.0
    took: float = 0.0

    @contextmanager
    def of(self, pid: int, seconds: float) -> Iterator[None]:
        before, began = cpu_seconds(pid), time.monotonic()
        yield
        self.audio += seconds
        self.processor += cpu_seconds(pid) - before
        self.took += time.monotonic() - began

    @property
    def figures(self) -> dict[str, float]:
        return {
            "cpu_s_per_audio_minute": 60 * self.processor / self.audio,
            "times_real_time": self.audio / self.took,
        }


def _percent(scores: Sequence[Score]) -> float:
    return 100 * sum(score.right for score in scores) / max(1e-9, sum(score.judged for score in scores))


def _judge(report: Report) -> None:
    """The aims of what was run."""

    def figure(subject: str, name: str) -> float | None:
        return next((run[name] for run in report.runs if run["subject"] == subject), None)

    aims: list[tuple[str, str, Callable[[str, float, float], None], float]] = [
        ("composed: recorded", "words_percent", report.aim_at_least, 99.0),
        ("composed: models", "times_real_time", report.aim_at_least, 50.0),
        ("quick: models", "speech_wrong_percent", report.aim_at_most, 5.0),
        ("real: recorded", "words_percent", report.aim_at_least, 97.0),
        ("meetings: recorded", "words_percent", report.aim_at_least, 77.0),
        ("interrupted: recorded", "words_percent", report.aim_at_least, 99.0),
    ]
    for subject, name, judge, bound in aims:
        if (value := figure(subject, name)) is not None:
            judge(f"{subject}, {name}", value, bound)
    for name in ("composed", INTERRUPTED):
        if (talks := figure(f"{name}: recorded", "talks")) is not None:
            counted = figure(f"{name}: recorded", "counts_right") or 0.0
            report.aim_at_least(f"{name}: recorded, counts_right", counted, talks)
    recorded, live = figure("composed: recorded", "words_percent"), figure("composed: live", "words_percent")
    if recorded is not None and live is not None:
        report.aim_at_most("composed: points that live words are behind recorded ones", recorded - live, 1.0)
    if figure(f"memory: {PEER}", "peak_mib") is not None:
        report.compare(
            f"most memory, to {PEER}'s", "peak_mib", ours=f"memory: {MODELS}", theirs=f"memory: {PEER}"
        )


def _samples(path: Path) -> Samples:
    with opened(path, Decoding()) as recording:
        return np.concatenate([block[0] for block in recording.blocks()])


def _linear16(samples: Samples) -> bytes:
    return (samples * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()


def _as_wav(data: bytes) -> bytes:
    with tempfile.TemporaryFile() as file:
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            out.writeframes(data)
        file.seek(0)
        return file.read()


def _recorded(server: RunningServer, wav: bytes, query: str) -> list[Labelled]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    try:
        connection.request("POST", f"/v1/listen?{query}", body=wav, headers=HEADERS)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return _words(answer["results"]["channels"][0])


async def _streamed(server: RunningServer, data: bytes) -> list[Labelled]:
    """As fast as the server takes it: what it says depends on the sound alone."""
    query = f"encoding=linear16&sample_rate={SAMPLE_RATE}&diarize=true&endpointing=300"
    words: list[Labelled] = []
    async with (
        connect(
            f"ws://127.0.0.1:{server.port}/v1/listen?{query}",
            additional_headers=HEADERS,
            compression=None,
            ping_interval=None,
        ) as socket,
        asyncio.TaskGroup() as group,
    ):

        async def speak() -> None:
            for at in range(0, len(data), SAMPLE_RATE // 5):
                await socket.send(data[at : at + SAMPLE_RATE // 5])
            await socket.send('{"type":"CloseStream"}')

        group.create_task(speak())
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "Results" and message["is_final"]:
                words += _words(message["channel"])
    return words


def _words(channel: dict[str, Any]) -> list[Labelled]:
    return [
        Labelled(word["start"], word["end"], word.get("speaker"))
        for word in channel["alternatives"][0]["words"]
    ]


def _peer(stack: ExitStack, folder: Path, report: Report) -> Child | None:
    """sherpa-onnx with our models, which it wants to describe themselves."""
    has = RIVALS.exists() and any(RIVALS.parent.parent.glob("lib/*/site-packages/sherpa_onnx"))
    models = speaker_models_folder()
    if not has or models is None:
        report.notes.append(f"{PEER}: not run: it is not in .venvs/rivals (make bench installs it)")
        return None
    for name, facts in _DESCRIBED.items():
        weights = (models / f"speaker_{name}.onnx").read_bytes()
        (folder / f"{name}.onnx").write_bytes(weights + b"".join(map(_metadata, facts.items())))
    return stack.enter_context(Child("bench.peers.sherpa_diarizer", str(folder), python=RIVALS))


def _metadata(fact: tuple[str, object]) -> bytes:
    """An entry of `metadata_props` (field 14 of ModelProto), which may follow all other fields."""
    key, value = fact[0].encode(), str(fact[1]).encode()
    entry = b"\n" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    return b"\x72" + bytes([len(entry)]) + entry


_DESCRIBED = {
    "embedding": {
        "framework": "3d-speaker",
        "language": "Chinese-English",
        "sample_rate": SAMPLE_RATE,
        "output_dim": 192,
        "normalize_samples": 1,
        "feature_normalize_type": "global-mean",
    },
    "segmentation": {
        "model_type": "pyannote-segmentation-3.0",
        "num_speakers": 3,
        "powerset_max_classes": 2,
        "num_classes": 7,
        "sample_rate": SAMPLE_RATE,
        "window_size": 160_000,
        "receptive_field_size": 991,
        "receptive_field_shift": 270,
    },
}

if __name__ == "__main__":
    main()
