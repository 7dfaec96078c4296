"""One channel of a live stream: where its results stand, and what is said of each thing heard on it.

The rules, with their pages:

- Interims and finals: https://developers.deepgram.com/docs/understand-endpointing-interim-results. Finals
  follow each other without a gap, each interim starts where the last final ended, and both are sent through
  silence too, with no words.
- `speech_final` closes an utterance: whoever joins the finals up to it has all that was said.
- UtteranceEnd: https://developers.deepgram.com/docs/utterance-end. The clock starts at the end of the last
  final word and listens to words, not to sound, so that noise cannot hold it up.
"""

from collections.abc import Sequence

from ringback.listen.actions import MessageKind, SendMessage
from ringback.listen.hearing_events import Cause, Heard, Reached, SpeechBegan
from ringback.listen.live_results import LiveMessages, Span, pieces
from ringback.listen.options import ListenOptions
from ringback.transcript import Word

EMPTY_INTERIM_MS = 1_000
"""Of silence: as often as Deepgram's own server, whose Engine steps by one second."""

SHORTEST_WORD_MS = 100
"""A final may end that much before the silence is thought to begin: no word has room between."""


class LiveChannel:
    def __init__(self, index: int, options: ListenOptions, messages: LiveMessages) -> None:
        self._index = index
        self._options = options
        self._messages = messages
        self._fixed = 0
        """Milliseconds: up to here the results are final."""
        self._told = 0
        """Milliseconds: up to here there was a result, final or not."""
        self._open_words = False
        """Whether the last interim of the open span had words."""
        self._unclosed = False
        """Whether the client was told of speech that no `speech_final` has closed yet."""
        self._gap = _Gap(options.utterance_end_ms)

    @property
    def until(self) -> float:
        """Seconds of stream for which there was a result."""
        return self._told / 1000

    def heard(self, event: Heard, *, from_finalize: bool) -> list[SendMessage]:
        """Results, or nothing where they are not asked for. `from_finalize`: it answers a Finalize."""
        if event.final:
            return self._final(event, from_finalize)
        return self._interim(event) if self._options.interim_results else []

    def began(self, event: SpeechBegan) -> list[SendMessage]:
        """SpeechStarted (https://developers.deepgram.com/docs/speech-started)."""
        if not self._options.vad_events:
            return []
        self._unclosed = True
        return [SendMessage(self._messages.speech_started(self._index, event.at), MessageKind.SPEECH_STARTED)]

    def reached(self, event: Reached) -> list[SendMessage]:
        """What silence brings: an interim without words now and then, and UtteranceEnd.

        Only where the whole open span is silent: what was said in it the recogniser may still owe us.
        """
        quiet = event.quiet_since is not None and _ms(event.quiet_since) - self._fixed < SHORTEST_WORD_MS
        if not self._options.interim_results or not quiet or self._open_words:
            return []
        until = _ms(event.until)
        says = self._utterance_end(event.until)
        if until - self._told >= EMPTY_INTERIM_MS:
            says.append(self._interim_until(until, ()))
        return says

    def paused(self, seconds: float) -> list[SendMessage]:
        """No audio was sent for so long: that is a gap between words, too."""
        return self._utterance_end(self.until + seconds)

    def _interim(self, event: Heard) -> list[SendMessage]:
        end = max(_ms(event.end), self._fixed)
        overtaken = _ms(event.start) < self._fixed
        if overtaken or (end == self._fixed and not event.words):
            return []
        says = self._utterance_end(event.words[0].start if event.words else event.end)
        self._open_words = bool(event.words)
        self._unclosed = self._unclosed or self._open_words
        return [*says, self._interim_until(end, event.words)]

    def _interim_until(self, end: int, words: Sequence[Word]) -> SendMessage:
        self._told = max(self._told, end)
        span = Span(self._index, self._fixed, end)
        # More words than one message can hold are a recogniser's fault, which the final will show.
        message = self._messages.results(span, next(pieces(words)), final=False)
        return SendMessage(message, MessageKind.INTERIM)

    def _final(self, event: Heard, from_finalize: bool) -> list[SendMessage]:
        start, end = self._fixed, max(_ms(event.end), self._fixed)
        if start == end and not event.words and not from_finalize:
            return []
        says = self._utterance_end(event.words[0].start if event.words else event.end)
        speech_final = self._closes_speech(event, end - start, from_finalize)
        says += self._finals(Span(self._index, start, end), event.words, speech_final, from_finalize)
        self._fixed = self._told = end
        self._open_words = False
        self._unclosed = not speech_final and (self._unclosed or bool(event.words))
        self._gap.finalised(event.words, speech_final)
        return says

    def _finals(
        self, span: Span, words: Sequence[Word], speech_final: bool, from_finalize: bool
    ) -> list[SendMessage]:
        """One final; more only for more words than a message can hold, the flags on the last."""
        parts = list(pieces(words))
        starts = [span.start]
        for part in parts[1:]:
            starts.append(min(max(_ms(part[0].start), starts[-1]), span.end))
        says = []
        for part, start, end in zip(parts, starts, [*starts[1:], span.end], strict=True):
            last = part is parts[-1]
            message = self._messages.results(
                Span(self._index, start, end),
                part,
                final=True,
                speech_final=speech_final and last,
                from_finalize=from_finalize and last,
            )
            says.append(SendMessage(message, MessageKind.FINAL))
        return says

    def _closes_speech(self, event: Heard, length: int, from_finalize: bool) -> bool:
        """A pause closes an utterance, and so do a Finalize and the end of the stream, as seen on Deepgram's
        wire. Silence without speech before it closes nothing: an empty `speech_final` out of nowhere makes
        voice agents take a turn that nobody has."""
        said = self._unclosed or bool(event.words)
        match event.cause:
            case Cause.ENDPOINT:
                return self._options.endpointing is not None
            case Cause.SILENCE:
                return said and self._options.endpointing is not None and length >= self._options.endpointing
            case Cause.FINALIZE:
                return said and from_finalize
            case Cause.END:
                return said
            case Cause.LENGTH | Cause.UPDATE:
                return False

    def _utterance_end(self, quiet_until: float) -> list[SendMessage]:
        last_word_end = self._gap.found(quiet_until)
        if last_word_end is None:
            return []
        message = self._messages.utterance_end(self._index, last_word_end)
        return [SendMessage(message, MessageKind.UTTERANCE_END)]


class _Gap:
    """Looks for a gap of `utterance_end_ms` after the last final word; each is found once."""

    def __init__(self, utterance_end_ms: int | None) -> None:
        self._needed = utterance_end_ms
        self._last_word_end: int | None = None
        """Milliseconds; None: no word since the last gap."""
        self._closed = False
        """Whether `speech_final` has closed the utterance already."""

    def finalised(self, words: Sequence[Word], speech_final: bool) -> None:
        if words:
            self._last_word_end = _ms(words[-1].end)
            self._closed = False
        self._closed = self._closed or speech_final

    def found(self, quiet_until: float) -> float | None:
        """The end of the last word, in seconds, if no word follows it before this time and that is a gap;
        -1 where `speech_final` came first."""
        last, needed = self._last_word_end, self._needed
        if needed is None or last is None or _ms(quiet_until) - last < needed:
            return None
        self._last_word_end = None
        return -1 if self._closed else last / 1000


def _ms(seconds: float) -> int:
    return int(seconds * 1000 + 0.5)
