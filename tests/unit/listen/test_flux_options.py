"""The query of `/v2/listen`: what is taken, and the refusals, which name the wrong value."""

import pytest

from ringback.errors import Failure, Refusal
from ringback.listen.flux_options import parse_flux
from ringback.listen.flux_parameters import FLUX_PARAMETERS
from ringback.listen.options import MOST_PARAMETERS, ListenOptions, Mode, parse
from ringback.listen.parameters import PARAMETERS
from ringback.listen.turn_confidence import TurnThresholds

ENGLISH = ("model", "flux-general-en")
MULTILINGUAL = ("model", "flux-general-multi")


def parsed(*pairs: tuple[str, str]) -> ListenOptions:
    return parse_flux([ENGLISH, *pairs])


def failure(*pairs: tuple[str, str], model: tuple[str, str] | None = ENGLISH) -> Failure:
    with pytest.raises(Refusal) as refused:
        parse_flux([*([model] if model else []), *pairs])
    assert refused.value.failure.status == 400
    assert refused.value.failure.err_code == "INVALID_QUERY_PARAMETER"
    return refused.value.failure


def test_what_is_not_given_has_deepgrams_defaults() -> None:
    options = parsed()
    assert options.thresholds == TurnThresholds(0.7, None, 5000)
    assert (options.language, options.encoding, options.keyterm, options.numerals) == ("en", None, (), False)
    assert parse_flux([MULTILINGUAL]).language == "multi"
    assert parse([], Mode.LIVE).thresholds is None


def test_everything_that_clients_send_is_taken() -> None:
    options = parse_flux(
        [
            MULTILINGUAL,
            ("encoding", "linear16"),
            ("sample_rate", "16000"),
            ("eot_threshold", "0.8"),
            ("eager_eot_threshold", "0.6"),
            ("eot_timeout_ms", "3000"),
            ("keyterm", "Metformin"),
            ("keyterm", "two words"),
            ("language_hint", "en,ru"),
            ("language_hint", "pt-BR"),
            ("numerals", "true"),
            ("profanity_filter", "false"),
            ("redact", "numbers"),
            ("mip_opt_out", "false"),
            ("tag", "a"),
            ("tag", ""),
        ]
    )
    assert options.thresholds == TurnThresholds(0.8, 0.6, 3000)
    assert options.keyterm == ("Metformin", "two words")
    assert options.language_hint == ("en", "ru", "pt-BR")
    assert (options.numerals, options.redact, options.tag) == (True, ("numbers",), ("a", ""))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("eot_threshold", "0.49"),
        ("eot_threshold", "1.01"),
        ("eot_threshold", "high"),
        ("eot_threshold", "1e0"),
        ("eager_eot_threshold", "0.29"),
        ("eager_eot_threshold", "0.91"),
        ("eot_timeout_ms", "499"),
        ("eot_timeout_ms", "60001"),
        ("eot_timeout_ms", "500.5"),
        ("keyterm", ""),
        ("keyterm", " "),
        ("language_hint", "en"),
        ("encoding", "mp3"),
        ("sample_rate", "22050"),
        ("numerals", "maybe"),
        ("redact", "pci"),
        ("redact", "false"),
        ("callback_method", "PATCH"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, text: str) -> None:
    rest = [("encoding", "linear16")] if name == "sample_rate" else []
    refused = failure((name, text), *rest)
    assert refused.parameter == name
    assert f"`{name}" in refused.err_msg


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("eot_threshold", "0.5"),
        ("eot_threshold", "1.0"),
        ("eot_threshold", "1"),
        ("eager_eot_threshold", "0.3"),
        ("eager_eot_threshold", "0.7"),
        ("eot_timeout_ms", "500"),
        ("eot_timeout_ms", "60000"),
    ],
)
def test_the_ends_of_a_range_are_inside(name: str, text: str) -> None:
    assert getattr(parsed((name, text)).thresholds, name) == float(text)


@pytest.mark.parametrize("pairs", [[], [("eot_threshold", "0.79")]])
def test_an_eager_threshold_above_the_other_names_both(pairs: list[tuple[str, str]]) -> None:
    message = failure(("eager_eot_threshold", "0.8"), *pairs).err_msg
    assert "`eager_eot_threshold` (0.8)" in message
    assert f"`eot_threshold` ({pairs[0][1] if pairs else '0.7'})" in message


@pytest.mark.parametrize("model", [None, ("model", "flux"), ("model", "nova-3"), ("model", "")])
def test_there_are_two_models(model: tuple[str, str] | None) -> None:
    refused = failure(model=model)
    assert refused.parameter == "model"
    assert "`flux-general-en` or `flux-general-multi`" in refused.err_msg


V1_ONLY = sorted({each.name for each in PARAMETERS} - {each.name for each in FLUX_PARAMETERS})


@pytest.mark.parametrize("name", V1_ONLY)
def test_parameters_of_v1_are_refused_by_name(name: str) -> None:
    refused = failure((name, "true"))
    assert refused.parameter == name
    assert f"`{name}` is a parameter of /v1/listen" in refused.err_msg


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    assert "did you mean `eot_threshold`?" in failure(("eot_treshold", "0.7")).err_msg
    assert "unknown field `zebra`." in failure(("zebra", "1")).err_msg


def test_a_hundred_keyterms_and_no_more() -> None:
    terms = [("keyterm", f"term{number}") for number in range(101)]
    assert len(parsed(*terms[:100]).keyterm) == 100
    assert "maximum number of keyterms is 100" in failure(*terms).err_msg


def test_values_that_contradict_each_other_are_refused() -> None:
    assert failure(("eot_threshold", "0.7"), ("eot_threshold", "0.8")).parameter == "eot_threshold"
    assert failure(MULTILINGUAL).parameter == "model"
    assert parsed(ENGLISH).model == "flux-general-en"


def test_raw_audio_needs_both_and_a_file_neither() -> None:
    assert failure(("encoding", "mulaw")).parameter == "sample_rate"
    assert failure(("sample_rate", "8000")).parameter == "encoding"
    assert parsed(("encoding", "opus")).encoding == "opus"


def test_more_parameters_than_anybody_needs_are_not_read() -> None:
    assert f"more than {MOST_PARAMETERS}" in failure(*[("tag", "a")] * MOST_PARAMETERS).err_msg


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.RECORDED])
@pytest.mark.parametrize("model", ["flux-general-en", "flux-general-multi", "flux-next"])
def test_version_one_refuses_flux_as_deepgram_does(mode: Mode, model: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse([("model", model)], mode)
    assert (refused.value.failure.status, refused.value.failure.err_code) == (
        400,
        "V2_MODEL_ON_V1_LISTEN_ENDPOINT",
    )
    assert "/v2/listen" in refused.value.failure.err_msg
