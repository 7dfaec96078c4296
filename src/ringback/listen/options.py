"""The query string of `/v1/listen` and `/v1/read`, parsed once for recordings, live streams and texts into
one frozen value.

Bad values of known names are refused (https://developers.deepgram.com/docs/errors), values that set nothing
are ignored with a warning, unknown names are ignored, as the SDKs let users add any (`parameter_warnings`
decides when that brings a warning). The same name given twice with two values is refused, unless it may
repeat: silently taking one of the two would mislead the caller.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from ringback.errors import Refusal
from ringback.listen.parameter import MANY, Mode, Parameter, Support
from ringback.listen.parameter_warnings import (
    ParameterWarning,
    is_unset,
    known_parameter_warnings,
    printable,
    unknown_parameter_warnings,
    unset_warning,
)
from ringback.listen.parameters import by_name, required_names
from ringback.listen.text_languages import is_english
from ringback.listen.turn_confidence import TurnThresholds
from ringback.listen.values import Value
from ringback.transcript import base_language

__all__ = ["ListenOptions", "Mode", "ParameterWarning", "parse"]

MOST_PARAMETERS = MANY
"""A request with more query parameters than this is refused before any is read."""


QUERIES_REMEMBERED, LONGEST_REMEMBERED = 512, 4_000
"""Queries without the URLs of their callbacks, and characters of each."""


class ListenOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The options of one request; fields have the names of the query parameters.

    What one parameter turns on in another is already done: `smart_format` sets `punctuate` and
    `paragraphs`. Survives JSON unchanged, so that it can ride in a job's payload.
    """

    model: str | None = None
    version: str = "latest"
    language: str = "en"
    language_hint: tuple[str, ...] = ()
    detect_language: bool | tuple[str, ...] = False
    """A tuple: only these languages are candidates."""

    callback: str | None = None
    """As given; judged by `egress`, not here."""
    callback_method: Literal["POST", "PUT", "GET", "DELETE"] = "POST"
    callback_schedule: str | None = None
    """Ours: in the grammar of `ringback.retry_schedule`."""
    inspect_response: bool = False

    punctuate: bool = False
    smart_format: bool = False
    paragraphs: bool = False
    utterances: bool = False
    utt_split: float = 0.8
    """Seconds."""
    filler_words: bool = False
    numerals: bool = False
    measurements: bool = False
    dictation: bool = False
    profanity_filter: bool = False
    redact: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    keyterm: tuple[str, ...] = ()

    multichannel: bool = False
    diarize: bool = False
    diarize_model: str | None = None
    encoding: str | None = None
    sample_rate: int | None = None
    """Hz."""
    channels: int | None = None

    tag: tuple[str, ...] = ()
    extra: dict[str, str] = {}
    mip_opt_out: bool = False
    alternatives: int = 1

    summarize: Literal["v1", "v2"] | None = None
    """`v1` in jobs of earlier versions alone; it means the same."""
    topics: bool = False
    custom_topic: tuple[str, ...] = ()
    custom_topic_mode: str = "extended"
    intents: bool = False
    custom_intent: tuple[str, ...] = ()
    custom_intent_mode: str = "extended"
    sentiment: bool = False
    detect_entities: bool = False

    interim_results: bool = False
    endpointing: int | None = 10
    """Milliseconds; None: silence never ends a span."""
    utterance_end_ms: int | None = None
    vad_events: bool = False
    no_delay: bool = False
    turn_detection: bool = False

    thresholds: TurnThresholds | None = None
    """Of a turn-based stream (`/v2/listen`); None: of all other requests."""

    warnings: tuple[ParameterWarning, ...] = msgspec.field(default=(), name="unserved")
    """What of all this the server does not act on. Stored jobs hold it under its first name."""

    @property
    def terms(self) -> tuple[str, ...]:
        """What the recogniser is to expect: `keyterm`, and `keywords` without their boosts. A boost of 0 or
        less asks for a word to be suppressed, which the recogniser cannot do."""
        words = (value.partition(":") for value in self.keywords)
        return (*self.keyterm, *(word for word, _, boost in words if float(boost or 1) > 0))

    @property
    def code_switching(self) -> bool:
        """Whether each word gets its language (docs/multilingual-code-switching); `detect_language` overrides
        `language` (docs/language-detection)."""
        return self.language == "multi" and not self.detect_language

    @property
    def hinted_languages(self) -> tuple[str, ...]:
        """The languages (without regions) of `language_hint`, which counts with code switching only."""
        return tuple(dict.fromkeys(base_language(tag) for tag in self.language_hint))

    @property
    def is_foreign(self) -> bool:
        """Whether another language than English is sure to be spoken."""
        unknown = self.language == "multi" or bool(self.detect_language)
        return not unknown and not is_english(self.language)

    @property
    def candidates(self) -> tuple[str, ...]:
        """The languages (without regions) that `detect_language` allows; none: any."""
        if not isinstance(self.detect_language, tuple):
            return ()
        return tuple(dict.fromkeys(base_language(tag) for tag in self.detect_language))


def parse(pairs: Sequence[tuple[str, str]], mode: Mode, *, callback_unencoded: bool = False) -> ListenOptions:
    """The options of these decoded query parameters.

    `callback_unencoded`: the URL of `callback` came with a bare `?`, so that its own query may have been cut
    at the first `&`. Raises `Refusal` (400), whose message is one line of printable ASCII, fit for the
    `dg-error` header.
    """
    if len(pairs) > MOST_PARAMETERS:
        raise refused(f"more than {MOST_PARAMETERS} parameters")
    urls = [text for name, text in pairs if name == "callback"]
    if len(urls) > 1 or not all(map(_is_good_url, urls)) or sum(map(_length, pairs)) > LONGEST_REMEMBERED:
        return _parsed(pairs, mode, callback_unencoded)
    # From one request to the next only the URL differs.
    others = tuple((name, _ANY_URL if name == "callback" else text) for name, text in pairs)
    options = _remembered(others, mode, callback_unencoded)
    return options if options.callback is None else msgspec.structs.replace(options, callback=urls[0])


def _parsed(pairs: Sequence[tuple[str, str]], mode: Mode, callback_unencoded: bool) -> ListenOptions:
    known = by_name(mode)
    texts, unset = _without_unset(_texts_by_name(pairs))
    given = {name: _read(known[name], values) for name, values in texts.items() if name in known}
    _check_required(given, mode)
    options = msgspec.convert(_fields(given), ListenOptions)
    _check_together(options, mode)
    if mode is Mode.TEXT:
        _check_text(options)
    unknown = unknown_parameter_warnings(pairs, callback_unencoded=callback_unencoded)
    return _with_implied(options, (*unset, *known_parameter_warnings(texts, given, mode), *unknown))


_remembered = lru_cache(QUERIES_REMEMBERED)(_parsed)
_ANY_URL = "http://callback"


def _is_good_url(text: str) -> bool:
    """Whether `_parsed` takes it for a callback as it stands, like `_ANY_URL`."""
    parameter = by_name(Mode.RECORDED)["callback"]
    try:
        return not is_unset("callback", text) and read_value(parameter, text) == text
    except Refusal:
        return False


def _length(pair: tuple[str, str]) -> int:
    return len(pair[0]) + len(pair[1])


def _texts_by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each known name with its texts; those of another mode too, which bring a warning."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        if any(name in by_name(mode) for mode in Mode):
            texts.setdefault(name, []).extend(text.split(",") if name == "redact" else [text])
    return texts


def _without_unset(
    texts: Mapping[str, list[str]],
) -> tuple[dict[str, list[str]], tuple[ParameterWarning, ...]]:
    """The texts that set something, and a warning for each name with one that does not."""
    given: dict[str, list[str]] = {}
    warnings = []
    for name, values in texts.items():
        unset = [text for text in values if is_unset(name, text)]
        warnings += [unset_warning(name, text) for text in unset[:1]]
        if len(unset) < len(values):
            given[name] = [text for text in values if not is_unset(name, text)]
    return given, tuple(warnings)


def _read(parameter: Parameter, texts: list[str]) -> tuple[Value, ...]:
    """The values of one parameter, each checked; at least one."""
    if parameter.support is Support.IGNORED:
        return tuple(texts)
    if len(texts) > parameter.repeats:
        texts = _as_single(parameter, texts)
    return tuple(read_value(parameter, text) for text in texts)


def _as_single(parameter: Parameter, texts: list[str]) -> list[str]:
    if parameter.repeats > 1:
        raise refused(
            f"`{parameter.name}` has {len(texts)} values; at most {parameter.repeats} are allowed",
            parameter=parameter.name,
        )
    if len(set(texts)) > 1:
        raise refused(
            f"duplicate field `{parameter.name}` with different values; give it once",
            parameter=parameter.name,
        )
    return texts[:1]


def read_value(parameter: Parameter, text: str) -> Value:
    """One value. Raises `Refusal` (400), which names it and says what is expected."""
    try:
        _check_storable(text)
        return parameter.kind.read(text)
    except ValueError:
        if parameter.name == "callback":
            raise Refusal(
                400, "INVALID_QUERY_PARAMETER", "Invalid callback url.", parameter="callback"
            ) from None
        raise refused(
            f"`{parameter.name}={printable(text)}`: expected {parameter.kind.description}",
            reason=f"expected {parameter.kind.description}",
            parameter=parameter.name,
        ) from None


def _check_storable(text: str) -> None:
    """No NUL, which databases refuse, and no lone surrogate, which is not UTF-8 (a ValueError too)."""
    if "\0" in text:
        raise ValueError(text)
    text.encode()


def _fields(given: Mapping[str, tuple[Value, ...]]) -> dict[str, object]:
    """The values in the types of `ListenOptions`, which are then checked once more by `msgspec`."""
    fields: dict[str, object] = {}
    for name, values in given.items():
        if name in ListenOptions.__struct_fields__:
            fields[name] = _SHAPES.get(name, _many if name in _REPEATABLE else _single)(values)
    return fields


def _single(values: tuple[Value, ...]) -> object:
    return values[0]


def _many(values: tuple[Value, ...]) -> object:
    return values


def _extra(values: tuple[Value, ...]) -> object:
    """One object; of a key given twice the last value stands (docs/extra-metadata)."""
    return dict(str(value).split(":", 1) for value in values)


def _redactions(values: tuple[Value, ...]) -> object:
    """Each once; `true` is the same as `numbers` (docs/redaction)."""
    names = ("numbers" if value == "true" else str(value) for value in values if value != "false")
    return tuple(dict.fromkeys(names))


def _detection(values: tuple[Value, ...]) -> object:
    languages = tuple(dict.fromkeys(str(value) for value in values if value not in {"true", "false"}))
    if "false" not in values:
        return languages or True
    if set(values) != {"false"}:
        raise refused("`detect_language=false` contradicts its other values", parameter="detect_language")
    return False


def _summary(values: tuple[Value, ...]) -> object:
    """`true` and `v2` are the same (https://developers.deepgram.com/docs/summarization)."""
    return None if values[0] == "false" else "v2"


def _endpointing(values: tuple[Value, ...]) -> object:
    """`true` is the default of 10 ms, `false` never (docs/endpointing)."""
    if isinstance(values[0], bool):
        return 10 if values[0] else None
    return values[0]


_SHAPES = {
    "extra": _extra,
    "redact": _redactions,
    "detect_language": _detection,
    "summarize": _summary,
    "endpointing": _endpointing,
}
_REPEATABLE = frozenset(name for mode in Mode for name, p in by_name(mode).items() if p.repeats > 1)

MOST_KEYTERMS, MOST_KEYTERM_TOKENS = 100, 500
"""https://developers.deepgram.com/docs/keyterm. Its tokens are not ours: a word is at least one of them, and
here a longer one counts one for each eight characters."""

MOST_LIVE_EXTRA_BYTES = 32_768
"""Of `extra` as JSON, which each message of a live stream carries: messages stay below 1 MiB."""

NEEDS_RATE = frozenset({"linear16", "linear32", "mulaw", "alaw", "speex"})
"""In these encodings the bytes do not hold the rate (docs/encoding)."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_FIXED_RATE = {"amr-nb": 8_000, "amr-wb": 16_000}


def keyterm_fault(terms: Sequence[str]) -> str | None:
    """Why these cannot be expected, or None."""
    if any(_LONE_SURROGATE.search(term) for term in terms):
        return "A keyterm is no text: it has half of a surrogate pair."
    if len(terms) > MOST_KEYTERMS:
        return f"Keyterm limit exceeded. The maximum number of keyterms is {MOST_KEYTERMS}."
    if sum(-(-len(word) // 8) for term in terms for word in term.split()) > MOST_KEYTERM_TOKENS:
        return (
            "Keyterm limit exceeded. The maximum number of tokens across all keyterms is "
            f"{MOST_KEYTERM_TOKENS}."
        )
    return None


def _check_together(options: ListenOptions, mode: Mode) -> None:
    """The rules that hold between parameters."""
    if (options.model or "").startswith("flux-"):
        message = (
            "Flux models are not supported on the /v1/listen endpoint. Please use the /v2/listen endpoint "
            "for conversational speech-to-text requests."
        )
        raise Refusal(400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT", message, parameter="model")
    if options.encoding in NEEDS_RATE and options.sample_rate is None:
        raise refused(f"`encoding={options.encoding}` needs `sample_rate`", parameter="sample_rate")
    fixed = _FIXED_RATE.get(options.encoding or "")
    if fixed and options.sample_rate not in {None, fixed}:
        raise refused(f"`encoding={options.encoding}` needs `sample_rate={fixed}`", parameter="sample_rate")
    if fault := keyterm_fault(options.terms):
        raise Refusal(400, "INVALID_QUERY_PARAMETER", fault, parameter="keyterm")
    if options.utterance_end_ms is not None and not options.interim_results:
        raise refused("`utterance_end_ms` needs `interim_results=true`", parameter="utterance_end_ms")
    if mode is Mode.LIVE and len(msgspec.json.encode(options.extra)) > MOST_LIVE_EXTRA_BYTES:
        raise refused(f"`extra` is longer than {MOST_LIVE_EXTRA_BYTES} bytes in all", parameter="extra")
    if mode is Mode.RECORDED and options.is_foreign and options.summarize:
        message = "Summarization v2 not supported for non-English languages"
        raise Refusal(400, "Bad Request", message, parameter="summarize")


def _check_required(given: Collection[str], mode: Mode) -> None:
    """Deepgram's words (https://developers.deepgram.com/docs/text-summarization)."""
    for name in required_names(mode):
        if name not in given:
            message = f"Failed to deserialize query parameters: missing field `{name}`"
            raise Refusal(400, "INVALID_QUERY_PARAMETER", message, parameter=name)


def _check_text(options: ListenOptions) -> None:
    """The language must be English (https://developers.deepgram.com/docs/text-summarization)."""
    if not is_english(options.language):
        message = f"Request specified unsupported language: {options.language}. Only English is supported."
        reason = "a language other than English"
        raise Refusal(400, "INVALID_QUERY_PARAMETER", message, reason=reason, parameter="language")


def _with_implied(options: ListenOptions, warnings: tuple[ParameterWarning, ...]) -> ListenOptions:
    """What some turn on in others (docs/smart-format, /paragraphs, /detect-entities, /diarization)."""
    return msgspec.structs.replace(
        options,
        paragraphs=options.paragraphs or options.smart_format,
        punctuate=options.punctuate or options.smart_format or options.paragraphs or options.detect_entities,
        diarize=options.diarize or options.diarize_model is not None,
        warnings=warnings,
    )


def refused(why: str, *, reason: str = "", parameter: str | None = None) -> Refusal:
    """400, in Deepgram's words. `reason`: for the log, where `why` quotes what the caller sent."""
    message = f"Failed to deserialize query parameters: {why}."
    return Refusal(400, "INVALID_QUERY_PARAMETER", message, reason=reason, parameter=parameter)
