"""All that the options ask to be made of a transcript, in the one order that is right."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringback.features.formatting import plain, without_fillers
from ringback.features.paragraphs import paragraphs
from ringback.features.utterances import utterances
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Paragraph, Transcript, Utterance, Word


@dataclass(frozen=True, slots=True)
class Finished:
    """What `listen.results.document` tells; `paragraphs` are those of each channel. None: not asked for."""

    transcript: Transcript
    utterances: tuple[Utterance, ...] | None = None
    paragraphs: tuple[tuple[Paragraph, ...], ...] | None = None


def finish(heard: Transcript, options: ListenOptions) -> Finished:
    """The transcript as asked for; `heard` is as the model wrote it, with case and punctuation."""
    transcript = _worded(heard, options)
    return Finished(
        transcript,
        utterances(transcript, options.utt_split) if options.utterances else None,
        tuple(paragraphs(channel.alternative.words) for channel in transcript.channels)
        if options.paragraphs
        else None,
    )


def finish_words(heard: Sequence[Word], options: ListenOptions) -> tuple[Word, ...]:
    """What can be made of a stretch of a live stream by itself: its words as asked for."""
    alone = Transcript(0.0, (Channel(Alternative(tuple(heard))),))
    return _worded(alone, options).channels[0].alternative.words


def _worded(heard: Transcript, options: ListenOptions) -> Transcript:
    spoken = heard if options.filler_words else without_fillers(heard, options.language)
    return spoken if options.punctuate else plain(spoken)
