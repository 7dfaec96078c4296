"""Sayings as a transcript, and as the result document of a recording. Pure."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from ringback.features.paragraphs import paragraphs
from ringback.features.utterances import utterances
from ringback.listen.json_parts import ModelMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.results import ResultMetadata, result_document
from ringback.stand_in.script import Rule, Saying
from ringback.transcript import Alternative, Channel, Transcript, Word

WORD_SECONDS, PAUSE_SECONDS = 0.4, 0.5

CREATED = 0.0
"""When each document was made: the same input gives the same bytes."""


def timed(sayings: Iterable[Saying]) -> list[Saying]:
    """The sayings with all of their times."""
    found: list[Saying] = []
    for saying in sayings:
        start = saying.start
        if start is None:
            before = found[-1].end if found else None
            start = 0.0 if before is None else before + PAUSE_SECONDS
        end = start + WORD_SECONDS * len(saying.text.split()) if saying.end is None else saying.end
        found.append(msgspec.structs.replace(saying, start=start, end=end))
    return found


def words_of(saying: Saying, options: ListenOptions) -> tuple[Word, ...]:
    """Its words, as the options want them written; they share its time evenly."""
    texts = saying.text.split()
    start, end = saying.start or 0.0, saying.end or 0.0
    each = (end - start) / max(1, len(texts))
    spoken = (
        Word(
            text,
            start + number * each,
            start + (number + 1) * each,
            saying.confidence,
            speaker=saying.speaker if options.diarize else None,
            speaker_confidence=1.0 if options.diarize and saying.speaker is not None else None,
        )
        for number, text in enumerate(texts)
    )
    return tuple(spoken) if options.punctuate else tuple(_plain(spoken))


def model_of(options: ListenOptions) -> ModelMetadata:
    """The model that was named: all are served."""
    name = options.model or "stand-in"
    return ModelMetadata(str(uuid.uuid5(uuid.NAMESPACE_URL, f"stand-in:{name}")), name, "stand-in", "script")


def document_of(rule: Rule, options: ListenOptions, request_id: str, sha256: str) -> bytes:
    """The result document of a recording in which the rule's sayings are said."""
    transcript = _transcript(rule, options)
    facts = ResultMetadata(request_id, sha256, CREATED, (model_of(options),))
    return result_document(
        transcript,
        options,
        facts,
        utterances=utterances(transcript, options.utt_split) if options.utterances else None,
        paragraphs=[paragraphs(channel.alternative.words) for channel in transcript.channels]
        if options.paragraphs
        else None,
    )


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def channels_of(sayings: Sequence[Saying], options: ListenOptions) -> int:
    """How many channels are written apart."""
    return 1 + max((saying.channel for saying in sayings), default=0) if options.multichannel else 1


def _transcript(rule: Rule, options: ListenOptions) -> Transcript:
    sayings = timed(rule.sayings)
    duration = max((saying.end or 0.0 for saying in sayings), default=0.0)
    language = (rule.language or "en") if options.detect_language else None
    channels = []
    for number in range(channels_of(sayings, options)):
        said = [saying for saying in sayings if saying.channel == number or not options.multichannel]
        words = tuple(word for saying in said for word in words_of(saying, options))
        channels.append(Channel(Alternative(words), language, None if language is None else 1.0))
    return Transcript(duration if rule.duration is None else rule.duration, tuple(channels))


def _plain(words: Iterable[Word]) -> Iterator[Word]:
    """As without `punctuate`: https://developers.deepgram.com/docs/punctuation"""
    for word in words:
        if word.bare:
            yield replace(word, text=word.bare)
