"""What is to be recognised of one live channel, and when: pure decisions on stream time.

In: how probably each window of 32 ms is speech. Out: spans, without a gap between them, each final, with
the stretch of audio to recognise in it; and, in between, how far the open one could be read already.

A span ends

- when it has been quiet for the caller's `endpointing`, but not before a pause that ends a phrase: the
  default of 10 ms would cut between syllables, and short pieces are recognised badly;
- when it grows long, at the next pause; at the longest pause behind it when there comes none; and when
  somebody talks without any pause, between two words of what was recognised, never inside one;
- when it is nothing but silence, so that the stream moves on;
- when the caller says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ringback.audio.chunker import SURE, WINDOW
from ringback.audio.endpointing import Pause, SpeechTrack, Turn
from ringback.audio.samples import SAMPLE_RATE
from ringback.listen.recognition_events import Cause
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples `start` ≤ i < `end` to recognise: speech, with a little quiet around it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """Final: samples `start` ≤ i < `end`, and what to recognise in them; None: nothing was said."""

    start: int
    end: int
    speech: Stretch | None
    cause: Cause
    in_speech: bool = False
    """Whether somebody still spoke at its end, perhaps in the middle of a word."""


@dataclass(frozen=True, slots=True)
class Overlong:
    """Speech without a pause. Recognise it, then say where its words are (`Segments.cut`)."""

    speech: Stretch


@dataclass(frozen=True, slots=True)
class Split:
    """A final span that ends between two words; those before are its own."""

    start: int
    end: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody has begun to speak, at this sample."""

    at: int


@dataclass(frozen=True, slots=True)
class Draft:
    """How far the open span can be read; `whole`: it is quiet, this may well be all of it."""

    start: int
    """The open span's."""
    speech: Stretch
    whole: bool


Step = Span | Overlong | Began


@dataclass(frozen=True, slots=True)
class Flush:
    """The caller wants what there is, up to this sample."""

    at: int
    cause: Cause


Heard = tuple[float, float]
"""(probability of speech, loudness) of a window; loudness only ranks windows."""


@dataclass(slots=True)
class _Open:
    """Speech since the last span."""

    start: int
    """Window."""
    sure: bool = False
    pauses: list[Pause] = field(default_factory=list)


class Segments:
    """One channel. Fed window after window; says what to do as soon as that is certain."""

    def __init__(self, endpointing: int | None) -> None:
        """`endpointing`: milliseconds; None: silence is never told as an end."""
        self._endpoint = None if endpointing is None else max(_windows(endpointing / 1000), _PHRASE)
        self._track = SpeechTrack()
        self._edge = 0  # Sample: the end of the last span, the start of the open one …
        self._floor = 0  # … and the first one that may be recognised again.
        self._open: _Open | None = None
        self._owed = False  # Speech was heard whose end has not been told.
        self._told = False  # That somebody speaks has been told.
        self._history: list[Heard] = []  # Of each window …
        self._history_from = 0  # … beginning with this one.
        self._asked = 0  # The sample up to which the open span was read last.
        self._held: list[Heard | Flush] | None = None  # What waits for `cut`.

    @property
    def edge(self) -> int:
        """The first sample of the open span."""
        return self._edge

    @property
    def quiet_since(self) -> int | None:
        """The sample at which the silence began; None while there is speech."""
        quiet = self._track.quiet_since
        return None if quiet is None else quiet * WINDOW

    def push(self, windows: Sequence[Heard]) -> list[Step]:
        """More windows."""
        return self._take(list(windows))

    def flush(self, at: int, cause: Cause) -> list[Step]:
        """Close the open span at sample `at`, at or after the last window's end."""
        return self._take([Flush(at, cause)])

    def draft(self, *, pause: int = 0, ahead: bool = True) -> Draft | None:
        """How far the open span can be read now, if that is worth the effort; then it counts as done.

        `pause`: samples that a reader who is behind wants between two drafts, where that is more than usual.
        `ahead`: whether it is worth the effort just because it has fallen quiet.
        """
        if self._held is not None or self._open is None or not self._open.sure:
            return None
        speech = self._stretch(self._open.start, self._track.now * WINDOW)
        length, fresh = speech.end - speech.start, speech.end - max(self._asked, speech.start)
        whole = self._track.silence >= _TAIL and fresh > 0
        due = max(_UPDATE, _GROWTH * length, pause) if self._asked > speech.start else _FIRST
        if not (whole and ahead) and (fresh < due or self._track.silence):
            return None
        self._asked = speech.end
        return Draft(self._edge, speech, whole)

    def cut(self, words: Sequence[Word]) -> tuple[Split, list[Step]]:
        """After `Overlong`: where it is cut, given its words (with times of the stream), and what follows."""
        assert self._held is not None
        assert self._open is not None
        at = self._between(words)
        kept = tuple(word for word in words if (word.start + word.end) / 2 < at * WINDOW / SAMPLE_RATE)
        split = Split(self._edge, at * WINDOW, kept)
        self._begin_span(at * WINDOW, floor=at * WINDOW)
        self._open = self._reopened(at, [])
        held, self._held = self._held, None
        return split, self._take(held)

    def _take(self, items: Sequence[Heard | Flush]) -> list[Step]:
        steps: list[Step] = []
        for i, item in enumerate(items):
            if self._held is not None:
                self._held += items[i:]
                break
            if isinstance(item, Flush):
                steps.append(self._close(item.at, item.cause))
                self._owed = self._owed and item.cause is not Cause.FINALIZE
            else:
                steps += self._follow(item)
        return steps

    def _follow(self, window: Heard) -> list[Step]:
        at = self._track.now
        quiet_before = self._track.quiet_since
        self._history.append(window)
        turn = self._track.push(window[0])
        steps: list[Step] = []
        if turn is Turn.BEGAN:
            if self._open is None:
                self._open = _Open(at)
            elif quiet_before is not None:
                self._open.pauses.append(Pause(quiet_before, at))
        if self._open is not None and window[0] >= SURE:
            self._open.sure = self._owed = True
            if not self._told:
                self._told = True
                steps.append(Began(max(self._open.start * WINDOW, self._edge)))
        return steps + self._due()

    def _due(self) -> list[Step]:
        now, silence = self._track.now, self._track.silence
        ended = self._endpoint is not None and silence >= self._endpoint
        if ended:
            self._told = False
        if self._open is None:
            return self._in_silence(ended=ended)
        if ended:
            cause = Cause.ENDPOINT if self._owed else Cause.SILENCE
            self._owed = False
            return [self._close(now * WINDOW, cause)]
        if silence >= _LONG_PAUSE:
            return [self._close(now * WINDOW, Cause.LENGTH)]
        length = now - self._open.start
        if length >= _LONG and silence >= _SHORT_PAUSE:
            return [self._close(self._quietest(now - silence, now) * WINDOW, Cause.LENGTH)]
        return self._overlong() if length >= _LONGEST else []

    def _in_silence(self, *, ended: bool) -> list[Step]:
        now = self._track.now
        if ended and self._owed:
            self._owed = False
            return [self._close(now * WINDOW, Cause.ENDPOINT)]
        if now * WINDOW - self._edge >= _SILENT_SPAN and self._track.silence > _LEAD:
            return [self._close((now - _LEAD) * WINDOW, Cause.SILENCE)]
        return []

    def _close(self, at: int, cause: Cause) -> Span:
        """The open span ends at sample `at`. What is heard after it is another one's."""
        was_open, self._open = self._open, None
        speech = None
        if was_open is not None and was_open.sure:
            speech = self._stretch(was_open.start, at)
        span = Span(self._edge, at, speech, cause, in_speech=self._track.quiet_since is None)
        floor = at if cause is Cause.LENGTH or self._track.quiet_since is None else self._after_speech(at)
        self._begin_span(at, floor)
        if self._track.quiet_since is None:
            # In the middle of a word, as the caller asked.
            self._open = self._reopened(at // WINDOW, [])
        return span

    def _after_speech(self, at: int) -> int:
        """Where the next stretch may begin: the quiet before `at` may be its lead-in too."""
        assert self._track.quiet_since is not None
        return min(at, max(self._floor, (self._track.quiet_since + _TAIL) * WINDOW))

    def _begin_span(self, at: int, floor: int) -> None:
        self._edge, self._floor = at, floor
        self._asked = 0
        first = max(self._history_from, at // WINDOW)
        del self._history[: first - self._history_from]
        self._history_from = first

    def _reopened(self, start: int, pauses: list[Pause]) -> _Open:
        heard = self._history[start - self._history_from :]
        return _Open(start, any(probability >= SURE for probability, _ in heard), pauses)

    def _stretch(self, start: int, end: int) -> Stretch:
        """From a little before window `start` to a little after the speech, and not beyond sample `end`."""
        quiet = self._track.quiet_since
        last = end if quiet is None else min(end, (quiet + _TAIL) * WINDOW)
        return Stretch(max(self._floor, (start - _LEAD) * WINDOW), last)

    def _overlong(self) -> list[Step]:
        """The span is full: cut it at the best pause of its second half, else find one between words."""
        assert self._open is not None
        now, start = self._track.now, self._open.start
        late = [pause for pause in self._open.pauses if pause.start >= start + (now - start) // 3]
        if not late:
            self._held = []
            return [Overlong(self._stretch(start, now * WINDOW))]
        best = max(late, key=lambda pause: (pause.end - pause.start, pause.start))
        at = self._quietest(best.start, best.end)
        end = min(at * WINDOW, (best.start + _TAIL) * WINDOW)
        speech = Stretch(max(self._floor, (start - _LEAD) * WINDOW), end) if self._open.sure else None
        span = Span(self._edge, at * WINDOW, speech, Cause.LENGTH)
        pauses = [pause for pause in self._open.pauses if pause.start >= best.end]
        self._begin_span(at * WINDOW, floor=at * WINDOW)
        self._open = self._reopened(best.end, pauses)
        return [span]

    def _between(self, words: Sequence[Word]) -> int:
        """The window between two words where a cut does the least harm; by the ears alone without words."""
        assert self._open is not None
        now, start = self._track.now, self._open.start
        first, last = start + (now - start) // 2, now - _CONTEXT
        gaps = [_windows((one.end + other.start) / 2) for one, other in pairwise(words)]
        inside = [gap for gap in gaps if first <= gap < last]
        near = {at for gap in inside for at in range(gap - 2, gap + 3)} or set(range(first, last))
        return min(sorted(near, reverse=True), key=self._harm)

    def _quietest(self, first: int, last: int) -> int:
        return min(range(first, last), key=lambda at: (self._harm(at), abs(2 * at - first - last)))

    def _harm(self, at: int) -> tuple[float, float]:
        i = at - self._history_from
        around = self._history[max(0, i - 1) : i + 2]
        return round(sum(p for p, _ in around), 1), sum(loudness for _, loudness in around)


def _windows(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / WINDOW)


_PHRASE = _windows(0.3)
"""The shortest silence that ends a phrase, whatever `endpointing` says."""
_SHORT_PAUSE = _windows(0.13)
_LONG_PAUSE = _windows(2.0)
"""Nobody waits longer than this for what was said, however long `endpointing` is."""
_LONG, _LONGEST = _windows(8.0), _windows(14.0)
"""From the first length on any pause will do; beyond the second there is no waiting for one."""
_SILENT_SPAN = 5 * SAMPLE_RATE
_LEAD = _windows(0.25)
_TAIL = _windows(0.16)
"""Quiet left before and after speech: a breath and a plosive belong to the word, long silence misleads."""
_CONTEXT = _windows(1.0)
"""The last words of an unfinished sentence are often wrong: no cut there."""
_FIRST, _UPDATE = int(0.55 * SAMPLE_RATE), int(0.5 * SAMPLE_RATE)
_GROWTH = 0.12
"""When the open span is read again: after this much new audio, and this much of its length."""
