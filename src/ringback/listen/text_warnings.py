"""Warnings about text options that do less than their names say, in this language or on this server. Pure."""

import re
from collections.abc import Iterator

import msgspec

from ringback.listen.entity_types import undetected
from ringback.listen.language_warnings import hint_warnings
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.listen.text_languages import number_language

_ENGLISH_ONLY = ("measurements", "dictation", "detect_entities")


def with_text_warnings(options: ListenOptions, *, names: bool) -> ListenOptions:
    """The options, with a warning for each of them that is not acted on in full. `names`: this server has the
    model that finds names and places."""
    found = (
        *hint_warnings(options),
        *_of_language(options),
        *_of_redaction(options, names),
        *_of_entities(options, names),
        *_of_terms(options),
    )
    return msgspec.structs.replace(options, warnings=(*options.warnings, *found)) if found else options


def _of_language(options: ListenOptions) -> Iterator[ParameterWarning]:
    if options.dictation and not options.punctuate:
        yield ParameterWarning("dictation", "ignored", "`dictation` needs `punctuate=true`.")
    if not options.is_foreign:
        return
    yield from _of_numbers(options)
    for name in _ENGLISH_ONLY:
        if getattr(options, name):
            yield ParameterWarning(name, "unsupported", f"`{name}` acts on English only.")
    if options.redact:
        what = "In other languages than English `redact` hides numbers only."
        yield ParameterWarning("redact", "unsupported", what)


def _of_numbers(options: ListenOptions) -> Iterator[ParameterWarning]:
    if options.numerals and number_language(options.language) is None:
        what = f"`numerals`: numbers in `{options.language}` stay as the model writes them."
        yield ParameterWarning("numerals", "unsupported", what)


def _of_redaction(options: ListenOptions, names: bool) -> Iterator[ParameterWarning]:
    for value in options.redact:
        types = undetected(value, names=names)
        if types:
            what = f"`redact={value}`: nothing on this server detects {', '.join(types)}."
            yield ParameterWarning("redact", "unsupported", what)


def _of_entities(options: ListenOptions, names: bool) -> Iterator[ParameterWarning]:
    if options.detect_entities and not names:
        what = "`detect_entities` finds no names and places on this server: it has no model for them."
        yield ParameterWarning("detect_entities", "unsupported", what)


def _of_terms(options: ListenOptions) -> Iterator[ParameterWarning]:
    """Both are literal terms at Deepgram too, and then match nothing (https://developers.deepgram.com/docs/keyterm)."""
    if any("," in term for term in options.keyterm):
        what = "`keyterm` takes one term each: with commas it is one literal term. Give the parameter again."
        yield ParameterWarning("keyterm", "ignored", what)
    if any(_WEIGHT.search(term) for term in options.keyterm):
        what = "`keyterm` takes no weights: `:` and what follows it are part of the term."
        yield ParameterWarning("keyterm", "ignored", what)
    if any(_BOOST.search(word) and float(word.rpartition(":")[2]) <= 0 for word in options.keywords):
        what = "`keywords` with a boost of 0 or less are passed over: no word is suppressed."
        yield ParameterWarning("keywords", "ignored", what)


_WEIGHT = re.compile(r":-?[0-9.]+$")
_BOOST = re.compile(r":[^:]+$")
