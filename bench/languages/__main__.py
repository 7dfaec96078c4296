"""`python -m bench.languages [COUNT]`: languages of mixtures, recorded, through the server with Whisper base.

What is right is told by the clip in which the middle of a word lies. Needs the extra `multilingual`.
"""

import http.client
import json
import sys
from collections.abc import Sequence
from typing import Any

from bench.harness.costs import cpu_seconds
from bench.harness.report import Report
from bench.harness.server import HEADERS, RunningServer
from bench.languages.mixtures import LanguageClip, Mixture, joined, language_clips, pairs, switching

LEAST_STRETCH = 2.0
"""Seconds; shorter clips are insertions, for which nothing is promised."""
NEITHER = range(40, 61)
"""Per cent of the time in one of two languages in which neither is dominant."""


def main(count: int) -> None:
    clips = language_clips()
    report = Report("languages", "mixtures of clips in several languages", {"mixtures": count})
    with RunningServer(model="base") as server:
        mixtures = list(switching(clips, count))
        words_of_switching(server, mixtures, report)
        cost_of_one_language(server, mixtures, report)
        for first, second in (("es", "en"), ("en", "es")):
            detection(server, f"{first}, then {second}", list(pairs(clips, first, second)), report)
        long = [clip for clip in clips if 5.0 <= clip.seconds <= 30.0][: 2 * count]
        detection(server, "one language, 5 s and more", [alone(clip) for clip in long], report)
    report.write()


def alone(clip: LanguageClip) -> Mixture:
    return joined(clip.path.stem, [clip], [0.0])


def words_of_switching(server: RunningServer, mixtures: Sequence[Mixture], report: Report) -> None:
    right = words = 0
    before = cpu_seconds(server.pid)
    for mixture in mixtures:
        for word in _listen(server, mixture, "language=multi")["alternatives"][0]["words"]:
            middle = (word["start"] + word["end"]) / 2
            part = next((part for part in mixture.parts if part.start <= middle < part.end), None)
            if part is not None and part.end - part.start > LEAST_STRETCH:
                words += 1
                right += word["language"] == part.clip.language
    spent = cpu_seconds(server.pid) - before
    seconds = sum(mixture.seconds for mixture in mixtures)
    report.add(
        "multi",
        0,
        words=words,
        right_percent=100 * right / words,
        cpu_s_per_audio_minute=60 * spent / seconds,
    )
    report.aim_at_least("words in the right language, stretches over 2 s, %", 100 * right / words, 95.0)


def cost_of_one_language(server: RunningServer, mixtures: Sequence[Mixture], report: Report) -> None:
    """The same recordings with a language that is named: nothing is identified."""
    before = cpu_seconds(server.pid)
    for mixture in mixtures:
        _listen(server, mixture, "language=es")
    spent = cpu_seconds(server.pid) - before
    seconds = sum(mixture.seconds for mixture in mixtures)
    report.add("language=es", 0, cpu_s_per_audio_minute=60 * spent / seconds)


def detection(server: RunningServer, name: str, mixtures: Sequence[Mixture], report: Report) -> None:
    right = judged = 0
    for mixture in mixtures:
        shares = {part.clip.language: mixture.seconds_of(part.clip.language) for part in mixture.parts}
        dominant = max(shares, key=lambda language: shares[language])
        if round(100 * shares[dominant] / sum(shares.values())) in NEITHER:
            continue
        judged += 1
        found = _listen(server, mixture, "detect_language=true").get("detected_language")
        right += found == dominant
        if found != dominant:
            report.notes.append(f"{mixture.name}: {found} in place of {dominant}")
    report.add(f"detect_language, {name}", 0, recordings=judged, right=right)
    report.aim_at_least(f"detect_language right, {name}, %", 100 * right / max(1, judged), 100.0)


def _listen(server: RunningServer, mixture: Mixture, query: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    try:
        connection.request("POST", f"/v1/listen?{query}", body=mixture.wav, headers=HEADERS)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    channel: dict[str, Any] = answer["results"]["channels"][0]
    return channel


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
