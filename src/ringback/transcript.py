"""What was said: the words of a recording, in time, free of any wire format or engine.

All times are seconds from the start of the recording (or of the stream).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it would be printed: `text` carries the model's case and punctuation."""

    text: str
    start: float
    end: float
    confidence: float
    spaced: bool = True
    """Whether a space stands before this word; False inside Chinese, Japanese or Thai text."""
    speaker: int | None = None
    language: str | None = None
    word: str | None = None
    """Its bare form where the text does not show it: `(617) 555-4987`, `[SSN_1]`, `****`. See `bare`."""
    speaker_confidence: float | None = None
    """How probably it is the speaker's, 0 to 1."""

    @property
    def bare(self) -> str:
        """The word in lower case and without the punctuation around it; empty when it is nothing else.

        Apostrophes and hyphens inside stay, and so does what is spoken: `%`, `&`, `@`, `#`. A word that a
        feature wrote carries its own bare form.
        """
        if self.word is not None:
            return self.word
        common = self.text.strip(".,?!")
        if common.isalnum():  # nearly every word, and much quicker than the whole rule
            return common.lower()
        first, last = 0, len(self.text)
        while first < last and _is_silent(self.text[first]):
            first += 1
        while first < last and _is_silent(self.text[last - 1]):
            last -= 1
        bare = self.text[first:last].lower()
        # The last point of "U.S." is not the sentence's alone.
        return bare + "." if _INITIALS.fullmatch(bare) and self.text[last:].startswith(".") else bare

    def shifted(self, seconds: float) -> "Word":
        return replace(self, start=self.start + seconds, end=self.end + seconds)


def base_language(tag: str) -> str:
    """The language of a BCP-47 tag without its region, by the code that models use: `en` of `en-GB`, `no` of
    `nb-NO`."""
    language = tag.partition("-")[0].lower()
    return _SAME_LANGUAGE.get(language, language)


_SAME_LANGUAGE = {"cmn": "zh", "fil": "tl", "in": "id", "iw": "he", "jv": "jw", "nb": "no"}
"""Codes that callers use (https://developers.deepgram.com/docs/models-languages-overview, and older ones of
BCP-47) → Whisper's (`jw` is its own mistake)."""


class WordRange(Protocol):
    """Something about the words `first` ≤ i < `end`."""

    @property
    def first(self) -> int: ...

    @property
    def end(self) -> int: ...


def overlap(one: WordRange, other: WordRange) -> bool:
    """Whether they have a word in common."""
    return one.first < other.end and other.first < one.end


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """A name, place or address in the words `first` ≤ i < `end`; `kind` is Deepgram's type in lower case."""

    first: int
    end: int
    kind: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """One reading of a stretch of speech."""

    words: tuple[Word, ...] = ()

    @property
    def text(self) -> str:
        return joined(self.words)

    @property
    def confidence(self) -> float:
        """The mean of the words' confidences, 0.0 when nothing was heard."""
        if not self.words:
            return 0.0
        return sum(word.confidence for word in self.words) / len(self.words)


@dataclass(frozen=True, slots=True)
class LanguageShare:
    """A language, and the share of the time of all words, 0 to 1, that was said in it."""

    language: str
    share: float


@dataclass(frozen=True, slots=True)
class Channel:
    """All that was said on one channel; `language` is set when it was detected, not asked for."""

    alternative: Alternative = Alternative()
    language: str | None = None
    """The one that most was said in."""
    language_confidence: float | None = None
    """How probable it is, 0 to 1, on average over all that was said."""
    other_languages: tuple[LanguageShare, ...] = ()
    """Detected beside it, the largest share first; what was said in them is written in them."""
    excluded_languages: tuple[LanguageShare, ...] = ()
    """What was probably said in languages that the caller has ruled out, and is written in another one."""
    unlabelled_seconds: float = 0.0
    """Of words whose speakers were asked for and could not be looked for."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a whole recording, `duration` seconds long."""

    duration: float
    channels: tuple[Channel, ...]
    warnings: tuple[str, ...] = ()
    """For the caller: what of the recording could not be used."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words of one channel with no pause of `utt_split` between them."""

    channel: int
    words: tuple[Word, ...]

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Sentence:
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences of one speaker that belong together."""

    sentences: tuple[Sentence, ...]
    speaker: int | None = None


def joined(words: Iterable[Word]) -> str:
    """The words as running text."""
    text = "".join(f" {word.text}" if word.spaced else word.text for word in words)
    return text.removeprefix(" ")


_INITIALS = re.compile(r"([^\W\d_]\.)+[^\W\d_]")


def _is_silent(character: str) -> bool:
    """Whether it is only written: punctuation, a space, a note sign."""
    category = unicodedata.category(character)
    return (category[0] in "PZC" and character not in "%&@#‰") or category in {"So", "Sk"}
