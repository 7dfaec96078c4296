"""Recognises the open span of a channel before it ends."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringback.audio.samples import SAMPLE_RATE
from ringback.engines.base import Urgency
from ringback.engines.pool import Superseded
from ringback.streaming.segmenter import Segmenter
from ringback.streaming.segmenter_steps import PartialPace, PartialSpan, SampleRange
from ringback.streaming.speech_recogniser import SpeechRecogniser
from ringback.transcript import Word


class Partials:
    """For interim results; and, while at least half of the engine is idle, for the final itself: when the
    speech has paused it is recognised at once, and if the span ends there, its words are known already.

    A transducer computes only what is new in a partial, and what it has decoded for partials it need not
    decode for the final. So it is asked for them more often; and never for the final ahead: after that it
    takes no more speech.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        recogniser: SpeechRecogniser,
        emit_update: Callable[[PartialSpan, Sequence[Word]], None],
    ) -> None:
        """`emit_update` takes an interim result: the open span's words so far."""
        self._segmenter = segmenter
        self._recogniser = recogniser
        self._emit_update = emit_update
        self._tasks: dict[SampleRange, _PartialTask] = {}
        self._seconds_per_partial = 0.0  # That the last one took.
        self._words_reported = False

    def recognise_ahead(self, group: asyncio.TaskGroup) -> None:
        """Start to recognise the open span, if that is worth the effort now."""
        settings = self._recogniser.settings
        engine_idle = 2 * settings.pool.idle >= settings.pool.threads
        useful = settings.interim or settings.incremental
        if not engine_idle and not useful:
            return
        # An engine that falls behind gets fewer of them.
        pause = int(_PAUSE_PER_PARTIAL * self._seconds_per_partial * SAMPLE_RATE)
        pace = PartialPace.INCREMENTAL if settings.incremental else PartialPace.DECODED_ANEW
        partial = self._segmenter.next_partial(
            pause=pause, ahead=engine_idle or settings.incremental, pace=pace
        )
        if partial is None or not (useful or partial.complete):
            return
        as_final = engine_idle and partial.complete and not settings.incremental
        task = group.create_task(self._recognise(partial, as_final=as_final))
        self._tasks[partial.speech] = _PartialTask(task, as_final)

    async def final_words(self, speech: SampleRange) -> tuple[Word, ...]:
        """The words of a final span: those recognised ahead, or else recognised now."""
        partial = self._tasks.get(speech)
        if partial is not None and partial.as_final:
            return await partial.task or ()
        self.cancel()
        return await self._recogniser.recognise(speech, Urgency.LIVE_FINAL)

    def end_span(self) -> None:
        """The open span has ended; what follows is the next one's."""
        self.cancel()
        self._words_reported = False

    def cancel(self) -> None:
        for partial in self._tasks.values():
            partial.task.cancel()
        self._tasks.clear()

    async def _recognise(self, partial: PartialSpan, *, as_final: bool) -> tuple[Word, ...] | None:
        if as_final:
            words = await self._recogniser.recognise(partial.speech, Urgency.LIVE_FINAL)
        else:
            started = asyncio.get_running_loop().time()
            try:
                words = await self._recogniser.recognise(partial.speech, Urgency.LIVE_PARTIAL)
            except Superseded:
                self._tasks.pop(partial.speech, None)
                return None
            finally:
                self._seconds_per_partial = asyncio.get_running_loop().time() - started
        if self._recogniser.settings.interim and self._segmenter.span_start == partial.start:
            self._report(partial, words)
        return words

    def _report(self, partial: PartialSpan, words: Sequence[Word]) -> None:
        """No words are reported only where so much speech should have some (it was noise), and never after
        words were reported for this span: a less accurate partial must not take them back."""
        long_enough = partial.speech.end - partial.speech.start >= _LONG_ENOUGH_FOR_WORDS
        if words or (long_enough and not self._words_reported):
            self._words_reported = self._words_reported or bool(words)
            self._emit_update(partial, words)


@dataclass(frozen=True, slots=True)
class _PartialTask:
    """The open span, while it is recognised."""

    task: asyncio.Task[tuple[Word, ...] | None]
    as_final: bool
    """Recognised with the quality of a final, which it may become."""


_PAUSE_PER_PARTIAL = 2.0
"""The least distance of two partials, as a multiple of the time that the last one took."""
_LONG_ENOUGH_FOR_WORDS = int(1.5 * SAMPLE_RATE)
"""Samples: speech of this length, with the silence before it, has words."""
