"""Where a recording is cut into pieces for the recogniser; pure.

In: how probably each window of 32 ms is speech, and how loud it is. Out: spans of samples, in order and
without overlap, each at most `max_chunk` long, that together hold all speech. Neighbouring stretches of
speech share a span, because a recogniser makes more errors on scraps (4.7 instead of 3.7 % of words wrong,
and 6.2 instead of 2.1 % in conversations). A span ends where it is quiet: after two seconds without speech,
else in the longest pause of its second half, else, in speech without a pause, where speech is least
likely.
"""

from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = 512
"""Samples; the step of Silero VAD at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Span:
    """Samples `start` ≤ i < `end`."""

    start: int
    end: int


class Chunker:
    """Takes window after window; returns each span as soon as its end is certain."""

    def __init__(self, max_chunk: float = 15.0) -> None:
        """`max_chunk`: seconds, padding included; at least 2."""
        self._longest = int(max_chunk * _PER_SECOND) - 2 * _PAD
        self._now = 0
        self._edge = 0  # No span may begin before the end of the one before it.
        self._runs: list[_SpeechRun] = []  # Closed stretches of speech since the last span.
        self._run_start: int | None = None  # The stretch that is still going on …
        self._quiet_since: int | None = None  # … and where it may have ended.
        self._windows: list[tuple[float, float]] = []  # (probability, loudness) of each window …
        self._windows_from = 0  # … beginning with this one.

    @property
    def keep_from(self) -> int:
        """The first sample that a later span may still contain."""
        start = self._start()
        return WINDOW * max(self._edge, (self._now if start is None else start) - _PAD)

    def push(self, windows: Iterable[tuple[float, float]]) -> list[Span]:
        """More windows, each as (probability of speech, loudness); loudness only ranks windows."""
        spans: list[Span] = []
        for window in windows:
            self._windows.append(window)
            self._follow(window[0])
            self._now += 1
            spans += self._due()
        return spans

    def finish(self) -> list[Span]:
        """There is no more audio. A span may end after the last sample, within the last window."""
        if self._run_start is not None:
            self._close_run(self._now if self._quiet_since is None else self._quiet_since)
        return self._emit(len(self._runs), self._now) if self._runs else []

    def _follow(self, probability: float) -> None:
        """Speech begins at one threshold and ends below a lower one, if it stays there for a while."""
        if self._run_start is None:
            if probability >= SPEECH:
                self._run_start = self._now
            return
        if probability >= SPEECH:
            self._quiet_since = None
        elif probability < QUIET and self._quiet_since is None:
            self._quiet_since = self._now
        if self._quiet_since is not None and self._now - self._quiet_since >= PAUSE:
            self._close_run(self._quiet_since)

    def _close_run(self, end: int) -> None:
        assert self._run_start is not None
        if end > self._run_start:
            self._runs.append(_SpeechRun(self._run_start, end))
        self._run_start = self._quiet_since = None

    def _due(self) -> list[Span]:
        start = self._start()
        if start is None:
            self._forget(self._now)
            return []
        if self._now - start >= self._longest:
            return self._cut()
        if self._run_start is None and self._now - self._runs[-1].end >= _GAP:
            return self._emit(len(self._runs), self._now)
        return []

    def _start(self) -> int | None:
        return self._runs[0].start if self._runs else self._run_start

    def _cut(self) -> list[Span]:
        """The span is full."""
        if self._run_start is None:
            return self._emit(len(self._runs), self._now)
        if self._runs:
            return self._emit(*self._best_pause())
        at = self._least_speech(self._run_start)
        quiet_since = self._quiet_since
        self._runs.append(_SpeechRun(self._run_start, at))
        spans = self._emit(1, at)
        self._run_start = at
        self._quiet_since = None if quiet_since is None else max(quiet_since, at)
        return spans

    def _best_pause(self) -> tuple[int, int]:
        """How many runs lie before the pause to cut in, and where the next one begins."""
        assert self._run_start is not None
        following = [*(run.start for run in self._runs[1:]), self._run_start]
        half = self._runs[0].start + self._longest // 2
        late = [i for i, run in enumerate(self._runs) if run.end >= half]
        pauses = late or [len(self._runs) - 1]
        best = max(pauses, key=lambda i: (following[i] - self._runs[i].end, i))
        return best + 1, following[best]

    def _least_speech(self, start: int) -> int:
        """The window in the second half of an unbroken run where a cut costs least."""
        first = start - self._windows_from + self._longest // 2
        last = len(self._windows) - PAUSE
        return self._windows_from + min(range(first, last), key=self._cut_cost)

    def _cut_cost(self, i: int) -> tuple[float, float]:
        around = self._windows[i - 2 : i + 3]
        return round(sum(p for p, _ in around), 1), sum(loudness for _, loudness in around)

    def _emit(self, count: int, next_start: int) -> list[Span]:
        """Close a span after the first `count` runs; the next speech begins at `next_start` or later."""
        runs, self._runs = self._runs[:count], self._runs[count:]
        gap = next_start - runs[-1].end
        start = max(self._edge, runs[0].start - _PAD)
        end = runs[-1].end + min(_PAD, gap if next_start == self._now else gap // 2)
        sure = any(self._peak(run) >= SURE for run in runs)
        self._edge = end
        self._forget(self._now if self._start() is None else next_start)
        return [Span(start * WINDOW, end * WINDOW)] if sure else []

    def _peak(self, run: "_SpeechRun") -> float:
        return max(p for p, _ in self._windows[run.start - self._windows_from : run.end - self._windows_from])

    def _forget(self, before: int) -> None:
        del self._windows[: before - self._windows_from]
        self._windows_from = before


@dataclass(frozen=True, slots=True)
class _SpeechRun:
    """Windows of speech without a pause."""

    start: int
    end: int


_PER_SECOND = 16_000 / WINDOW
SPEECH, QUIET = 0.5, 0.35
"""Silero's own thresholds."""
SURE = 0.7
"""A span in which no window is at least so probably speech is a noise."""
PAUSE = 3
"""Windows (96 ms); a shorter dip is part of a word."""
_PAD = 6
"""Windows (192 ms) left on either side of speech: a plosive's closure and a breath belong to the word."""
_GAP = int(2.0 * _PER_SECOND)
"""So much silence ends a span: recognising it would cost time for nothing."""
