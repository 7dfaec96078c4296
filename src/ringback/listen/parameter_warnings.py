"""The entries of `metadata.warnings`: parameters that were given and have no effect. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from ringback.listen.parameter import Mode, Parameter, Support
from ringback.listen.parameters import by_name
from ringback.listen.values import Value

MOST_UNKNOWN_NAMES: Final = 20
"""Unknown names of one request that are checked for misspelling and reported."""

LONGEST_NAME: Final = 64
"""Characters of an unknown name that can still be a misspelling."""


class ParameterWarning(msgspec.Struct, frozen=True):
    """One parameter that was given and has no effect, as an entry of `metadata.warnings`."""

    parameter: str
    type: str
    """`unsupported` (not acted on, or not in full), `ignored` (no meaning here) or `deprecated`."""
    message: str


def is_unset(name: str, text: str) -> bool:
    """Whether this value of a known parameter is what JavaScript makes of an option that was not set.

    The JavaScript SDKs 3 and 4 send `String(value)` of every option; an empty text is a value where the
    parameter takes any text (`tag`).
    """
    return text in {"undefined", "null"} or (not text and not _takes_empty(name))


def unset_warning(name: str, text: str) -> ParameterWarning:
    """The warning for a value that `is_unset`."""
    return ParameterWarning(name, "ignored", f"`{name}={text}` is passed over: it sets nothing.")


def known_parameter_warnings(
    texts: Mapping[str, Sequence[str]], given: Mapping[str, tuple[Value, ...]], mode: Mode
) -> Iterable[ParameterWarning]:
    """Warnings for parameters that the caller would otherwise believe to be applied; none for values that
    ask for nothing."""
    known = by_name(mode)
    for name, values in texts.items():
        if name not in known:
            if values != ["false"]:
                yield _other_mode_warning(name)
        elif any(_asks_for_something(known[name], value) for value in given[name]):
            yield _unsupported_warning(known[name])
        elif (needed := _READ_WITH.get(name)) and _is_alone(known[name], given, needed):
            yield ParameterWarning(name, "ignored", f"`{name}` is read only together with `{needed}`.")


def unknown_parameter_warnings(
    pairs: Iterable[tuple[str, str]], *, callback_unencoded: bool
) -> Iterable[ParameterWarning]:
    """Unknown names are ignored, as the SDKs let users add any; but not silently where they are misspelt,
    or behind a `callback` that was not percent-encoded, whose URL ends at the first `&`."""
    reported: set[str] = set()
    behind_callback = False
    for name, _ in pairs:
        behind_callback |= name == "callback" and callback_unencoded
        if name in reported or name in _KNOWN:
            continue
        if len(reported) == MOST_UNKNOWN_NAMES:
            return
        reported.add(name)
        near = _nearest(name)
        hint = "" if near is None else f" Did you mean `{near}`?"
        what = f"`{printable(name)}` is no parameter of this server and was ignored."
        if behind_callback:
            cut = " If it belongs to the URL of `callback`, percent-encode that URL: it was cut before it."
            yield ParameterWarning(printable(name), "ignored", f"{what}{cut}{hint}")
        elif near is not None:
            yield ParameterWarning(printable(name), "ignored", f"{what}{hint}")


def printable(text: str) -> str:
    """A user's text inside our message: short, on one line, in ASCII."""
    short = text if len(text) <= 60 else text[:60] + "..."
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in short)


_PLACES = {Mode.RECORDED: "recordings", Mode.LIVE: "live streams", Mode.TEXT: "texts"}
_READ_WITH = {
    "sample_rate": "encoding",  # a container holds these itself (docs/encoding)
    "channels": "encoding",
    "callback_method": "callback",
    "callback_schedule": "callback",
    "utt_split": "utterances",
    "custom_topic": "topics",
    "custom_topic_mode": "topics",
    "custom_intent": "intents",
    "custom_intent_mode": "intents",
}
"""What says something about another parameter's effect, and that one."""

_KNOWN: Mapping[str, Parameter] = {name: known for mode in Mode for name, known in by_name(mode).items()}


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
    if parameter.support is Support.SERVED:
        return False
    return str(value).lower() not in {"", parameter.default}


def _is_alone(parameter: Parameter, given: Mapping[str, tuple[Value, ...]], needed: str) -> bool:
    """Whether it has another value than its default, and `needed` was not given or is false."""
    changed = any(str(value) != parameter.default for value in given[parameter.name])
    return changed and not any(given.get(needed, ()))


def _other_mode_warning(name: str) -> ParameterWarning:
    places = " and ".join(_PLACES[other] for other in Mode if name in by_name(other))
    return ParameterWarning(name, "ignored", f"`{name}` has a meaning for {places} only.")


def _unsupported_warning(parameter: Parameter) -> ParameterWarning:
    name = parameter.name
    match parameter.support:
        case Support.SERVED:
            return ParameterWarning(
                name, "unsupported", f"This server gives `{name}={parameter.default}` only."
            )
        case Support.IGNORED:
            return ParameterWarning(
                name, "deprecated", f"`{name}` is an old parameter that this server ignores."
            )
