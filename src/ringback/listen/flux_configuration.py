"""What a turn-based stream's Configure may change (https://developers.deepgram.com/docs/flux/configure): all
that a message asks for, or nothing of it. Pure."""

from collections.abc import Mapping

import msgspec

from ringback.errors import Refusal
from ringback.listen.actions import Action, Reconfigure
from ringback.listen.flux_controls import FluxConfigure
from ringback.listen.flux_messages import FluxMessages
from ringback.listen.flux_options import keyterms_fault, threshold_fault
from ringback.listen.flux_parameters import (
    EAGER_EOT_THRESHOLD,
    EOT_THRESHOLD,
    EOT_TIMEOUT,
    FLUX_MULTILINGUAL,
    LANGUAGE_HINT,
)
from ringback.listen.live_messages import StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import printable
from ringback.listen.turn import TurnWriter
from ringback.listen.turn_confidence import TurnThresholds
from ringback.listen.values import ValueKind
from ringback.transcript import base_language


class FluxConfiguration:
    """What is in force on one stream."""

    def __init__(
        self, options: ListenOptions, facts: StreamMetadata, messages: FluxMessages, writer: TurnWriter
    ) -> None:
        self.thresholds = options.thresholds or TurnThresholds()
        self.hints = options.hinted_languages
        """The languages to expect, without regions."""
        self._hint_tags = options.language_hint
        self._keyterms = options.keyterm
        self._numerals = options.numerals
        self._multilingual = options.code_switching
        self._facts = facts
        self._messages = messages
        self._writer = writer

    def change(self, requested: FluxConfigure) -> list[Action]:
        """One answer to each message; a Warning behind it where terms were named and the model takes none."""
        try:
            thresholds = self._checked(requested)
        except Refusal as refused:
            return [self._messages.not_configured(refused.failure.err_msg)]
        self.thresholds = thresholds
        keyterms = requested.keyterms if self._facts.takes_terms else None
        if keyterms is not None:
            self._keyterms = keyterms
        if requested.language_hints is not None:
            self._hint_tags = tuple(dict.fromkeys(requested.language_hints))
            self.hints = tuple(dict.fromkeys(base_language(tag) for tag in self._hint_tags))
        if requested.numerals is not None:
            self._numerals = requested.numerals
            self._writer.switch_numerals(requested.numerals)
        if requested.profanity_filter is not None:
            self._writer.switch_profanity_filter(requested.profanity_filter)
        change = Reconfigure(
            numerals=None,  # a turn is written by `TurnWriter`
            keyterms=keyterms,
            thresholds=thresholds if requested.thresholds else None,
            language_hints=None if requested.language_hints is None else self.hints,
        )
        answers: list[Action] = [
            self._messages.configured(thresholds, self._keyterms, self._hint_tags, numerals=self._numerals)
        ]
        if requested.keyterms and not self._facts.takes_terms:
            what = f"`keyterms` is passed over: {self._facts.no_terms}"
            answers.append(self._messages.warning("KEYTERMS_NOT_SUPPORTED", what))
        return answers if change == _NOTHING else [change, *answers]

    def _checked(self, requested: FluxConfigure) -> TurnThresholds:
        """The thresholds that are to be in force. Raises `Refusal` where anything cannot be done."""
        for name, value in requested.thresholds.items():
            _check(_RANGES[name], name, f"{value:.9g}" if isinstance(value, float) else str(value))
        thresholds = msgspec.structs.replace(self.thresholds, **requested.thresholds)
        if fault := threshold_fault(thresholds):
            raise _invalid(fault)
        if requested.keyterms is not None and (fault := keyterms_fault(requested.keyterms)):
            raise _invalid(f"`keyterms`: {fault}")
        if requested.language_hints and not self._multilingual:
            raise _invalid(f"`language_hints` needs `model={FLUX_MULTILINGUAL}`")
        for tag in requested.language_hints or ():
            _check(LANGUAGE_HINT, "language_hints", tag)
        return thresholds


def _check(kind: ValueKind, name: str, text: str) -> None:
    try:
        kind.read(text)
    except ValueError:
        raise _invalid(f"`{name}` ({printable(text)}): expected {kind.description}") from None


def _invalid(why: str) -> Refusal:
    return Refusal(400, "INVALID_CONFIGURATION", why)


_RANGES: Mapping[str, ValueKind] = {
    "eot_threshold": EOT_THRESHOLD,
    "eager_eot_threshold": EAGER_EOT_THRESHOLD,
    "eot_timeout_ms": EOT_TIMEOUT,
}
_NOTHING = Reconfigure(numerals=None, keyterms=None)
