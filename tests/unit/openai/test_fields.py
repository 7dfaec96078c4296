"""What the fields of a form ask for, and which are refused or warned of."""

import pytest

from ringback.errors import Refusal
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
    pairs = [("prompt", ",".join(f"term{number}" for number in range(150)))]
    assert len(read_fields(pairs).options.keyterm) == 100
    assert "the first 100" in warned(*pairs)["prompt"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", "Go on as I have begun, in the same manner."),
        ("temperature", "0.2"),
        ("timestamp_granularities[]", "word"),
        ("chunking_strategy", '{"type": "server_vad"}'),
        ("include[]", "logprobs"),
        ("known_speaker_names[]", "agent"),
        ("temprature", "0"),
    ],
)
def test_what_is_not_acted_on_is_told(name: str, value: str) -> None:
    assert list(warned((name, value))) == [name.removesuffix("[]")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", "0"), ("chunking_strategy", "auto"), ("stream", "false"), ("language", ""),
     ("prompt", "undefined")],
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


@pytest.mark.parametrize(("name", "value"), [("response_format", "srt"), ("stream", "true")])
def test_the_form_of_an_answer_has_no_meaning_with_a_callback(name: str, value: str) -> None:
    assert list(warned(("callback", "http://a.example/"), (name, value))) == [name]
    assert not warned((name, value))


def test_speakers_are_asked_for_by_the_form_that_shows_them() -> None:
    assert read_fields([("response_format", "diarized_json")]).options.diarize


@pytest.mark.parametrize(
    ("pairs", "parameter"),
    [
        ([("response_format", "yaml")], "response_format"),
        ([("response_format", "json"), ("response_format", "srt")], "response_format"),
        ([("stream", "yes")], "stream"),
        ([("stream", "true"), ("response_format", "srt")], "stream"),
        ([("temperature", "hot")], "temperature"),
        ([("temperature", "nan")], "temperature"),
        ([("temperature", "1.5")], "temperature"),
        ([("timestamp_granularities[]", "letter")], "timestamp_granularities"),
        ([("language", "not a language")], "language"),
        ([("language", "en"), ("languages[]", "de")], "languages"),
        ([("languages[]", "de"), ("languages[]", "not one")], "languages"),
        ([("keywords[]", "x" * 501)], "prompt"),
        ([("callback_method", "PATCH")], "callback_method"),
        ([("model", "a"), ("model", "b")], "model"),
    ],
)
def test_refusals_name_the_field(pairs: list[tuple[str, str]], parameter: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_fields(pairs)
    failure = refused.value.failure
    assert (failure.status, failure.parameter) == (400, parameter)
    assert "query parameters" not in failure.err_msg
