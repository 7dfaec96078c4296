"""Words as the caller wants them written: without fillers, without punctuation."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ringback.transcript import Alternative, Channel, Transcript, Word


def without_fillers(transcript: Transcript, language: str) -> Transcript:
    """Without “uh” and “um”, the two that Deepgram strips unless `filler_words=true`.

    Others, such as “uh-huh”, carry meaning and stay (https://developers.deepgram.com/docs/filler-words).
    English only: “um” is a word in German and Portuguese. `language` is what was asked for; a language
    found out counts more. What a filler carried for its sentence, the end or the capital, passes to its
    neighbour.
    """

    def changed(channel: Channel) -> Channel:
        words = _spare_fillers(channel.alternative.words, channel.language or language)
        return replace(channel, alternative=Alternative(words))

    return replace(transcript, channels=tuple(changed(channel) for channel in transcript.channels))


def plain(transcript: Transcript) -> Transcript:
    """In lower case and without punctuation: https://developers.deepgram.com/docs/punctuation."""

    def changed(channel: Channel) -> Channel:
        words = tuple(replace(word, text=bare) for word in channel.alternative.words if (bare := word.bare))
        return replace(channel, alternative=Alternative(words))

    return replace(transcript, channels=tuple(changed(channel) for channel in transcript.channels))


def _spare_fillers(words: Sequence[Word], language: str) -> tuple[Word, ...]:
    kept: list[Word] = []
    capital = False
    for word in words:
        if _is_filler(word, language):
            capital = capital or word.text[:1].isupper()
            _end_sentence_earlier(kept, word.text)
        elif capital:
            kept.append(replace(word, text=word.text[:1].upper() + word.text[1:]))
            capital = False
        else:
            kept.append(word)
    return tuple(kept)


def _is_filler(word: Word, language: str) -> bool:
    english = (word.language or language).lower().startswith("en")
    return english and _FILLER.fullmatch(word.bare) is not None


def _end_sentence_earlier(kept: list[Word], filler: str) -> None:
    """The end of a sentence that a filler was the last word of."""
    end = filler[-1]
    if kept and end in _ENDS and kept[-1].text[-1] not in _ENDS:
        kept[-1] = replace(kept[-1], text=kept[-1].text.rstrip(",;:-") + end)


# Models spell them at any length: "uhh", "Ummm".
_FILLER = re.compile(r"u+h+|u+h*m+")
_ENDS = ".?!…"
