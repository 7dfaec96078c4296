"""All that the options ask to be made of the transcript of a recording; `steps` has the order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import merge

from ringback.features.paragraphs import paragraphs
from ringback.features.redaction import Hidden, Labels
from ringback.features.search import search
from ringback.features.steps import Looked, Spoken, TextSteps, look_into, reported, write_out
from ringback.features.utterances import utterances
from ringback.features.written_sentences import WrittenSentence
from ringback.listen.json_parts import JsonEntity, JsonSearch
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, NamedSpan, Paragraph, Transcript, Utterance, Word


@dataclass(frozen=True, slots=True)
class Finished:
    """What `listen.results` writes; None: not asked for. `paragraphs`, `entities`, `search` and `sentences`
    are those of each channel."""

    transcript: Transcript
    utterances: tuple[Utterance, ...] | None = None
    paragraphs: tuple[tuple[Paragraph, ...], ...] | None = None
    entities: tuple[tuple[JsonEntity, ...], ...] | None = None
    search: tuple[tuple[JsonSearch, ...], ...] | None = None
    sentences: tuple[tuple[WrittenSentence, ...], ...] | None = None
    """For what understands the text: with redactions, and with punctuation whether asked for or not."""


def speak(recognised: Transcript, options: ListenOptions) -> Transcript:
    """The first steps: the words in which names are looked for. `heard` is as the model wrote it."""
    steps = TextSteps.of(options)
    return replace(
        recognised,
        channels=tuple(
            _with_words(channel, steps.speak(channel.alternative.words, language_of(channel, options)))
            for channel in recognised.channels
        ),
    )


def finish(
    recognised: Transcript, options: ListenOptions, names: Sequence[Sequence[NamedSpan]] | None = None
) -> Finished:
    """The transcript as asked for; `heard` is as the model wrote it, with case and punctuation. `names`:
    those found in the words of each channel of `speak(heard)`."""
    steps = TextSteps.of(options)
    spoken = speak(recognised, options)
    looked = _look(spoken, options, steps, names or [()] * len(spoken.channels))
    labels = _labels(looked)
    written = [write_out(each, own, steps) for each, own in zip(looked, labels, strict=True)]
    transcript = replace(
        spoken,
        channels=tuple(
            _with_words(channel, out.words) for channel, out in zip(spoken.channels, written, strict=True)
        ),
    )
    return Finished(
        transcript,
        utterances(transcript, options.utt_split) if options.utterances else None,
        tuple(paragraphs(channel.alternative.words) for channel in transcript.channels)
        if options.paragraphs
        else None,
        tuple(out.entities for out in written) if options.detect_entities else None,
        _searched(recognised, transcript, looked, options) if options.search else None,
        tuple(out.sentences for out in written) if steps.sentences else None,
    )


def _searched(
    recognised: Transcript, finished: Transcript, looked: Sequence[Looked], options: ListenOptions
) -> tuple[tuple[JsonSearch, ...], ...]:
    """Searched in what was heard, cut from what is written."""
    return tuple(
        reported(search(before.alternative.words, options.search), after.alternative.words, each.hidden_times)
        for before, after, each in zip(recognised.channels, finished.channels, looked, strict=True)
    )


def language_of(channel: Channel, options: ListenOptions) -> str:
    """As found out, as asked for, or, where people switch, as most of the words are."""
    if channel.language is not None or options.language != "multi":
        return channel.language or options.language
    spoken = Counter(word.language for word in channel.alternative.words if word.language is not None)
    return spoken.most_common(1)[0][0] if spoken else "en"


def _look(
    spoken: Transcript, options: ListenOptions, steps: TextSteps, names: Sequence[Sequence[NamedSpan]]
) -> list[Looked]:
    words = [channel.alternative.words for channel in spoken.channels]
    return [
        look_into(
            Spoken(
                words[number],
                language_of(channel, options),
                tuple(names[number]),
                others=_in_order_of_time([*words[:number], *words[number + 1 :]]),
            ),
            steps,
        )
        for number, channel in enumerate(spoken.channels)
    ]


def _in_order_of_time(channels: Sequence[Sequence[Word]]) -> tuple[Word, ...]:
    return tuple(merge(*channels, key=lambda word: word.start))


def _labels(looked: Sequence[Looked]) -> list[list[str]]:
    """One for each hidden span of each channel, counted in order of time over all of them."""
    labels = Labels()
    given: list[list[str]] = [[""] * len(each.hidden) for each in looked]
    for _, channel, number, kind in sorted(_spans(looked), key=lambda each: each[:3]):
        given[channel][number] = labels.next(kind)
    return given


def _spans(looked: Sequence[Looked]) -> list[tuple[float, int, int, str | None]]:
    def entry(channel: int, number: int, span: Hidden) -> tuple[float, int, int, str | None]:
        return looked[channel].spoken.words[span.first].start, channel, number, span.kind

    return [
        entry(channel, number, span)
        for channel, each in enumerate(looked)
        for number, span in enumerate(each.hidden)
    ]


def _with_words(channel: Channel, words: tuple[Word, ...]) -> Channel:
    return replace(channel, alternative=Alternative(words))
