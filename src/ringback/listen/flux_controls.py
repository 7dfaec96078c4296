"""Parses the text messages of a turn-based stream's client: Configure, ForceEndTurn, CloseStream, KeepAlive.

https://developers.deepgram.com/docs/flux/configure, /docs/flux/close-stream. What cannot be read is fatal on
this wire; what can be read and cannot be done is for `flux_conversation` to say.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ringback.listen.controls import LONGEST


@dataclass(frozen=True, slots=True)
class FluxConfigure:
    """What is to change; absent: it stays as it is."""

    thresholds: Mapping[str, float | int]
    """By the names of `TurnThresholds`; the numbers are not checked yet."""
    keyterms: tuple[str, ...] | None
    language_hints: tuple[str, ...] | None
    numerals: bool | None
    profanity_filter: bool | None


@dataclass(frozen=True, slots=True)
class ForceEndTurn:
    pass


@dataclass(frozen=True, slots=True)
class CloseFluxStream:
    pass


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """KeepAlive, which older SDKs send: nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A message that cannot be read; `description` becomes the Error's."""

    description: str


class _FluxThresholds(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    eot_threshold: float | None = None
    eager_eot_threshold: float | None = None
    eot_timeout_ms: int | None = None


class FluxConfigureMessage(
    msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, tag_field="type", tag="Configure"
):
    """Changes what is given from now on: all of it or nothing."""

    thresholds: _FluxThresholds | None = None
    keyterms: list[str] | str | None = None
    language_hints: list[str] | None = None
    numerals: bool | None = None
    profanity_filter: bool | None = None


class ForceEndTurnMessage(msgspec.Struct, tag_field="type", tag="ForceEndTurn"):
    """Ends the turn with the audio sent so far."""


class FluxCloseStreamMessage(msgspec.Struct, tag_field="type", tag="CloseStream"):
    """Asks for the last words, and for the end."""


class FluxKeepAliveMessage(msgspec.Struct, tag_field="type", tag="KeepAlive"):
    """Ignored: a stream without audio stays open."""


FLUX_CONTROL_MESSAGES: tuple[type[msgspec.Struct], ...] = (
    FluxConfigureMessage,
    ForceEndTurnMessage,
    FluxCloseStreamMessage,
    FluxKeepAliveMessage,
)
"""The forms that `read_flux` takes, for the description of the interface."""

FluxControl = FluxConfigure | ForceEndTurn | CloseFluxStream | SignOfLife | Unparsable


def read_flux(text: str) -> FluxControl:
    """The control that the message holds. Never raises, whatever the text."""
    if len(text) > LONGEST:
        return Unparsable(f"the message is longer than {LONGEST} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Unparsable("the message is not JSON")
    if not isinstance(document, dict):
        return Unparsable("expected an object with the field `type`")
    kind = document.get("type")
    if not isinstance(kind, str):
        return Unparsable("the field `type` is missing, or no string")
    if kind not in _FORMS:
        return Unparsable(f"unknown type `{_short(kind)}`, expected one of {_TYPES}")
    return _FORMS[kind](cast(dict[str, object], document))


def _configure(document: Mapping[str, object]) -> FluxConfigure | Unparsable:
    try:
        # Numbers are read strictly: neither "0.8" nor true is one.
        message = msgspec.convert(document, FluxConfigureMessage)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter: a name is no text
        return Unparsable(f"Configure: {_short(str(error))}")
    thresholds = cast(dict[str, Any], msgspec.to_builtins(message.thresholds or _FluxThresholds()))
    keyterms = message.keyterms
    return FluxConfigure(
        {name: value for name, value in thresholds.items() if value is not None},
        None if keyterms is None else _several(keyterms),
        None if message.language_hints is None else tuple(message.language_hints),
        message.numerals,
        message.profanity_filter,
    )


def _several(terms: Sequence[str] | str) -> tuple[str, ...]:
    return (terms,) if isinstance(terms, str) else tuple(terms)


_FORMS: Mapping[str, Callable[[Mapping[str, object]], FluxControl]] = {
    "Configure": _configure,
    "ForceEndTurn": lambda _: ForceEndTurn(),
    "CloseStream": lambda _: CloseFluxStream(),
    "KeepAlive": lambda _: SignOfLife(),
}
_TYPES = ", ".join(f"`{kind}`" for kind in _FORMS)


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
