"""Stretches of speech without a long pause (https://developers.deepgram.com/docs/utterances)."""

from collections.abc import Iterator, Sequence

from ringback.transcript import Transcript, Utterance, Word


def utterances(transcript: Transcript, utt_split: float) -> tuple[Utterance, ...]:
    """All channels' utterances in the order of their start; a pause above `utt_split` seconds parts two."""
    found = [
        Utterance(index, words)
        for index, channel in enumerate(transcript.channels)
        for words in _stretches(channel.alternative.words, utt_split)
    ]
    return tuple(sorted(found, key=lambda utterance: (utterance.start, utterance.channel)))


def _stretches(words: Sequence[Word], utt_split: float) -> Iterator[tuple[Word, ...]]:
    first = 0
    for index in range(1, len(words)):
        if _parts(words[index - 1], words[index], utt_split):
            yield tuple(words[first:index])
            first = index
    if words:
        yield tuple(words[first:])


def _parts(word: Word, following: Word, utt_split: float) -> bool:
    # To the millisecond: 1.3 − 0.5 is a little more than 0.8 in binary.
    return word.speaker != following.speaker or round(following.start - word.end, 3) > utt_split
