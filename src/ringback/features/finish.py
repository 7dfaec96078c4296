"""All that the options ask to be made of a transcript, in the one order that is right."""

from dataclasses import dataclass

from ringback.features.formatting import plain, without_fillers
from ringback.features.paragraphs import paragraphs
from ringback.features.utterances import utterances
from ringback.listen.options import ListenOptions
from ringback.transcript import Paragraph, Transcript, Utterance


@dataclass(frozen=True, slots=True)
class Finished:
    """What `listen.results.document` tells; `paragraphs` are those of each channel. None: not asked for."""

    transcript: Transcript
    utterances: tuple[Utterance, ...] | None = None
    paragraphs: tuple[tuple[Paragraph, ...], ...] | None = None


def finish(heard: Transcript, options: ListenOptions) -> Finished:
    """The transcript as asked for; `heard` is as the model wrote it, with case and punctuation."""
    spoken = heard if options.filler_words else without_fillers(heard, options.language)
    transcript = spoken if options.punctuate else plain(spoken)
    return Finished(
        transcript,
        utterances(transcript, options.utt_split) if options.utterances else None,
        tuple(paragraphs(channel.alternative.words) for channel in transcript.channels)
        if options.paragraphs
        else None,
    )
