"""The fields of a transcription in OpenAI's form, read into what `/v1/listen` would have been asked. Pure.

https://developers.openai.com/api/reference/resources/audio/subresources/transcriptions/methods/create
names them; `callback` and the others of `OUR_FIELDS` are ours. Each is acted on, refused, or warned of.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from ringback.errors import Refusal
from ringback.listen.options import MOST_KEYTERMS, ListenOptions, Mode, keyterm_fault, parse, read_value
from ringback.listen.parameter_warnings import MOST_UNKNOWN_NAMES, ParameterWarning, printable
from ringback.listen.parameters import by_name
from ringback.openai.prompts import terms_in

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Granularity = Literal["word", "segment"]

OUR_FIELDS = ("callback", "callback_method", "callback_schedule", "tag", "mip_opt_out")
"""Parameters of `/v1/listen` that are fields here, with the same meaning."""

DISCARDED_FIELDS = frozenset({"known_speaker_references"})
"""Long, and not acted on: their values are not kept."""


class TranscriptionFields(msgspec.Struct, omit_defaults=True):
    """The parts of the body, as multipart/form-data. Lists repeat a field, with or without `[]`."""

    file: Annotated[str, Meta(description="The recording.", extra_json_schema={"format": "binary"})]
    model: str | None = None
    """`whisper-1` and OpenAI's other names stand for this server's default, as does none; else a name of
    `/v1/models`."""
    language: str | None = None
    """ISO 639-1; without it the language is detected, where a model here can."""
    languages: Annotated[list[str] | None, Meta(description="The languages that are detected among.")] = (
        msgspec.field(default=None, name="languages[]")
    )
    prompt: str | None = None
    """Lines, or items between commas, are terms to expect; prose is not acted on."""
    keywords: Annotated[list[str] | None, Meta(description="Terms to expect.")] = msgspec.field(
        default=None, name="keywords[]"
    )
    response_format: ResponseFormat = "json"
    timestamp_granularities: Annotated[list[Granularity] | None, Meta(description="For `verbose_json`.")] = (
        msgspec.field(default=None, name="timestamp_granularities[]")
    )
    stream: bool = False
    """Server-sent events."""
    temperature: Annotated[float, Meta(ge=0, le=1)] = 0
    """Not acted on."""
    callback: str | None = None
    """Ours, as are the next four: they mean what they mean at `/v1/listen`."""
    callback_method: str | None = None
    callback_schedule: str | None = None
    tag: list[str] | None = None
    mip_opt_out: bool | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionForm:
    """What one request asks for."""

    options: ListenOptions
    names_language: bool
    """Whether the caller has said what is spoken, or which languages may be."""
    response_format: ResponseFormat = "json"
    granularities: frozenset[Granularity] = frozenset({"segment"})
    stream: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    """By parameter of `/v1/listen` the field that it was made from, as its caller sent it."""

    def named(self, warnings: Iterable[ParameterWarning]) -> tuple[ParameterWarning, ...]:
        """The warnings, of the fields that the caller has sent."""
        return tuple(
            ParameterWarning(
                _field_of(each.parameter, self.fields), each.type, _in_words_of(each.message, self.fields)
            )
            for each in warnings
        )


def read_fields(pairs: Iterable[tuple[str, str]]) -> TranscriptionForm:
    """What these fields, decoded, ask for. Raises `Refusal` (400), which names the field."""
    fields = _by_name(pairs)
    chosen = _choice(fields, "response_format", get_args(ResponseFormat)) or "json"
    stream = _flag(fields, "stream")
    if stream and chosen not in ("json", "text"):
        raise _refused("stream", "`stream=true` needs `response_format` json or text.")
    terms, not_heeded = _terms(fields)
    languages = _languages(fields)
    warnings = (*not_heeded, *_warnings(fields, chosen))
    sources = _sources(fields)
    try:
        options = parse(_listen_pairs(fields, terms, languages, chosen), Mode.RECORDED)
    except Refusal as refusal:
        raise _in_fields(refusal, sources) from None
    return TranscriptionForm(
        msgspec.structs.replace(options, warnings=(*warnings, *options.warnings)),
        names_language=bool(languages),
        response_format=chosen,
        granularities=_granularities(fields),
        stream=stream,
        fields=sources,
    )


def is_openai_model(name: str) -> bool:
    """Whether this is one of OpenAI's names, which stand for the server's default."""
    return _OPENAI_MODEL.fullmatch(name) is not None


Fields = Mapping[str, Sequence[str]]


def _by_name(pairs: Iterable[tuple[str, str]]) -> Fields:
    """The values that set something, by the field's name without `[]`."""
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if value not in ("", "undefined", "null"):
            fields.setdefault(name.removesuffix("[]"), []).append(value)
    return fields


def _single(fields: Fields, name: str) -> str | None:
    values = fields.get(name, ())
    if len(set(values)) > 1:
        raise _refused(name, f"`{name}` is given more than once, with different values.")
    return values[0] if values else None


def _choice(fields: Fields, name: str, choices: Sequence[ResponseFormat]) -> ResponseFormat | None:
    value = _single(fields, name)
    if value is None:
        return None
    for choice in choices:
        if value == choice:
            return choice
    raise _refused(name, f"`{name}` must be one of: {', '.join(choices)}.")


def _flag(fields: Fields, name: str) -> bool:
    value = (_single(fields, name) or "false").lower()
    if value not in _FLAGS:
        raise _refused(name, f"`{name}` must be true or false.")
    return _FLAGS[value]


def _granularities(fields: Fields) -> frozenset[Granularity]:
    granularities: set[Granularity] = set()
    for value in fields.get("timestamp_granularities", ()):
        if value not in ("word", "segment"):
            raise _refused("timestamp_granularities", "`timestamp_granularities[]` takes word and segment.")
        granularities.add("word" if value == "word" else "segment")
    return frozenset(granularities or {"segment"})


def _terms(fields: Fields) -> tuple[Sequence[str], Sequence[ParameterWarning]]:
    """What the recogniser is to expect, as much as it can, and warnings of the rest."""
    terms, warnings = [*fields.get("keywords", ())], []
    _check_values("keywords[]", terms, "keyterm")
    prompt = _single(fields, "prompt")
    if prompt is not None:
        listed = terms_in(prompt)
        if listed is None:
            warnings.append(_warning("prompt", _PROSE))
        _check_values("prompt", listed or (), "keyterm")
        terms += listed or ()
    most = terms[:MOST_KEYTERMS]
    while keyterm_fault(most):
        most.pop()
    if len(most) < len(terms):
        what = f"Of {len(terms)} terms in `prompt` and `keywords[]` the first {len(most)} are expected."
        warnings.append(_warning("keywords" if prompt is None else "prompt", what))
    return most, warnings


def _languages(fields: Fields) -> Sequence[str]:
    """Those that the caller has named; more than one are candidates."""
    one = _single(fields, "language")
    several = fields.get("languages", ())
    if one is not None and several:
        raise _refused("languages", "Give either `language` or `languages[]`.")
    if len(several) > 1:
        _check_values("languages[]", several, "language_hint")
    return (one,) if one is not None else tuple(dict.fromkeys(several))


def _warnings(fields: Fields, response_format: ResponseFormat) -> Iterator[ParameterWarning]:
    """Of what is not acted on."""
    temperature = _temperature(fields)
    if temperature > 0:
        yield _warning("temperature", "`temperature` is not acted on: each word is the most probable one.")
    if "callback" in fields and (response_format != "json" or _flag(fields, "stream")):
        what = "With `callback` the document of `/v1/listen` is called back, in no other form."
        yield _warning("response_format" if response_format != "json" else "stream", what)
    if "timestamp_granularities" in fields and response_format != "verbose_json":
        what = "`timestamp_granularities[]` has a meaning with `response_format=verbose_json` only."
        yield _warning("timestamp_granularities", what)
    if _single(fields, "chunking_strategy") not in (None, "auto"):
        yield _warning("chunking_strategy", "`chunking_strategy` is always auto: speech is cut at silence.")
    for name in ("include", "known_speaker_names", "known_speaker_references"):
        if name in fields:
            yield _warning(name, f"`{name}[]` is not acted on.")
    for name in [name for name in fields if name not in _KNOWN][:MOST_UNKNOWN_NAMES]:
        printed = printable(name)
        yield ParameterWarning(printed, "ignored", f"`{printed}` is no field of this server and was ignored.")


def _temperature(fields: Fields) -> float:
    text = _single(fields, "temperature") or "0"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise _refused("temperature", "`temperature` must be a number from 0 to 1.")
    return value


def _listen_pairs(
    fields: Fields, terms: Sequence[str], languages: Sequence[str], response_format: ResponseFormat
) -> list[tuple[str, str]]:
    """The same as parameters of `/v1/listen`: formatted text, and utterances to cut captions from."""
    pairs = [("smart_format", "true"), ("utterances", "true")]
    if response_format == "diarized_json":
        pairs.append(("diarize", "true"))
    model = _single(fields, "model")
    if model is not None and not is_openai_model(model):
        pairs.append(("model", model))
    if len(languages) == 1:
        pairs.append(("language", languages[0]))
    else:
        pairs += (("detect_language", language) for language in languages)
    pairs += (("keyterm", term) for term in terms)
    pairs += ((name, value) for name in OUR_FIELDS for value in fields.get(name, ()))
    return pairs


def _sources(fields: Fields) -> Mapping[str, str]:
    """By parameter of `/v1/listen` the field that it is made from, as a client writes it."""
    spoken = "languages[]" if "languages" in fields else "language"
    return {
        "keyterm": "keywords[]" if "keywords" in fields else "prompt",
        "language": spoken,
        "detect_language": spoken,
        "diarize": "response_format",
    }


def _check_values(source: str, values: Sequence[str], parameter: str) -> None:
    """Raises `Refusal` (400), which names the field, where one is no value of the parameter."""
    for value in values:
        try:
            read_value(by_name(Mode.RECORDED)[parameter], value)
        except Refusal as refusal:
            raise _in_fields(refusal, {parameter: source}) from None


def _in_fields(refusal: Refusal, sources: Mapping[str, str]) -> Refusal:
    """A refusal of `/v1/listen`'s parameters, as one of the fields that they were made from."""
    failure = refusal.failure
    message = failure.err_msg.removeprefix("Failed to deserialize query parameters: ")
    message = _in_words_of(message, sources)
    return Refusal(
        failure.status,
        failure.err_code,
        message[:1].upper() + message[1:],
        reason=failure.reason,
        parameter=None if failure.parameter is None else _field_of(failure.parameter, sources),
    )


def _field_of(parameter: str, sources: Mapping[str, str]) -> str:
    return sources.get(parameter, parameter).removesuffix("[]")


def _in_words_of(message: str, sources: Mapping[str, str]) -> str:
    """The message with the names of fields where it quotes those of parameters."""
    return _QUOTED.sub(lambda name: "`" + sources.get(name[1], name[1]), message)


def _warning(name: str, message: str) -> ParameterWarning:
    return ParameterWarning(name, "unsupported", message)


def _refused(name: str, message: str) -> Refusal:
    return Refusal(400, "INVALID_QUERY_PARAMETER", message, parameter=name)


_OPENAI_MODEL = re.compile(
    r"(whisper-1|gpt-transcribe|gpt-4o(-mini)?-transcribe(-diarize)?)(-\d{4}-\d\d-\d\d)?"
)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_KNOWN = frozenset(TranscriptionFields.__struct_fields__) | {
    "chunking_strategy",
    "include",
    "known_speaker_names",
    "known_speaker_references",
}
_QUOTED = re.compile(r"`([a-z_]+)(?=[`=])")
_PROSE = (
    "`prompt` is not acted on: it is prose. Only what it lists, line by line or between commas, is expected."
)
