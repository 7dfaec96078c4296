"""From a value as it was given to the type of its setting, or to a sentence about what it must be."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from ringback.settings.schema import FIELDS, variable

_SECRETS = frozenset(
    {"api_key", "secret_key", "database_url", "blobs_url", "llm.api_key", "llm.url", "webhooks.url"}
)


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A value as it was given, and by whom."""

    key: str
    value: Any
    origin: str
    """The file, the environment variable or the option."""


def converted(given: GivenValue, faults: list[str]) -> Any:
    """The value in its field's type, or None after naming the fault."""
    expected, _ = FIELDS[given.key]
    value = given.value
    try:
        if get_origin(expected) is tuple and isinstance(value, str):
            any_port = given.key == "callback.ports" and value.strip().lower() == "any"
            value = [] if any_port else [part.strip() for part in value.split(",") if part.strip()]
        return msgspec.convert(value, expected, strict=given.origin != variable(given.key))
    except msgspec.ValidationError:
        value_text = "***" if given.key in _SECRETS else repr(given.value)
        hint = kubernetes_hint(str(given.value))
        faults.append(
            f"{given.key} = {value_text} ({given.origin}): must be {_describe_type(given.key)}{hint}"
        )
        return None


def _describe_type(key: str) -> str:
    """What a value must be, in words."""
    expected, _ = FIELDS[key]
    if key == "callback.ports":
        return "a list of ports from 1 to 65535 (in the environment: 80,443), or 'any'"
    if expected is bool:
        return "true or false"
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(get_args(expected))
    if key == "role":
        return "api, transcribe, deliver, several of them (in the environment: api,deliver), or all"
    if get_origin(expected) is tuple:
        return "a list of texts (in the environment: with commas between them)"
    return _describe_number(*get_args(expected)) if _is_number(expected) else "a text, and not an empty one"


def _is_number(expected: Any) -> bool:
    return get_origin(expected) is Annotated and get_args(expected)[0] in (int, float)


def _describe_number(base: type, limits: Meta) -> str:
    noun = "a whole number" if base is int else "a number"
    if limits.gt is not None:
        return f"{noun} above {limits.gt} and up to {limits.le}"
    return f"{noun} from {limits.ge}" + (f" to {limits.le}" if limits.le is not None else " up")


def kubernetes_hint(value: str) -> str:
    """The fix, where Kubernetes has set such a variable by itself; empty otherwise."""
    if not re.match(r"(tcp|udp)://", value):
        return ""
    return " (Kubernetes makes such variables for a service named ringback: set enableServiceLinks: false)"
