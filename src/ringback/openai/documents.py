"""A result document in the forms that OpenAI's clients ask for. Pure.

https://developers.openai.com/api/reference/resources/audio/subresources/transcriptions has the fields.
Segments, captions and the pieces of a stream are the same: stretches of words that fit on a screen.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

import msgspec

from ringback.listen import captions
from ringback.listen.json_parts import JsonWord
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.listen.results import ResultDocument
from ringback.openai.fields import TranscriptionForm
from ringback.openai.language_names import name_of
from ringback.transcript import Utterance, Word, base_language, joined


class DurationUsage(msgspec.Struct, tag="duration", tag_field="type"):
    """What it would be billed by."""

    seconds: float
    """Of audio."""


class DetectedLanguage(msgspec.Struct):
    code: str


class TranscriptionText(msgspec.Struct, omit_defaults=True):
    """`response_format=json`."""

    text: str
    usage: DurationUsage
    languages: list[DetectedLanguage] | None = None
    """Where it was detected."""


class TimedWord(msgspec.Struct, gc=False):
    word: str
    start: float
    end: float


class TranscriptionSegment(msgspec.Struct, gc=False):
    """A stretch of words; times in seconds."""

    id: int
    seek: int
    """The segment's start in hundredths of a second."""
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    """Always empty: the recogniser's tokens are not kept."""
    temperature: float
    """Always 0: each word is the most probable one."""
    avg_logprob: float
    """The mean of the logarithms of the words' confidences."""
    compression_ratio: float
    """Bytes of the text over those that zlib makes of them."""
    no_speech_prob: float
    """Always 0: segments are cut from where speech was found."""


class VerboseTranscription(msgspec.Struct, omit_defaults=True):
    """`response_format=verbose_json`."""

    task: Literal["transcribe"]
    language: str
    """Its English name, in lower case."""
    duration: float
    text: str
    usage: DurationUsage
    segments: list[TranscriptionSegment] | None = None
    words: list[TimedWord] | None = None
    warnings: tuple[ParameterWarning, ...] = ()
    """Ours: what was not acted on, or not in full."""


class SpeakerSegment(msgspec.Struct, tag="transcript.text.segment", tag_field="type"):
    """What one speaker says."""

    id: str
    start: float
    end: float
    text: str
    speaker: str
    """`A`, `B` and so on, by first word."""


class DiarizedTranscription(msgspec.Struct):
    """`response_format=diarized_json`."""

    task: Literal["transcribe"]
    duration: float
    text: str
    segments: list[SpeakerSegment]
    usage: DurationUsage


class TextDelta(msgspec.Struct, tag="transcript.text.delta", tag_field="type"):
    """An event of `stream=true`: more text."""

    delta: str


class TextDone(msgspec.Struct, tag="transcript.text.done", tag_field="type"):
    """Its last event: the whole text."""

    text: str


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """The body of an answer."""

    body: bytes
    media_type: str
    warnings: tuple[ParameterWarning, ...] = ()
    """Those that the body does not hold."""


def write_answer(document: bytes, form: TranscriptionForm) -> WrittenAnswer:
    """The stored result document, as this request wants to read it."""
    result = _RESULT.decode(document)
    warnings = form.named(result.metadata.warnings)
    if form.stream:
        return WrittenAnswer(_events(result), "text/event-stream", warnings)
    if form.response_format in _TEXTS:
        text = _TEXTS[form.response_format](result)
        return WrittenAnswer(text.encode(), "text/plain", warnings)
    if form.response_format == "verbose_json":
        return WrittenAnswer(_ENCODER.encode(_verbose(result, form)), "application/json")
    diarized = form.response_format == "diarized_json"
    answer = _diarized(result) if diarized else _text_document(result, form)
    return WrittenAnswer(_ENCODER.encode(answer), "application/json", warnings)


def warnings_text(warnings: Iterable[ParameterWarning]) -> str:
    """The warnings on one line, for a header."""
    return "; ".join(f"{warning.parameter}: {warning.message}" for warning in warnings)


def _text_document(result: ResultDocument, form: TranscriptionForm) -> TranscriptionText:
    detected = [channel.detected_language for channel in result.results.channels]
    languages = [DetectedLanguage(code) for code in dict.fromkeys(detected) if code is not None]
    detects = bool(form.options.detect_language)
    return TranscriptionText(_text(result), _usage(result), languages if detects else None)


def _verbose(result: ResultDocument, form: TranscriptionForm) -> VerboseTranscription:
    granularities = form.granularities
    detected = result.results.channels[0].detected_language
    said = [*captions.cues(_utterances(result))]
    return VerboseTranscription(
        task="transcribe",
        language=name_of(base_language(detected or form.options.language)),
        duration=result.metadata.duration,
        text=_text(result),
        usage=_usage(result),
        segments=[_segment(*each) for each in enumerate(said)] if "segment" in granularities else None,
        words=[_timed(word) for words in said for word in words] if "word" in granularities else None,
        warnings=form.named(result.metadata.warnings),
    )


def _segment(number: int, words: Sequence[Word]) -> TranscriptionSegment:
    text = joined(words)
    confidences = [word.confidence for word in words]
    return TranscriptionSegment(
        id=number,
        seek=int(words[0].start * 100),
        start=words[0].start,
        end=words[-1].end,
        text=f" {text}",  # as Whisper writes it: with the space before its first word
        tokens=(),
        temperature=0.0,
        avg_logprob=round(sum(log(max(each, 1e-4)) for each in confidences) / len(confidences), 4),
        compression_ratio=round(len(text.encode()) / len(zlib.compress(text.encode())), 4),
        no_speech_prob=0.0,
    )


def _timed(word: Word) -> TimedWord:
    return TimedWord(word.text.strip(_MARKS) or word.text, word.start, word.end)


def _diarized(result: ResultDocument) -> DiarizedTranscription:
    segments = [
        SpeakerSegment(
            id=f"seg_{number}",
            start=utterance.start,
            end=utterance.end,
            text=joined(utterance.words),
            speaker=_letters(utterance.words[0].speaker or 0),
        )
        for number, utterance in enumerate(_utterances(result))
    ]
    return DiarizedTranscription(
        "transcribe", result.metadata.duration, _text(result), segments, _usage(result)
    )


def _letters(speaker: int) -> str:
    """`A` to `Z`, then `AA`."""
    before, letter = divmod(speaker, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + letter)


def _events(result: ResultDocument) -> bytes:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html, each event on one `data` line."""
    text = _text(result)
    events: list[msgspec.Struct] = [TextDelta(piece) for piece in _pieces(result, text)]
    return b"".join(b"data: %b\n\n" % _ENCODER.encode(event) for event in (*events, TextDone(text)))


def _pieces(result: ResultDocument, text: str) -> Iterator[str]:
    """The text cut where captions end; together they are the text."""
    place = 0
    for words in captions.cues(_utterances(result)):
        end = place
        for word in words:
            end = _end_of(word.text, text, end)
        if end > place:
            yield text[place:end]
        place = end
    if place < len(text):
        yield text[place:]


def _text(result: ResultDocument) -> str:
    return result.results.channels[0].alternatives[0].transcript


def _usage(result: ResultDocument) -> DurationUsage:
    return DurationUsage(result.metadata.duration)


def _utterances(result: ResultDocument) -> list[Utterance]:
    return [
        Utterance(utterance.channel, tuple(_words(utterance.words, utterance.transcript)))
        for utterance in result.results.utterances or ()
        if utterance.words
    ]


def _words(written: Iterable[JsonWord], text: str) -> Iterator[Word]:
    """The words of an utterance; whether there is a space before one, its text says."""
    place = 0
    for each in written:
        spelling = each.punctuated_word or each.word
        spaced = text[place : place + 1].isspace()
        place = _end_of(spelling, text, place)
        yield Word(spelling, each.start, each.end, each.confidence, spaced, each.speaker)


def _end_of(word: str, text: str, start: int) -> int:
    """Where the next such word ends; `start` where there is none."""
    found = text.find(word, start)
    return start if found < 0 else found + len(word)


_TEXTS: Mapping[str, Callable[[ResultDocument], str]] = {
    "text": lambda result: f"{_text(result)}\n",
    "srt": lambda result: captions.srt(_utterances(result)),
    "vtt": lambda result: captions.vtt(_utterances(result)),
}
_RESULT = msgspec.json.Decoder(ResultDocument)
_ENCODER = msgspec.json.Encoder()
_MARKS = '.,?!:;"“”…'
"""What `words` leave out: at OpenAI they have no punctuation."""
