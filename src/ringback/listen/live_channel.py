"""One channel of a live stream: how far its results are, and which messages each event brings.

The rules, with their pages:

- Interims and finals: https://developers.deepgram.com/docs/understand-endpointing-interim-results. Finals
  follow each other without a gap, each interim starts where the last final ended, and both are sent through
  silence too, with no words.
- `speech_final` closes an utterance: the finals up to it, joined, are the whole utterance.
- UtteranceEnd: https://developers.deepgram.com/docs/utterance-end. The clock starts at the end of the last
  final word and listens to words, not to sound, so that noise cannot hold it up.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from ringback.listen.actions import MessageKind, SendMessage
from ringback.listen.json_parts import JsonEntity
from ringback.listen.live_messages import LiveMessages, ResultSpan, split_words
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import Cause, RecognitionResult, SpeechStarted, VadProgress
from ringback.transcript import Word

EMPTY_INTERIM_MS = 1_000
"""Of silence: as often as Deepgram's own server, whose Engine steps by one second."""

SHORTEST_WORD_MS = 100
"""A final may end this much before the silence is thought to begin: no word fits in between."""


class LiveChannel:
    def __init__(self, index: int, options: ListenOptions, messages: LiveMessages) -> None:
        self._index = index
        self._options = options
        self._messages = messages
        self._final_until = 0
        """Milliseconds: up to here the results are final."""
        self._reported_until = 0
        """Milliseconds: up to here a result was sent, final or not."""
        self._open_words = False
        """Whether the last interim of the open span had words."""
        self._utterance_open = False
        """Whether speech was reported that no `speech_final` has closed yet."""
        self._gap = _UtteranceGap(options.utterance_end_ms)

    @property
    def until(self) -> float:
        """Seconds of stream for which there was a result."""
        return self._reported_until / 1000

    def add_result(self, event: RecognitionResult, *, from_finalize: bool) -> list[SendMessage]:
        """Results; no interims unless the caller asked for them. `from_finalize`: it answers a Finalize."""
        if event.final:
            return self._final(event, from_finalize)
        return self._interim(event) if self._options.interim_results else []

    def speech_started(self, event: SpeechStarted) -> list[SendMessage]:
        """SpeechStarted (https://developers.deepgram.com/docs/speech-started)."""
        if not self._options.vad_events:
            return []
        self._utterance_open = True
        return [SendMessage(self._messages.speech_started(self._index, event.at), MessageKind.SPEECH_STARTED)]

    def vad_progress(self, event: VadProgress) -> list[SendMessage]:
        """What silence brings: an interim without words now and then, and UtteranceEnd.

        Only where the whole open span is silent: for speech in it the recogniser may still send words.
        """
        quiet = (
            event.quiet_since is not None and _ms(event.quiet_since) - self._final_until < SHORTEST_WORD_MS
        )
        if not self._options.interim_results or not quiet or self._open_words:
            return []
        until = _ms(event.until)
        messages = self._utterance_end(event.until)
        if until - self._reported_until >= EMPTY_INTERIM_MS:
            messages.append(self._interim_until(until, ()))
        return messages

    def audio_paused(self, seconds: float) -> list[SendMessage]:
        """No audio was sent for so long: that is a gap between words, too."""
        return self._utterance_end(self.until + seconds)

    def _interim(self, event: RecognitionResult) -> list[SendMessage]:
        end = max(_ms(event.end), self._final_until)
        overtaken = _ms(event.start) < self._final_until
        if overtaken or (end == self._final_until and not event.words):
            return []
        messages = self._utterance_end(event.words[0].start if event.words else event.end)
        self._open_words = bool(event.words)
        self._utterance_open = self._utterance_open or self._open_words
        return [*messages, self._interim_until(end, event.words)]

    def _interim_until(self, end: int, words: Sequence[Word]) -> SendMessage:
        self._reported_until = max(self._reported_until, end)
        span = ResultSpan(self._index, self._final_until, end)
        # More words than one message can hold are a recogniser's fault, which the final will show.
        message = self._messages.results(span, next(split_words(words)), final=False)
        return SendMessage(message, MessageKind.INTERIM)

    def _final(self, event: RecognitionResult, from_finalize: bool) -> list[SendMessage]:
        start, end = self._final_until, max(_ms(event.end), self._final_until)
        if start == end and not event.words and not from_finalize:
            return []
        messages = self._utterance_end(event.words[0].start if event.words else event.end)
        speech_final = self._closes_speech(event, end - start, from_finalize)
        messages += self._finals(ResultSpan(self._index, start, end), event, speech_final, from_finalize)
        self._final_until = self._reported_until = end
        self._open_words = False
        self._utterance_open = not speech_final and (self._utterance_open or bool(event.words))
        self._gap.finalised(event.words, speech_final)
        return messages

    def _finals(
        self, span: ResultSpan, event: RecognitionResult, speech_final: bool, from_finalize: bool
    ) -> list[SendMessage]:
        """One final; more only for more words than a message can hold, the flags on the last."""
        parts = list(split_words(event.words))
        first = 0
        starts = [span.start]
        for part in parts[1:]:
            starts.append(min(max(_ms(part[0].start), starts[-1]), span.end))
        messages = []
        for part, start, end in zip(parts, starts, [*starts[1:], span.end], strict=True):
            last = part is parts[-1]
            message = self._messages.results(
                ResultSpan(self._index, start, end),
                part,
                final=True,
                speech_final=speech_final and last,
                from_finalize=from_finalize and last,
                entities=self._entities(event, first, first + len(part)),
                search=event.search if self._options.search and last else None,
            )
            first += len(part)
            messages.append(SendMessage(message, MessageKind.FINAL))
        return messages

    def _entities(self, event: RecognitionResult, first: int, end: int) -> list[JsonEntity] | None:
        """Those in the words `first` ≤ i < `end`, with their indices from `first` on."""
        if not self._options.detect_entities:
            return None
        return [
            replace(each, start_word=each.start_word - first, end_word=each.end_word - first)
            for each in event.entities
            if first <= each.start_word and each.end_word <= end
        ]

    def _closes_speech(self, event: RecognitionResult, length: int, from_finalize: bool) -> bool:
        """A pause closes an utterance, and so do a Finalize and the end of the stream, as observed on
        Deepgram's wire.

        Silence without speech before it closes nothing: after an empty `speech_final` voice agents would
        answer an utterance that was not spoken.
        """
        speech_open = self._utterance_open or bool(event.words)
        match event.cause:
            case Cause.ENDPOINT:
                return self._options.endpointing is not None
            case Cause.SILENCE:
                endpointing = self._options.endpointing
                return speech_open and endpointing is not None and length >= endpointing
            case Cause.FINALIZE:
                return speech_open and from_finalize
            case Cause.END:
                return speech_open
            case Cause.LENGTH | Cause.UPDATE | Cause.EAGER:
                return False

    def _utterance_end(self, quiet_until: float) -> list[SendMessage]:
        last_word_end = self._gap.found(quiet_until)
        if last_word_end is None:
            return []
        message = self._messages.utterance_end(self._index, last_word_end)
        return [SendMessage(message, MessageKind.UTTERANCE_END)]


class _UtteranceGap:
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
