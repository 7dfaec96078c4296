"""The words of a turn as asked for: all of them at each message, by the same steps as a recording's. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from ringback.features.spans import NumberFormats
from ringback.features.steps import Spoken, TextSteps, look_into, write_out
from ringback.listen.options import ListenOptions
from ringback.transcript import Word

HIDDEN = "*"
"""In place of what `redact` hides (https://developers.deepgram.com/docs/flux/redaction)."""


class TurnText:
    """Of one stream; `listen.turn.TurnWriter`."""

    def __init__(self, options: ListenOptions) -> None:
        self._language = options.language
        self._steps = TextSteps.of(structs.replace(options, punctuate=True), live=True)

    def switch_numerals(self, on: bool) -> None:
        """From now on, and for the words of the open turn too."""
        self._steps = replace(self._steps, formats=NumberFormats(numerals=on))

    def switch_profanity_filter(self, on: bool) -> None:
        """The same."""
        self._steps = replace(self._steps, profanity=on)

    def write(self, words: Sequence[Word], *, settled: bool) -> tuple[Word, ...]:
        """The words as they are sent. Not `settled`: more may come, so that every run of digits is hidden
        that could come to be."""
        language = self._language
        if language == "multi":
            language = next((word.language for word in words if word.language is not None), "en")
        spoken = Spoken(self._steps.speak(words, language), language)
        looked = look_into(spoken, self._steps, settled=settled)
        return write_out(looked, [HIDDEN] * len(looked.hidden), self._steps).words
