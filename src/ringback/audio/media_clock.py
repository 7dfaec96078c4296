"""When decoded audio was said: the container's clock beside the count of samples; pure.

A recorder that was paused, a stream that lost packets, a caller whose silence was not sent: their files have
holes, which only the timestamps show. Samples are counted (*decoded* seconds), and for each hole its place
and length are kept; it is never filled. Timestamps may be hostile, like all else in a file: a jump counts
only when the next timestamp confirms it, and time never runs backwards."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from ringback.audio.encodings import LONGEST


@dataclass(frozen=True, slots=True)
class Hole:
    """Time of which the file holds no samples."""

    at: float
    """Decoded seconds."""
    seconds: float


class Timeline:
    """The holes of a recording, in order."""

    def __init__(self) -> None:
        self._at: list[float] = []
        self._gaps: list[float] = []
        self._until: list[float] = []  # Sums of all gaps so far.

    def add(self, hole: Hole) -> None:
        """One that follows closely on the one before counts as part of it: a file may have one at each
        sample."""
        if self._at and hole.at - self._at[-1] < _CLOSE:
            self._gaps[-1] += hole.seconds
            self._until[-1] += hole.seconds
            return
        self._at.append(hole.at)
        self._gaps.append(hole.seconds)
        self._until.append(self.missing + hole.seconds)

    @property
    def missing(self) -> float:
        """Seconds in all holes."""
        return self._until[-1] if self._until else 0.0

    def media(self, decoded: float) -> float:
        """When the audio that follows so many decoded seconds was said."""
        before = bisect_right(self._at, decoded + _SAME)
        return decoded + (self._until[before - 1] if before else 0.0)

    def since(self, known: int) -> list[Hole]:
        """All holes but the first `known`."""
        return [Hole(at, gap) for at, gap in zip(self._at[known:], self._gaps[known:], strict=True)]

    def between(self, start: float, end: float) -> list[Hole]:
        """The holes that lie after `start` and before `end`."""
        first = bisect_right(self._at, start + _SAME)
        last = bisect_left(self._at, end - _SAME)
        return [Hole(self._at[i], self._gaps[i]) for i in range(first, last)]


class MediaClock:
    """Follows the timestamps of one recording, frame after frame."""

    def __init__(self) -> None:
        self.decoded = 0.0
        """Seconds decoded so far."""
        self.timeline = Timeline()
        self.ignored = 0
        """Jumps that were too far."""
        self._origin: float | None = 0.0  # What the container's clock shows at the media time 0.
        self._pending: Hole | None = None  # A jump that the next timestamp has to confirm; may be negative.

    def restart(self, origin: float | None) -> None:
        """Another file begins, whose clock shows `origin` at its start; None: it does not say."""
        self._pending = None
        self._origin = None if origin is None else origin - self.now

    def frame(self, stamp: float | None, seconds: float) -> None:
        """A frame that lasts so long, and what the container's clock shows at its start, if anything."""
        if stamp is not None:
            if self._origin is None:
                self._origin = stamp - self.now
            self._follow(stamp - self._origin - self.now)
        self.decoded += seconds

    @property
    def now(self) -> float:
        """Media time, seconds from the start, as far as frames have come."""
        return self.decoded + self.timeline.missing

    def _follow(self, error: float) -> None:
        """`error`: seconds by which the container's clock is ahead of ours."""
        pending, self._pending = self._pending, None
        if abs(error) <= TOLERANCE:
            return  # The jump before, if any, was not confirmed.
        if pending is not None and error >= pending.seconds - TOLERANCE and self._sign(error, pending):
            error -= self._accept(pending)
            if abs(error) <= TOLERANCE:
                return
        self._pending = Hole(self.decoded, error)

    @staticmethod
    def _sign(error: float, pending: Hole) -> bool:
        return (error > 0) == (pending.seconds > 0)

    def _accept(self, jump: Hole) -> float:
        """Seconds by which our clock has come nearer to the container's."""
        plausible = jump.seconds <= FARTHEST and self.now + jump.seconds <= LONGEST
        if jump.seconds > 0 and plausible:
            self.timeline.add(jump)
        else:
            # Its clock was set back, or is another one: time goes on from where we are.
            self._origin = (self._origin or 0.0) + jump.seconds
            self.ignored += jump.seconds > 0
        return jump.seconds


TOLERANCE = 0.1
"""Seconds by which timestamps may be wrong without meaning anything, as for FFmpeg's `aresample=async`."""
FARTHEST = 12 * 3600.0
"""Seconds; a longer hole is ignored."""
_CLOSE = 0.01
"""Seconds of sound between two holes that count as two; codecs have frames of 20 ms."""
_SAME = 1e-5
"""Seconds, less than a sample: sums of floats are not exact."""
