"""Recognises speech of one live channel in which the language may change (`language=multi`).

Each phrase is identified once, and each stretch of one language recognised in it. What was decided about a
final span counts for what comes after it: a short answer is probably in the language of the talk.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ringback.audio.phrases import Phrase, phrases_of
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import LanguageProbabilities, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.spoken_languages import (
    IdentifiedPhrase,
    LanguageChoice,
    LanguageStretch,
    LanguageTracker,
    stretches_of,
)
from ringback.service import all_results
from ringback.transcript import Word

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class CodeSwitchingRecogniser:
    """One channel. `source`: its key in the pool (`EnginePool.recognise`)."""

    def __init__(self, pool: EnginePool, choice: LanguageChoice, source: str) -> None:
        self._pool = pool
        self._source = source
        self._settled = LanguageTracker(choice)
        self._decided: dict[int, LanguageTracker] = {}
        """Since the last final span, by the sample at which the speech ended."""
        self._identified: dict[tuple[int, int], LanguageProbabilities] = {}
        """Phrases since then, by their first sample and their end."""

    def use_choice(self, choice: LanguageChoice) -> None:
        """From now on."""
        self._settled = replace(self._settled, choice=choice)

    async def recognise(self, samples: Samples, start: int, task: Task, urgency: Urgency) -> tuple[Word, ...]:
        """The words of the speech that begins at sample `start` of the stream; their times begin there.
        Raises what `EnginePool.recognise` raises."""

        async def identified(phrase: Phrase) -> IdentifiedPhrase:
            place = (start + phrase.start, start + phrase.end)
            if place not in self._identified:
                self._identified[place] = await self._pool.identify(
                    samples[phrase.start : phrase.end], task.model, urgency, self._source
                )
            return IdentifiedPhrase(phrase, self._identified[place])

        async def recognised(stretch: LanguageStretch) -> tuple[Word, ...]:
            language, at = stretch.language, stretch.start / SAMPLE_RATE
            recognition = await self._pool.recognise(
                samples[stretch.start : stretch.end], replace(task, language=language), urgency, self._source
            )
            return tuple(replace(word.shifted(at), language=language) for word in recognition.words)

        phrases = await _each(phrases_of(samples), identified, urgency)
        languages, self._decided[start + len(samples)] = self._settled.decide(phrases)
        parts = await _each(list(stretches_of(phrases, languages)), recognised, urgency)
        return tuple(word for words in parts for word in words)

    def settle(self, end: int) -> None:
        """All audio before sample `end` is final, and with it what was decided last about it."""
        last = max((at for at in self._decided if at <= end), default=None)
        self._settled = self._settled if last is None else self._decided[last]
        self._decided.clear()
        self._identified.clear()


async def _each(
    items: Sequence[_Item], call: Callable[[_Item], Coroutine[Any, Any, _Found]], urgency: Urgency
) -> list[_Found]:
    """All at once; for partials one by one, since of those that wait the pool keeps a channel's last."""
    if urgency is Urgency.LIVE_PARTIAL:
        return [await call(item) for item in items]
    return await all_results(map(call, items))
