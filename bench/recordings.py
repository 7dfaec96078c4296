"""Recordings through the whole road, submit to callback, beside faster-whisper and our bare engine.

All subjects hear the same clips in the same order, in turn, on the same machine in the same minutes. The
peers get files and give text; only the server also stores, queues, builds a document and delivers it.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.harness.audio import write_flac
from bench.harness.child import Child, Facts
from bench.harness.clips import Clip, clips, source, word_error_rate
from bench.harness.costs import cpu_seconds
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer

OURS, BARE, PEER, PEER_WORDS = "ringback", "our bare engine", "faster-whisper", "faster-whisper, word times"
PEER_SEQUENTIAL = "faster-whisper, sequential"
AT_ONCE = (1, 4, 16)
CLIPS_AT = {PEER_WORDS: (16,), PEER_SEQUENTIAL: ()}
"""Where not every figure of a subject is wanted. What word times cost shows at one of them; "sequential" is
only another way with long recordings."""
LONG_SECONDS = 600.0
LONG_REPEATS = 3
LONG_PAUSE = 0.6


@dataclass(frozen=True, slots=True)
class Subject:
    """One that turns files into text: how to ask it, and whose processor time that takes."""

    name: str
    pid: int
    clips: Callable[[list[str], int], Facts]
    long: Callable[[str], Facts]


def run(repeats: int) -> Report:
    spoken = clips()
    report = Report(
        "recordings",
        f"{len(spoken)} clips of real speech, and one recording of ten minutes",
        {
            "clips": len(spoken),
            "clips_from": source(),
            "clip_seconds": [min(clip.seconds for clip in spoken), max(clip.seconds for clip in spoken)],
            "audio_seconds": round(sum(clip.seconds for clip in spoken), 1),
            "at_once": AT_ONCE,
            "faster_whisper": "tiny.en int8, greedy, 2 processes of 1 thread; long: 1 process of 2 threads, "
            "batched pipeline of 8, or sequential with its VAD filter",
            "bare_engine": "tiny.en int8, 2 threads of one process, batches of up to 4 clips of like length",
            "ringback": "as installed, every setting at its default, each recording with its callback",
            "word_error_rate": "after Whisper's English normaliser",
            "order": "every subject in turn, the order reversed from repeat to repeat",
        },
    )
    with ExitStack() as stack:
        subjects = started(stack)
        for repeat in range(repeats):
            for at_once in AT_ONCE:
                for subject in subjects if repeat % 2 == 0 else reversed(subjects):
                    if at_once in CLIPS_AT.get(subject.name, AT_ONCE):
                        measure_clips(subject, spoken, at_once, repeat, report)
        measure_long(subjects, spoken, min(repeats, LONG_REPEATS), stack, report)
    judge(report)
    return report


def started(stack: ExitStack) -> list[Subject]:
    server = stack.enter_context(RunningServer())
    driver = stack.enter_context(Child("bench.load.recordings"))

    def through_the_server(paths: list[str], at_once: int) -> Facts:
        return driver.ask(port=server.port, headers=HEADERS, paths=paths, at_once=at_once)

    # The first recordings start the decoding processes; the peers have theirs when they say they are ready.
    through_the_server([str(clip.path) for clip in clips()[:8]], 8)
    subjects = [Subject(OURS, server.pid, through_the_server, lambda path: through_the_server([path], 1))]
    for name, module, arguments in (
        (BARE, "bench.peers.bare_engine", ()),
        (PEER, "bench.peers.whisper_pool", ()),
        (PEER_WORDS, "bench.peers.whisper_pool", ("--word-times",)),
        (PEER_SEQUENTIAL, "bench.peers.whisper_pool", ("--long", "sequential")),
    ):
        subjects.append(of_child(name, stack.enter_context(Child(module, *arguments))))
    return subjects


def of_child(name: str, child: Child) -> Subject:
    return Subject(
        name,
        child.pid,
        lambda paths, at_once: child.ask(paths=paths, at_once=at_once),
        lambda path: child.ask(long=path),
    )


def measure_clips(subject: Subject, spoken: list[Clip], at_once: int, repeat: int, report: Report) -> None:
    before = cpu_seconds(subject.pid)
    answer = subject.clips([str(clip.path) for clip in spoken], at_once)
    spent = cpu_seconds(subject.pid) - before
    audio = sum(clip.seconds for clip in spoken)
    figures = {
        "recordings_per_second": len(spoken) / answer["seconds"],
        "times_real_time": audio / answer["seconds"],
        "cpu_seconds_per_audio_minute": 60 * spent / audio,
        "word_error_rate": word_error_rate([clip.text for clip in spoken], answer["texts"]),
    }
    if "p50_s" in answer:
        figures |= {"p50_s": answer["p50_s"], "max_s": answer["max_s"]}
    report.add(f"{subject.name}, {at_once} at once", repeat, **figures)


def measure_long(
    subjects: list[Subject], spoken: list[Clip], repeats: int, stack: ExitStack, report: Report
) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
    path = folder / "long.flac"
    seconds = write_flac(path, [clip.path for clip in spoken], LONG_SECONDS, LONG_PAUSE)
    said = said_in(spoken, seconds)
    for repeat in range(repeats):
        for subject in subjects if repeat % 2 == 0 else reversed(subjects):
            if subject.name == PEER_WORDS:
                continue
            before = cpu_seconds(subject.pid)
            answer = subject.long(str(path))
            spent = cpu_seconds(subject.pid) - before
            report.add(
                f"{subject.name}, ten minutes",
                repeat,
                times_real_time=seconds / answer["seconds"],
                cpu_seconds_per_audio_minute=60 * spent / seconds,
                word_error_rate=word_error_rate([said], answer["texts"]),
            )


def said_in(spoken: list[Clip], seconds: float) -> str:
    """The text of the clips one after the other, as often as they fit."""
    texts: list[str] = []
    at = 0.0
    while at < seconds - 1.0:
        clip = spoken[len(texts) % len(spoken)]
        texts.append(clip.text)
        at += clip.seconds + LONG_PAUSE
    return " ".join(texts)


def judge(report: Report) -> None:
    for at_once in AT_ONCE:
        name = f"{{}}, {at_once} at once".format
        figure = "recordings_per_second"
        report.aim_ratio(
            f"recordings per second beside faster-whisper, {at_once} at once",
            figure,
            name(OURS),
            name(PEER),
            3.0,
        )
        report.aim_ratio(
            f"recordings per second beside our bare engine, {at_once} at once",
            figure,
            name(OURS),
            name(BARE),
            0.92,
        )
        more = report.median(name(OURS), "word_error_rate") - report.median(name(PEER), "word_error_rate")
        report.aim_at_most(f"points of word error above faster-whisper's, {at_once} at once", more, 0.7)
    most = f"{{}}, {max(AT_ONCE)} at once".format
    cost = "cpu_seconds_per_audio_minute"
    report.compare(
        "processor time per audio, ours beside faster-whisper's, clips", cost, most(OURS), most(PEER)
    )
    long = "{}, ten minutes".format
    for other in (PEER, PEER_SEQUENTIAL, BARE):
        report.compare(f"ten minutes beside {other}", "times_real_time", long(OURS), long(other))
        report.compare(f"its processor time beside {other}", cost, long(OURS), long(other))
