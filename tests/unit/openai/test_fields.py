"""What the fields of a form ask for, and which are refused or warned of."""

import pytest

from ringback.errors import Refusal
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.openai.fields import is_openai_model, read_fields


def warned(*pairs: tuple[str, str]) -> dict[str, str]:
    """Field → what is said of it."""
    return {warning.parameter: warning.message for warning in read_fields(pairs).options.warnings}


def test_a_form_of_nothing_asks_for_formatted_text_and_segments() -> None:
    form = read_fields([])
    assert (form.options.smart_format, form.options.utterances, form.options.model) == (True, True, None)
    assert (form.response_format, form.stream) == ("json", False)
    assert form.granularities == {"segment"}
    assert not form.names_language
    assert not form.options.diarize
    assert not form.options.warnings


@pytest.mark.parametrize(
    "name",
    ["whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
     "gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-transcribe-diarize"],
)  # fmt: skip
def test_openai_s_models_mean_the_default(name: str) -> None:
    assert is_openai_model(name)
    assert read_fields([("model", name)]).options.model is None


@pytest.mark.parametrize("name", ["whisper-2", "gpt-4o", "gpt-4o-transcribe-x", "tiny.en"])
def test_other_models_are_asked_for_by_name(name: str) -> None:
    assert not is_openai_model(name)
    assert read_fields([("model", name)]).options.model == name


def test_languages() -> None:
    one = read_fields([("language", "de")])
    assert (one.options.language, one.names_language) == ("de", True)
    several = read_fields([("languages[]", "de"), ("languages[]", "en")])
    assert (several.options.detect_language, several.names_language) == (("de", "en"), True)
    assert read_fields([("languages[]", "de")]).options.language == "de"


def test_terms_come_from_keywords_and_prompt() -> None:
    form = read_fields([("keywords[]", "Ringback"), ("keywords", "Aimee"), ("prompt", "Shawn, BBQ")])
    assert form.options.keyterm == ("Ringback", "Aimee", "Shawn", "BBQ")


def test_terms_beyond_the_most_are_left_out_and_told() -> None:
    pairs = [("keywords[]", "first"), ("prompt", ",".join(f"term{number}" for number in range(150)))]
    assert read_fields(pairs).options.keyterm == ("first", *(f"term{number}" for number in range(99)))
    assert warned(*pairs) == {
        "prompt": "Of 151 terms in `prompt` and `keywords[]` the first 100 are expected."
    }
    hundred = [("prompt", ",".join(f"term{number}" for number in range(100)))]
    assert len(read_fields(hundred).options.keyterm) == 100
    assert not warned(*hundred)


def test_of_terms_that_are_too_much_text_the_first_are_expected() -> None:
    pairs = [("keywords[]", "x" * 400) for _ in range(12)]
    assert 0 < len(read_fields(pairs).options.keyterm) < 12
    assert list(warned(*pairs)) == ["keywords"]


@pytest.mark.parametrize(
    ("pairs", "warned_of", "named"),
    [
        ([("keywords[]", "a")], "keyterm", ("keywords", "`keywords[]` is passed over, as is `text`.")),
        ([("prompt", "a")], "keyterm", ("prompt", "`prompt` is passed over, as is `text`.")),
        (
            [("languages[]", "de"), ("languages[]", "en")],
            "detect_language",
            ("languages", "`languages[]` is passed over, as is `text`."),
        ),
        ([("language", "de")], "language", ("language", "`language` is passed over, as is `text`.")),
        ([], "detect_language", ("language", "`language` is passed over, as is `text`.")),
        (
            [("response_format", "diarized_json")],
            "diarize",
            ("response_format", "`response_format` is passed over, as is `text`."),
        ),
        ([], "tag", ("tag", "`tag` is passed over, as is `text`.")),
    ],
)
def test_warnings_of_parameters_name_the_fields_they_were_made_from(
    pairs: list[tuple[str, str]], warned_of: str, named: tuple[str, str]
) -> None:
    warning = ParameterWarning(warned_of, "ignored", f"`{warned_of}` is passed over, as is `text`.")
    (of_field,) = read_fields(pairs).named([warning])
    assert (of_field.parameter, of_field.message) == named
    assert of_field.type == "ignored"


def test_keywords_are_expected_beside_a_prompt_that_is_prose() -> None:
    pairs = [("keywords[]", "Ringback"), ("prompt", "Go on as I have begun, in the same manner.")]
    assert read_fields(pairs).options.keyterm == ("Ringback",)
    assert list(warned(*pairs)) == ["prompt"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "prompt",
            "Go on as I have begun, in the same manner.",
            "`prompt` is not acted on: it is prose. Only what it lists, line by line or between commas, is "
            "expected.",
        ),
        ("temperature", "0.2", "`temperature` is not acted on: each word is the most probable one."),
        (
            "timestamp_granularities[]",
            "word",
            "`timestamp_granularities[]` has a meaning with `response_format=verbose_json` only.",
        ),
        (
            "chunking_strategy",
            '{"type": "server_vad"}',
            "`chunking_strategy` is always auto: speech is cut at silence.",
        ),
        ("include[]", "logprobs", "`include[]` is not acted on."),
        ("known_speaker_names[]", "agent", "`known_speaker_names[]` is not acted on."),
        ("known_speaker_references[]", "data:", "`known_speaker_references[]` is not acted on."),
        ("temprature", "0", "`temprature` is no field of this server and was ignored."),
    ],
)
def test_what_is_not_acted_on_is_told(name: str, value: str, message: str) -> None:
    (warning,) = read_fields([(name, value)]).options.warnings
    assert (warning.parameter, warning.message) == (name.removesuffix("[]"), message)
    assert warning.type == ("ignored" if "no field" in message else "unsupported")


def test_unknown_names_are_printed_safely_and_not_all_of_them() -> None:
    pairs = [(f"wrong\n{number}", "1") for number in range(30)]
    names = list(warned(*pairs))
    assert names == [f"wrong\\n{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", "0"), ("chunking_strategy", "auto"), ("stream", "false"), ("language", ""),
     ("prompt", "undefined"), ("temperature", "null"), ("file", "x"), ("known_speaker_names", "")],
)  # fmt: skip
def test_what_asks_for_nothing_is_not_told(name: str, value: str) -> None:
    assert not warned((name, value))


def test_granularities() -> None:
    pairs = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]
    assert read_fields(pairs).granularities == {"word"}
    assert read_fields([*pairs, ("timestamp_granularities[]", "segment")]).granularities == {
        "word",
        "segment",
    }
    assert not warned(*pairs)


def test_our_own_fields() -> None:
    pairs = [("callback", "http://a.example/"), ("callback_method", "PUT"), ("tag", "a"), ("tag", "b")]
    options = read_fields(pairs).options
    assert (options.callback, options.callback_method, options.tag) == (
        "http://a.example/",
        "PUT",
        ("a", "b"),
    )


@pytest.mark.parametrize(
    ("value", "streams"), [("true", True), ("TRUE", True), ("1", True), ("False", False), ("0", False)]
)
def test_a_stream_is_asked_for_by_what_forms_call_true(value: str, streams: bool) -> None:
    assert read_fields([("stream", value)]).stream is streams
    assert read_fields([("stream", value), ("response_format", "text")]).stream is streams


def test_a_field_may_be_said_twice_with_one_value() -> None:
    assert read_fields([("response_format", "srt"), ("response_format", "srt")]).response_format == "srt"
    assert read_fields([("languages[]", "de"), ("languages", "de")]).options.language == "de"


@pytest.mark.parametrize("value", ["0", "1", "0.5", "1e-3"])
def test_temperatures_from_0_to_1_are_taken(value: str) -> None:
    assert list(warned(("temperature", value))) == ([] if value == "0" else ["temperature"])


@pytest.mark.parametrize(("name", "value"), [("response_format", "srt"), ("stream", "true")])
def test_the_form_of_an_answer_has_no_meaning_with_a_callback(name: str, value: str) -> None:
    assert warned(("callback", "http://a.example/"), (name, value)) == {
        name: "With `callback` the document of `/v1/listen` is called back, in no other form."
    }
    assert not warned((name, value))
    assert not warned(("callback", "http://a.example/"), ("response_format", "json"), ("stream", "false"))


def test_speakers_are_asked_for_by_the_form_that_shows_them() -> None:
    assert read_fields([("response_format", "diarized_json")]).options.diarize


@pytest.mark.parametrize(
    ("pairs", "parameter", "message"),
    [
        (
            [("response_format", "yaml")],
            "response_format",
            "`response_format` must be one of: json, text, srt, verbose_json, vtt, diarized_json.",
        ),
        (
            [("response_format", "json"), ("response_format", "srt")],
            "response_format",
            "`response_format` is given more than once, with different values.",
        ),
        ([("stream", "yes")], "stream", "`stream` must be true or false."),
        (
            [("stream", "true"), ("response_format", "srt")],
            "stream",
            "`stream=true` needs `response_format` json or text.",
        ),
        ([("temperature", "hot")], "temperature", "`temperature` must be a number from 0 to 1."),
        ([("temperature", "nan")], "temperature", "`temperature` must be a number from 0 to 1."),
        ([("temperature", "1.5")], "temperature", "`temperature` must be a number from 0 to 1."),
        ([("temperature", "-0.1")], "temperature", "`temperature` must be a number from 0 to 1."),
        (
            [("timestamp_granularities[]", "letter")],
            "timestamp_granularities",
            "`timestamp_granularities[]` takes word and segment.",
        ),
        (
            [("language", "not a language")],
            "language",
            "`language=not a language`: expected a BCP-47 language tag, such as `en` or `pt-BR`, or `multi`.",
        ),
        (
            [("language", "en"), ("languages[]", "de")],
            "languages",
            "Give either `language` or `languages[]`.",
        ),
        (
            [("languages[]", "de"), ("languages[]", "not one")],
            "languages",
            "`languages[]=not one`: expected a BCP-47 language tag, such as `en` or `pt-BR`.",
        ),
        (
            [("languages[]", "de"), ("languages[]", "true")],
            "languages",
            "`languages[]=true`: expected a BCP-47 language tag, such as `en` or `pt-BR`.",
        ),
        (
            [("languages[]", "not one")],
            "languages",
            "`languages[]=not one`: expected a BCP-47 language tag, such as `en` or `pt-BR`, or `multi`.",
        ),
        (
            [("keywords[]", "x" * 501)],
            "keywords",
            f"`keywords[]={'x' * 60}...`: expected text of at most 500 characters.",
        ),
        (
            [("keywords[]", "good"), ("prompt", f"{'x' * 501}\nanother")],
            "prompt",
            f"`prompt={'x' * 60}...`: expected text of at most 500 characters.",
        ),
        (
            [("callback_method", "PATCH")],
            "callback_method",
            "`callback_method=PATCH`: expected `POST` or `PUT`, in any case.",
        ),
        (
            [("model", "a"), ("model", "b")],
            "model",
            "`model` is given more than once, with different values.",
        ),
    ],
)
def test_refusals_name_the_field_and_what_it_takes(
    pairs: list[tuple[str, str]], parameter: str, message: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read_fields(pairs)
    failure = refused.value.failure
    assert (failure.status, failure.err_code) == (400, "INVALID_QUERY_PARAMETER")
    assert (failure.parameter, failure.err_msg) == (parameter, message)


def test_the_log_s_reason_has_nothing_of_the_caller_s() -> None:
    with pytest.raises(Refusal) as refused:
        read_fields([("language", "not a language")])
    assert refused.value.failure.log_reason.startswith("expected a BCP-47 language tag")
