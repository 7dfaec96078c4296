"""Parses the text messages of a live client (KeepAlive, Finalize, CloseStream, Configure, Sync).

https://developers.deepgram.com/docs/audio-keep-alive, /docs/finalize, /docs/close-stream, /docs/configure.
What cannot be read is described in the words and with the line and column that Deepgram's server gives.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

LONGEST = 65_536
"""Characters of a message that is read at all: the largest of use, a Configure, needs a fraction of it."""

MOST_CHANNELS = 20
"""https://developers.deepgram.com/docs/multichannel"""

_CONFIGURE_FIELDS = ("features", "processors", "keyterms", "language_hints")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    pass


@dataclass(frozen=True, slots=True)
class Finalize:
    channel: int | None
    """None: every channel."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    pass


@dataclass(frozen=True, slots=True)
class Configure:
    keyterms: tuple[str, ...] | None
    """None: as they are."""
    features: Mapping[str, bool]
    others: tuple[str, ...]
    """Other fields that ask for a change."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Listed by Deepgram's server, so it is no error. No client sends it, and no page documents it."""


@dataclass(frozen=True, slots=True)
class Misread:
    """A message that cannot be read; `description` becomes the Error's."""

    description: str


class _KeepAliveMessage(msgspec.Struct, tag_field="type", tag="KeepAlive"):
    """Keeps the stream open while there is no audio."""


class _FinalizeMessage(msgspec.Struct, omit_defaults=True, tag_field="type", tag="Finalize"):
    """Asks for the open words at once."""

    channel: Annotated[int, Meta(ge=0, lt=MOST_CHANNELS)] | None = None


class _CloseStreamMessage(msgspec.Struct, tag_field="type", tag="CloseStream"):
    """Asks for the last words, and for the end."""


class _ConfigureMessage(
    msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, tag_field="type", tag="Configure"
):
    """Changes `features.numerals` and `keyterms` from now on; whatever else would change fails."""

    features: dict[str, bool] | None = None
    processors: Any = None
    keyterms: list[str] | None = None
    language_hints: Any = None


class _SyncMessage(msgspec.Struct, tag_field="type", tag="Sync"):
    """A sign of life, as KeepAlive."""


CONTROL_MESSAGES: tuple[type[msgspec.Struct], ...] = (
    _CloseStreamMessage,
    _ConfigureMessage,
    _SyncMessage,
    _KeepAliveMessage,
    _FinalizeMessage,
)
"""The forms that `read` takes, for the description of the interface. (It reads by hand, to say what is wrong
in Deepgram's words.)"""

Control = KeepAlive | Finalize | CloseStream | Configure | Sync | Misread


def read(text: str) -> Control:
    """The control that the message holds. Never raises, whatever the text."""
    if len(text) > LONGEST:
        return _misread(f"the message is longer than {LONGEST} characters")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return _misread(_syntax(error), text, error.pos + 1)
    except RecursionError:
        return _misread("recursion limit exceeded")
    except ValueError:
        return _misread("number out of range")
    if not isinstance(document, dict):
        return _misread("expected an object with the field `type`", text, len(text))
    return _read_object(cast(dict[str, object], document), text)


def _read_object(document: dict[str, object], text: str) -> Control:
    kind = document.get("type")
    if not isinstance(kind, str):
        what = "missing field `type`" if kind is None else "invalid type: `type` must be a string"
        return _misread(what, text, len(text))
    match kind:
        case "Finalize":
            return _finalize(document, text)
        case "Configure":
            return _configure(document, text)
        case _ if kind in _PLAIN:
            return _PLAIN[kind]
        case _:
            variants = ", ".join(f"`{form.__struct_config__.tag}`" for form in CONTROL_MESSAGES)
            what = f"unknown variant `{_short(kind)}`, expected one of {variants}"
            return _misread(what, text, _end_of_type(text, kind))


_PLAIN: Mapping[str, Control] = {"KeepAlive": KeepAlive(), "CloseStream": CloseStream(), "Sync": Sync()}


def _finalize(document: dict[str, object], text: str) -> Finalize | Misread:
    channel = document.get("channel")
    if channel is None:
        return Finalize(None)
    if not isinstance(channel, int) or isinstance(channel, bool) or not 0 <= channel < MOST_CHANNELS:
        return _misread("invalid value: `channel` must be the index of a channel", text, len(text))
    return Finalize(channel)


def _configure(document: dict[str, object], text: str) -> Configure | Misread:
    for field in document:
        if field not in (*_CONFIGURE_FIELDS, "type"):
            fields = ", ".join(f"`{known}`" for known in _CONFIGURE_FIELDS)
            return _misread(f"unknown field `{_short(field)}`, expected one of {fields}")
    keyterms = document.get("keyterms")
    if keyterms is not None and not _all_are(str, keyterms):
        return _misread("invalid type: `keyterms` must be a list of strings", text, len(text))
    features = document.get("features")
    features = {} if features is None else features
    if not isinstance(features, dict) or not _all_are(bool, list(features.values())):
        return _misread("invalid type: `features` must hold booleans", text, len(text))
    return Configure(
        keyterms=None if keyterms is None else tuple(cast(list[str], keyterms)),
        features=cast(dict[str, bool], features),
        others=tuple(name for name in ("processors", "language_hints") if document.get(name)),
    )


def _all_are(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _misread(what: str, text: str = "", column: int | None = None) -> Misread:
    """`column`: which character of the text, from 1, was the last one read."""
    place = "" if column is None else f" at {_place(text, column)}"
    return Misread(f"Could not deserialize last text message: {what}{place}")


def _place(text: str, column: int) -> str:
    """Columns are bytes from 1, as Deepgram's JSON reader counts them."""
    before = text[: max(column, 1)]
    line_start = before.rfind("\n", 0, -1) + 1
    line = text.count("\n", 0, line_start) + 1
    return f"line {line} column {len(before[line_start:].encode(errors='replace'))}"


def _syntax(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "trailing characters"
    return "EOF while parsing a value" if error.pos >= len(error.doc) else "expected value"


def _end_of_type(text: str, unknown: str) -> int:
    """Where the string that `type` is set to ends."""
    ends = (match.end() for match in _TYPE.finditer(text) if json.loads(match[1]) == unknown)
    return next(ends, len(text))


_TYPE = re.compile(r'"type"[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")')


def _short(name: str) -> str:
    return name if len(name) <= 100 else name[:100] + "…"
