"""The kinds of values of query parameters: each parses one text or raises `ValueError`.

Every kind is strict on purpose: `int()` and `float()` would also take `1_000`, ` 7 `, `nan` and Arabic
digits, none of which Deepgram's server takes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ringback.retry_schedule import GRAMMAR as SCHEDULE_GRAMMAR
from ringback.retry_schedule import parse_schedule

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value. `description` stands in refusals and in the documentation."""

    description: str
    read: Callable[[str], Value]
    """The value of a text; `ValueError` when the text is not of this kind."""
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"}, hash=False)
    """The same as JSON Schema, for `openapi.json`; what it cannot say stands in `description`."""


def choice(*allowed: str, any_case: bool = False) -> ValueKind:
    """One of these words; with `any_case` the result is in upper case, as `allowed` must be."""

    def read(text: str) -> str:
        word = text.upper() if any_case else text
        if word not in allowed:
            raise ValueError(text)
        return word

    description = _either(allowed)
    schema = {"type": "string", "enum": list(allowed)}
    return ValueKind(f"{description}, in any case" if any_case else description, read, schema)


def integer(low: int, high: int) -> ValueKind:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return ValueKind(f"a whole number from {low} to {high}", read, schema)


def any_of(*allowed: int) -> ValueKind:
    """One of these numbers."""

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or int(text) not in allowed:
            raise ValueError(text)
        return int(text)

    schema = {"type": "integer", "enum": list(allowed)}
    return ValueKind(_either(tuple(map(str, allowed))), read, schema)


def decimal(low: float, high: float) -> ValueKind:
    def read(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError(text)
        return float(text)

    schema = {"type": "number", "minimum": low, "maximum": high}
    return ValueKind(f"a number from {low:g} to {high:g}", read, schema)


def seconds(high: float) -> ValueKind:
    def read(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not 0.0 < float(text) <= high:
            raise ValueError(text)
        return float(text)

    schema = {"type": "number", "exclusiveMinimum": 0, "maximum": high}
    return ValueKind(f"seconds, more than 0 and at most {high:g}", read, schema)


def text(longest: int, *, empty: bool = False) -> ValueKind:
    """Any text of at most `longest` characters."""

    def read(given: str) -> str:
        if len(given) > longest or not (given or empty):
            raise ValueError(given)
        return given

    schema = {"type": "string", "minLength": 0 if empty else 1, "maxLength": longest}
    return ValueKind(f"text of at most {longest} characters", read, schema)


def shaped(description: str, pattern: str, longest: int) -> ValueKind:
    """Text that the pattern matches as a whole."""
    shape = re.compile(pattern, re.DOTALL)

    def read(given: str) -> str:
        if len(given) > longest or not shape.fullmatch(given):
            raise ValueError(given)
        return given

    # JSON Schema's dot matches no line break: it is the stricter of the two.
    schema = {"type": "string", "pattern": f"^({pattern})$", "maxLength": longest}
    return ValueKind(description, read, schema)


def _either(words: tuple[str, ...]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _read_boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


def _read_endpointing(text: str) -> Value:
    return _read_boolean(text) if text in {"true", "false"} else _MILLISECONDS.read(text)


def _read_redaction(text: str) -> str:
    if not _NAME.fullmatch(text) or text in _NOT_REDACTABLE:
        raise ValueError(text)
    return text


def _read_schedule(text: str) -> str:
    parse_schedule(text)
    return text


_INTEGER = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")
_NAME = re.compile(r"[a-z][a-z_]{1,63}")
_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"

# https://developers.deepgram.com/docs/supported-entity-types: detected, yet a 400 when asked to redact.
_NOT_REDACTABLE = frozenset({"cardinal", "ordinal", "percent"})

_MILLISECONDS = integer(0, 60_000)

BOOLEAN = ValueKind("`true` or `false`", _read_boolean, {"type": "boolean"})
LANGUAGE = shaped("a BCP-47 language tag, such as `en` or `pt-BR`, or `multi`", f"multi|{_TAG}", 35)
LANGUAGE_TAG = shaped("a BCP-47 language tag, such as `en` or `pt-BR`", _TAG, 35)
DETECTION = shaped("`true`, `false` or a BCP-47 language tag", f"true|false|{_TAG}", 35)
ENDPOINTING = ValueKind(
    "milliseconds from 0 to 60000, `true` or `false`",
    _read_endpointing,
    {"anyOf": [BOOLEAN.schema, _MILLISECONDS.schema]},
)
REDACTION = ValueKind(
    "`true`, `false`, `pci`, `pii`, `phi`, `numbers`, `aggressive_numbers`, `ssn` or an entity type",
    _read_redaction,
    {"type": "string", "pattern": f"^{_NAME.pattern}$"},
)
KEY_AND_VALUE = shaped("`key:value` of at most 2048 characters", r"[^:]+:.*", 2048)
REPLACEMENT = shaped("`find:replacement` of at most 500 characters", r"[^:]+(:.*)?", 500)
KEYWORD = shaped(
    "`word` or `word:boost`, where boost is a number", r"[^:]+(:-?[0-9]{1,6}(\.[0-9]{1,6})?)?", 200
)
SCHEDULE = ValueKind(SCHEDULE_GRAMMAR, _read_schedule)
