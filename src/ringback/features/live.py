"""The words of a live stream as asked for: recognition events in, recognition events out. Pure; `steps` has
the order.

A final that ends inside a number, a spelled mail address or an amount is held back from there, so that a
pause between groups of digits does not make harmless numbers of a card:

| state | event | what happens |
|---|---|---|
| nothing held | final | what is open at its end is held, the rest is reported |
| held | final with words | the held words come before them; as above |
| held | silence of `HOLD` seconds | the held words are reported, with the cause of their own final |
| held | Finalize, the end, `MOST_HELD` words | everything is reported |
| held | final without words | swallowed: the held words lie before it |
| any | interim | the held words come before it; what redaction could ever hide is `[REDACTED]` |

While words are held an interim has them, where the caller wants interims. With `no_delay=true` nothing is
held.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge

from ringback.features.entities import open_from
from ringback.features.redaction import UNNAMED, Labels, number_open_from
from ringback.features.redaction_cues import REACH
from ringback.features.search import LiveSearch, SearchHit, SearchResult
from ringback.features.spans import Context, NumberFormats
from ringback.features.steps import Looked, Spoken, TextSteps, look_into, reported, write_out
from ringback.listen.json_parts import JsonSearch
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    Undecodable,
    VadProgress,
)
from ringback.transcript import NamedSpan, Word

HOLD = 3.0
"""Seconds of silence after which held words are reported
(https://developers.deepgram.com/docs/smart-format)."""

MOST_HELD = 100
"""Words; a longer run of digits is not a number of any kind."""


@dataclass(slots=True)
class _ChannelText:
    """What is remembered of one channel."""

    search: LiveSearch
    held: tuple[Word, ...] = ()
    """Said, not reported yet."""
    held_names: tuple[NamedSpan, ...] = ()
    """The names in the held words."""
    cause: Cause = Cause.LENGTH
    """Why the final of the held words came."""
    recent: tuple[Word, ...] = ()
    """The last words that were reported, as they were said."""
    found: list[SearchResult] = field(default_factory=list)
    """What was found in finals, and not reported yet."""
    hidden: tuple[tuple[float, float], ...] = ()
    """When something hidden was said, in the results reported last."""


@dataclass(slots=True)
class LiveText:
    """The words of one stream, all channels; `hear` is given every recognition event, in order."""

    options: ListenOptions
    _steps: TextSteps = field(init=False)
    _labels: Labels = field(init=False, default_factory=Labels)
    _channels: dict[int, _ChannelText] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._steps = TextSteps.of(self.options, live=True)

    @property
    def reads_names(self) -> bool:
        """Whether `hear` should be given the names in `spoken`."""
        return self._steps.reads_names

    def switch_numerals(self, on: bool) -> None:
        """For what is reported from now on (https://developers.deepgram.com/docs/configure)."""
        formats = self._steps.formats
        self._steps = replace(
            self._steps, formats=NumberFormats(formats.smart_format, on, formats.measurements)
        )

    def spoken(self, event: RecognitionResult) -> tuple[Word, ...]:
        """The words that the event is about, those held before it included, in which names are looked for."""
        text = self._of(event.channel)
        before = (*text.recent, *text.held)
        return text.held + self._steps.speak(
            event.words, self._language(event.words), before[-1] if before else None
        )

    def hear(self, event: RecognitionEvent, names: Sequence[NamedSpan] = ()) -> list[RecognitionEvent]:
        """What is to be reported in place of this event. `names`: those found in `spoken(event)`."""
        match event:
            case RecognitionResult(final=True):
                self._look_for_terms(event)
                return list(self._final(event, self._read(event, names)))
            case RecognitionResult():
                return [self._interim(event, self._read(event, names))]
            case VadProgress():
                return [*self._after_silence(event), event]
            case RecognitionFinished() | Undecodable():
                return [*self._rest(), event]
            case _:
                return [event]

    def _of(self, channel: int) -> _ChannelText:
        if channel not in self._channels:
            self._channels[channel] = _ChannelText(search=LiveSearch(self.options.search))
        return self._channels[channel]

    def _language(self, words: Sequence[Word]) -> str:
        if self.options.language != "multi":
            return self.options.language
        return next((word.language for word in words if word.language is not None), "en")

    def _read(self, event: RecognitionResult, names: Sequence[NamedSpan]) -> Spoken:
        return self._with_context(event.channel, self.spoken(event), names)

    def _with_context(self, channel: int, words: tuple[Word, ...], names: Sequence[NamedSpan] = ()) -> Spoken:
        others = [each.recent + each.held for number, each in self._channels.items() if number != channel]
        return Spoken(
            words,
            self._language(words),
            tuple(names),
            before=tuple(word.bare for word in self._of(channel).recent),
            others=tuple(merge(*others, key=lambda word: word.start)),
        )

    def _final(self, event: RecognitionResult, spoken: Spoken) -> Iterator[RecognitionResult]:
        text = self._of(event.channel)
        if text.held and not event.words and event.cause not in _ENDS:
            if event.end - text.held[-1].end >= HOLD:
                yield self._report(event, look_into(spoken, self._steps), text.cause)
            return
        looked = look_into(spoken, self._steps)
        cut = self._open_from(event, looked)
        if cut == len(spoken.words):
            yield self._report(event, looked, event.cause)
            return
        rest = spoken.words[cut:]
        if cut:
            ready = replace(event, end=rest[0].start, words=())
            yield self._report(ready, look_into(_first_words(spoken, cut), self._steps), Cause.LENGTH)
        text.held, text.cause, text.held_names = rest, event.cause, _names_behind(spoken, cut)
        open_span = replace(event, start=rest[0].start, words=(), final=False, cause=Cause.UPDATE)
        yield self._interim(open_span, self._with_context(event.channel, rest, text.held_names))

    def _open_from(self, event: RecognitionResult, looked: Looked) -> int:
        """The first word that is held back; the number of words: none."""
        spoken = looked.spoken
        count = len(spoken.words)
        if event.cause in _ENDS or self.options.no_delay or not self._steps.reads_spans:
            return count
        context = Context(spoken.before, spoken.others)
        first = open_from(spoken.words, looked.entities, spoken.language, context)
        if self._steps.redact.numeric:
            first = min(first, number_open_from(spoken.words, looked.entities))
        return first if count - first <= MOST_HELD else count

    def _interim(self, event: RecognitionResult, spoken: Spoken) -> RecognitionResult:
        looked = look_into(spoken, self._steps, settled=False)
        out = write_out(looked, [UNNAMED] * len(looked.hidden), self._steps)
        return replace(event, words=out.words)

    def _report(self, event: RecognitionResult, looked: Looked, cause: Cause) -> RecognitionResult:
        text = self._of(event.channel)
        out = write_out(looked, [self._labels.next(span.kind) for span in looked.hidden], self._steps)
        text.held = ()
        text.recent = (*text.recent, *looked.spoken.words)[-REACH:]
        found = self._found_until(text, event.end, out.words, looked.hidden_times)
        return replace(event, words=out.words, cause=cause, entities=out.entities, search=found)

    def _look_for_terms(self, event: RecognitionResult) -> None:
        if self.options.search and event.words:
            text = self._of(event.channel)
            text.found += text.search.final(event.words)

    def _found_until(
        self,
        text: _ChannelText,
        end: float,
        words: Sequence[Word],
        hidden: tuple[tuple[float, float], ...],
    ) -> tuple[JsonSearch, ...]:
        """The hits in what is reported now; those in words that are still held wait with them."""
        ready = [_hits(each, lambda hit: hit.end <= end) for each in text.found]
        text.found = [
            each for each in (_hits(each, lambda hit: hit.end > end) for each in text.found) if each.hits
        ]
        closed = text.hidden + hidden
        text.hidden = hidden
        merged = tuple(
            SearchResult(query, tuple(hit for each in ready if each.query == query for hit in each.hits))
            for query in self.options.search
        )
        return reported(merged, words, closed)

    def _after_silence(self, event: VadProgress) -> Iterator[RecognitionResult]:
        text = self._of(event.channel)
        if not text.held or event.quiet_since is None:
            return
        if event.until - max(event.quiet_since, text.held[-1].end) >= HOLD:
            yield self._report_held(event.channel, event.until, text.cause)

    def _rest(self) -> Iterator[RecognitionResult]:
        for channel in sorted(self._channels):
            text = self._channels[channel]
            if text.held:
                yield self._report_held(channel, text.held[-1].end, Cause.END)

    def _report_held(self, channel: int, end: float, cause: Cause) -> RecognitionResult:
        held, names = self._of(channel).held, self._of(channel).held_names
        event = RecognitionResult(channel, held[0].start, end, (), final=True, cause=cause)
        spoken = self._with_context(channel, held, names)
        return self._report(event, look_into(spoken, self._steps), cause)


def _hits(result: SearchResult, matches: Callable[[SearchHit], bool]) -> SearchResult:
    return SearchResult(result.query, tuple(hit for hit in result.hits if matches(hit)))


def _first_words(spoken: Spoken, count: int) -> Spoken:
    names = tuple(name for name in spoken.names if name.end <= count)
    return replace(spoken, words=spoken.words[:count], names=names)


def _names_behind(spoken: Spoken, cut: int) -> tuple[NamedSpan, ...]:
    return tuple(
        NamedSpan(name.first - cut, name.end - cut, name.kind) for name in spoken.names if name.first >= cut
    )


_ENDS = frozenset({Cause.FINALIZE, Cause.END})
"""Causes after which no held word may wait for more."""
