"""The query string of `WS /v2/listen`, parsed strictly: a wrong value costs the whole connection, so the
refusal names it, and so are the names of `/v1/listen` refused that have no meaning here.

https://developers.deepgram.com/docs/flux/configuration, /docs/flux/nova-3-migration.
"""

import difflib
from collections.abc import Mapping, Sequence

import msgspec

from ringback.errors import Refusal
from ringback.listen.flux_parameters import FLUX_ENGLISH, FLUX_MULTILINGUAL, FLUX_PARAMETERS
from ringback.listen.options import (
    MOST_PARAMETERS,
    NEEDS_RATE,
    ListenOptions,
    keyterm_fault,
    read_value,
    refused,
)
from ringback.listen.parameter import Parameter
from ringback.listen.parameter_warnings import printable
from ringback.listen.parameters import PARAMETERS
from ringback.listen.turn_confidence import TurnThresholds
from ringback.listen.values import Value


def parse_flux(pairs: Sequence[tuple[str, str]]) -> ListenOptions:
    """The options of these decoded query parameters; `thresholds` is set. Raises `Refusal` (400), whose
    message is one line of printable ASCII."""
    if len(pairs) > MOST_PARAMETERS:
        raise refused(f"more than {MOST_PARAMETERS} parameters")
    texts = _texts_by_name(pairs)
    given = {name: _read(_KNOWN[name], values) for name, values in texts.items()}
    if "model" not in given:
        raise refused(f"missing field `model`; it must be {_MODELS}", parameter="model")
    options = msgspec.convert(_fields(given), ListenOptions)
    _check_together(options)
    return options


def threshold_fault(thresholds: TurnThresholds) -> str | None:
    """Why these contradict each other, or None."""
    eager, end = thresholds.eager_eot_threshold, thresholds.eot_threshold
    if eager is None or eager <= end:
        return None
    return f"`eager_eot_threshold` ({eager:g}) must not be greater than `eot_threshold` ({end:g})"


def keyterms_fault(terms: Sequence[str]) -> str | None:
    """Why these cannot be expected, or None."""
    if any(not term.strip() for term in terms):
        return "a keyterm is empty"
    return keyterm_fault(terms)


def _texts_by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in _KNOWN:
            raise _unknown(name)
        texts.setdefault(name, []).extend(text.split(",") if name in _JOINED else [text])
    return texts


def _unknown(name: str) -> Refusal:
    printed = printable(name)
    if name in _OF_V1:
        return refused(f"`{printed}` is a parameter of /v1/listen, and has no meaning here", parameter=name)
    near = next(iter(difflib.get_close_matches(name[:64].lower(), _KNOWN, n=1, cutoff=0.8)), None)
    hint = "" if near is None else f"; did you mean `{near}`?"
    return refused(f"unknown field `{printed}`{hint}", reason="an unknown parameter")


def _read(parameter: Parameter, texts: Sequence[str]) -> tuple[Value, ...]:
    """The values of one parameter, each checked; at least one."""
    if parameter.repeats == 1 and len(set(texts)) > 1:
        raise refused(
            f"duplicate field `{parameter.name}` with different values; give it once",
            parameter=parameter.name,
        )
    if parameter.name == "keyterm" and (fault := keyterms_fault(texts)):
        raise Refusal(400, "INVALID_QUERY_PARAMETER", f"`keyterm`: {fault}", parameter="keyterm")
    if len(texts) > parameter.repeats > 1:
        raise refused(
            f"`{parameter.name}` has {len(texts)} values; at most {parameter.repeats} are allowed",
            parameter=parameter.name,
        )
    return tuple(read_value(parameter, text) for text in texts)


def _fields(given: Mapping[str, tuple[Value, ...]]) -> dict[str, object]:
    """The values in the types of `ListenOptions`."""
    fields: dict[str, object] = {
        name: tuple(dict.fromkeys(values)) if _KNOWN[name].repeats > 1 else values[0]
        for name, values in given.items()
        if name not in _THRESHOLDS
    }
    thresholds = {name: given[name][0] for name in _THRESHOLDS if name in given}
    language = "multi" if given["model"][0] == FLUX_MULTILINGUAL else "en"
    return {**fields, "language": language, "thresholds": thresholds}


def _check_together(options: ListenOptions) -> None:
    """The rules that hold between parameters."""
    if options.encoding in NEEDS_RATE and options.sample_rate is None:
        raise refused(f"`encoding={options.encoding}` needs `sample_rate`", parameter="sample_rate")
    if options.encoding is None and options.sample_rate is not None:
        raise refused("`sample_rate` needs `encoding`; a file with a header has both", parameter="encoding")
    assert options.thresholds is not None
    if fault := threshold_fault(options.thresholds):
        raise refused(fault, parameter="eager_eot_threshold")
    if options.language_hint and options.model == FLUX_ENGLISH:
        raise refused(f"`language_hint` needs `model={FLUX_MULTILINGUAL}`", parameter="language_hint")


_KNOWN: Mapping[str, Parameter] = {parameter.name: parameter for parameter in FLUX_PARAMETERS}
_OF_V1 = frozenset(parameter.name for parameter in PARAMETERS) - _KNOWN.keys()
_THRESHOLDS = TurnThresholds.__struct_fields__
_JOINED = frozenset({"language_hint", "redact"})
"""Older SDKs join the values of these with commas."""
_MODELS = _KNOWN["model"].kind.description
