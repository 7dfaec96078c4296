"""How far the engine process knows each utterance, as the serving process knows it. Pure.

The state of an utterance is the engine's, and dies with it. So a segment in the queue holds all speech of its
utterance, and what is sent of it is decided when it is sent: to the process that knows its beginning the
rest, to a new one everything. Nothing is lost with an engine but the time to hear it again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from ringback.audio.samples import Samples
from ringback.engines.messages import UtterancePart
from ringback.engines.segment_queue import Segment


@dataclass(frozen=True, slots=True)
class _Sent:
    begin: int
    samples: int


class SentUtterances:
    """Of one engine process. A source has one utterance at a time."""

    def __init__(self) -> None:
        self._sent: dict[str, _Sent] = {}
        self._dropped: set[str] = set()

    def unsent(self, segment: Segment) -> tuple[UtterancePart, Samples]:
        """What the engine was not sent yet of this segment's utterance; from now on it has."""
        assert segment.utterance is not None
        source, begin, length = segment.source, segment.utterance.begin, len(segment.samples)
        sent = self._sent.pop(source, None)
        # An engine cannot go back: where it was sent more than these samples, it is sent all of them again.
        continues = sent is not None and sent.begin == begin and sent.samples <= length
        self._dropped.discard(source)
        if not segment.utterance.ends:
            self._sent[source] = _Sent(begin, length)
        first = sent.samples if continues and sent is not None else 0
        return UtterancePart(source, not continues, segment.utterance.ends), segment.samples[first:]

    def drop(self, source: str) -> None:
        """It will not be ended, or it is unknown what the engine has of it."""
        if self._sent.pop(source, None) is not None:
            self._dropped.add(source)

    def take_dropped(self, busy: Collection[str]) -> list[str]:
        """Sources whose state the engine is to drop now. Not while it works on one of them (`busy`)."""
        idle = [source for source in self._dropped if source not in busy]
        self._dropped.difference_update(idle)
        return idle
