"""What a caller asked for and does not get: the entries of `metadata.warnings`. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from ringback.listen.parameters import Mode, Parameter, Standing, by_name
from ringback.listen.values import Value

MOST_UNKNOWN_NAMES: Final = 20
"""Unknown names that are looked at and told of one request."""

LONGEST_NAME: Final = 64
"""Characters of an unknown name that can still be a misspelling."""


class Unserved(msgspec.Struct, frozen=True):
    """What the caller asked for and does not get; told in `metadata.warnings`."""

    parameter: str
    type: str
    """`unsupported` (not acted on yet), `ignored` (no meaning here) or `deprecated`."""
    message: str


def sets_nothing(name: str, text: str) -> bool:
    """Whether this value of a known parameter is what JavaScript makes of an option that was not set.

    The JavaScript SDKs 3 and 4 send `String(value)` of every option; an empty text is a value where the
    parameter takes any text (`tag`).
    """
    return text in {"undefined", "null"} or (not text and not _takes_empty(name))


def passed_over(name: str, text: str) -> Unserved:
    """The warning for a value that `sets_nothing`."""
    return Unserved(name, "ignored", f"`{name}={text}` is passed over: it sets nothing.")


def of_known_names(
    texts: Mapping[str, Sequence[str]], given: Mapping[str, tuple[Value, ...]], mode: Mode
) -> Iterable[Unserved]:
    """What the caller would otherwise believe to be done; nothing for values that ask for nothing."""
    known = by_name(mode)
    for name, found in texts.items():
        if name not in known:
            if found != ["false"]:
                yield _of_other_mode(name, mode)
        elif any(_asks_for_something(known[name], value) for value in given[name]):
            yield _not_acted_on(known[name])
        elif name in _OF_RAW_AUDIO and "encoding" not in given:
            yield Unserved(name, "ignored", f"`{name}` is read only together with `encoding`.")


def of_unknown_names(pairs: Iterable[tuple[str, str]], *, callback_unencoded: bool) -> Iterable[Unserved]:
    """Unknown names are ignored, as the SDKs let users add any; but not silently where they are misspelt,
    or behind a `callback` that was not percent-encoded, whose URL ends at the first `&`."""
    told: set[str] = set()
    behind_callback = False
    for name, _ in pairs:
        behind_callback |= name == "callback" and callback_unencoded
        if name in told or name in _KNOWN:
            continue
        if len(told) == MOST_UNKNOWN_NAMES:
            return
        told.add(name)
        near = _nearest(name)
        hint = "" if near is None else f" Did you mean `{near}`?"
        what = f"`{shown(name)}` is no parameter of this server and was ignored."
        if behind_callback:
            cut = " If it belongs to the URL of `callback`, percent-encode that URL: it was cut before it."
            yield Unserved(shown(name), "ignored", f"{what}{cut}{hint}")
        elif near is not None:
            yield Unserved(shown(name), "ignored", f"{what}{hint}")


def shown(text: str) -> str:
    """A user's text inside our message: short, on one line, in ASCII."""
    short = text if len(text) <= 60 else text[:60] + "..."
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in short)


_OF_RAW_AUDIO = frozenset({"sample_rate", "channels"})
"""A container tells these itself (docs/encoding)."""

_KNOWN: Mapping[str, Parameter] = {name: found for mode in Mode for name, found in by_name(mode).items()}


@lru_cache
def _takes_empty(name: str) -> bool:
    try:
        _KNOWN[name].kind.read("")
    except ValueError:
        return False
    return True


@lru_cache(1_024)
def _nearest(name: str) -> str | None:
    if len(name) > LONGEST_NAME:
        return None
    likely = name.lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(likely, _KNOWN, n=1, cutoff=0.8)), None)


def _asks_for_something(parameter: Parameter, value: Value) -> bool:
    if parameter.name == "alternatives":
        return value != 1
    if parameter.standing is Standing.SERVED:
        return False
    nothing = {"", parameter.default} if parameter.name != "redact" else {"false"}
    return str(value).lower() not in nothing


def _of_other_mode(name: str, mode: Mode) -> Unserved:
    place = "live streams" if mode is Mode.RECORDED else "recordings"
    return Unserved(name, "ignored", f"`{name}` has a meaning for {place} only.")


def _not_acted_on(parameter: Parameter) -> Unserved:
    name = parameter.name
    match parameter.standing:
        case Standing.SERVED:
            return Unserved(name, "unsupported", f"This server gives `{name}={parameter.default}` only.")
        case Standing.UNSERVED:
            return Unserved(name, "unsupported", f"This server does not act on `{name}` yet.")
        case Standing.IGNORED:
            return Unserved(name, "deprecated", f"`{name}` is an old parameter that this server ignores.")
