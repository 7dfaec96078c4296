"""The query string of /v1/listen: what is understood, what is refused, and in which words."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.errors import Refusal
from ringback.listen.options import MOST_LIVE_EXTRA_BYTES, MOST_PARAMETERS, ListenOptions, Mode, parse
from ringback.listen.parameter import AUDIO, Parameter, Support
from ringback.listen.parameter_warnings import MOST_UNKNOWN_NAMES, ParameterWarning
from ringback.listen.parameters import PARAMETERS

NAMES = sorted({parameter.name for parameter in PARAMETERS})
TELLING = ["true", "false", "True", "1", "0.8", "nan", "inf", "-1", "a:b", "en", "multi", "v2", "numbers,pci"]
TELLING += ["linear16", "mulaw", "8000", "POST", "put", "", "\0", "\ud800", "٣", "1_0", "9" * 400, "x" * 3000]


def options(query: str, mode: Mode = Mode.RECORDED) -> ListenOptions:
    return parse([_pair(part) for part in query.split("&") if part], mode)


def refusal(query: str, mode: Mode = Mode.RECORDED) -> str:
    with pytest.raises(Refusal) as refused:
        options(query, mode)
    failure = refused.value.failure
    assert (failure.status, failure.err_code) == (400, "INVALID_QUERY_PARAMETER")
    return failure.err_msg


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def warned(query: str, mode: Mode = Mode.RECORDED) -> dict[str, str]:
    return {warning.parameter: warning.type for warning in options(query, mode).warnings}


def test_nothing_asked_is_deepgrams_defaults() -> None:
    parsed = options("")
    assert parsed == ListenOptions()
    assert (parsed.language, parsed.version, parsed.utt_split, parsed.endpointing) == (
        "en",
        "latest",
        0.8,
        10,
    )
    assert (parsed.punctuate, parsed.callback, parsed.callback_method) == (False, None, "POST")


def test_values_have_their_types() -> None:
    parsed = options(
        "model=nova-3&version=2024-01-09.0&language=pt-BR&utterances=true&utt_split=1.5&multichannel=true"
        "&encoding=linear16&sample_rate=16000&channels=2&alternatives=1&filler_words=true&mip_opt_out=true"
    )
    assert parsed == ListenOptions(
        model="nova-3",
        version="2024-01-09.0",
        language="pt-BR",
        utterances=True,
        utt_split=1.5,
        multichannel=True,
        encoding="linear16",
        sample_rate=16_000,
        channels=2,
        filler_words=True,
        mip_opt_out=True,
    )


@pytest.mark.parametrize("value", ["True", "FALSE", "1", "0", "yes", "None", " true", "true "])
def test_booleans_are_the_two_lower_case_words(value: str) -> None:
    message = refusal(f"punctuate={value}")
    assert message == (
        f"Failed to deserialize query parameters: `punctuate={value}`: expected `true` or `false`."
    )


@pytest.mark.parametrize("name", ["addons", "", "access_token", "x" * 300])
def test_unknown_names_are_ignored(name: str) -> None:
    assert parse([(name, "\0anything")], Mode.RECORDED) == ListenOptions()


def test_repeated_values_are_all_kept_in_order() -> None:
    parsed = options("tag=b&tag=a&tag=b&search=one&keyterm=x%20y&keyterm=z&tag=")
    assert parsed.tag == ("b", "a", "b", "")
    assert parsed.search == ("one",)
    assert parsed.keyterm == ("x%20y", "z")


def test_of_an_extra_key_given_twice_the_last_stands() -> None:
    parsed = options("extra=k:1&extra=url:http://h/?a=b&extra=k:2&extra=empty:")
    assert parsed.extra == {"k": "2", "url": "http://h/?a=b", "empty": ""}


def test_redactions_may_be_joined_by_commas() -> None:
    assert options("redact=pci,ssn&redact=true&redact=pci").redact == ("pci", "ssn", "numbers")
    assert options("redact=false").redact == ()
    assert "cardinal" in refusal("redact=cardinal")
    assert "expected" in refusal("redact=9")
    assert options("redact=pci,,undefined&redact=").redact == ("pci",)


def test_language_detection_takes_a_switch_or_candidates() -> None:
    assert options("detect_language=true").detect_language is True
    assert options("detect_language=false").detect_language is False
    assert options("detect_language=en&detect_language=es").detect_language == ("en", "es")
    assert options("detect_language=true&detect_language=es").detect_language == ("es",)
    assert "contradicts" in refusal("detect_language=false&detect_language=es")


@pytest.mark.parametrize(
    "language", ["en", "en-US", "es-419", "zh-Hans", "hi-Latn", "taq", "zh-Hant-HK", "multi"]
)
def test_language_tags(language: str) -> None:
    assert options(f"language={language}").language == language


@pytest.mark.parametrize("language", ["english", "en_US", "e", "en-", "en--US", "en\n", "日本語"])
def test_what_is_not_a_language_tag(language: str) -> None:
    assert "BCP-47" in refusal(f"language={language}")


@pytest.mark.parametrize("method", ["POST", "put", "Put"])
def test_the_callbacks_method_in_any_case(method: str) -> None:
    assert options(f"callback_method={method}").callback_method == method.upper()


def test_more_methods_for_live_callbacks() -> None:
    assert options("callback_method=get", Mode.LIVE).callback_method == "GET"
    assert refusal("callback_method=get").endswith("expected `POST` or `PUT`, in any case.")


def test_the_callback_is_kept_as_given() -> None:
    url = "https://user:p%40ss@h.example:8443/x?a=1&b=2#f"
    assert parse([("callback", url)], Mode.RECORDED).callback == url
    assert parse([("callback", "")], Mode.RECORDED).callback == ""


@pytest.mark.parametrize("url", ["http://h/\0", "http://h/\ud800", "http://h/" + "a" * 9000])
def test_a_callback_that_cannot_be_a_url(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse([("callback", url)], Mode.RECORDED)
    assert refused.value.failure.err_msg == "Invalid callback url."


@pytest.mark.parametrize(
    ("query", "also"),
    [
        ("smart_format=true", {"punctuate", "paragraphs"}),
        ("paragraphs=true", {"punctuate"}),
        ("detect_entities=true", {"punctuate"}),
        ("smart_format=true&punctuate=false", {"punctuate", "paragraphs"}),
        ("diarize_model=v2", {"diarize"}),
        ("utterances=true", set()),
    ],
)
def test_what_is_turned_on_along_with_it(query: str, also: set[str]) -> None:
    on = {name for name in ("punctuate", "paragraphs", "diarize") if getattr(options(query), name)}
    assert also <= on
    assert on - also <= {query.partition("=")[0]}


@pytest.mark.parametrize(
    "query",
    [
        "utt_split=0",
        "utt_split=nan",
        "utt_split=inf",
        "utt_split=-1",
        "utt_split=1e3",
        "utt_split=3601",
        "channels=0",
        "channels=21",
        "channels=2.0",
        "channels=٣",
        "channels=1_0",
        "sample_rate=99",
        "sample_rate=" + "9" * 5000,
        "alternatives=0",
        "encoding=mp3",
        "encoding=LINEAR16",
        "summarize=v3",
        "diarize_model=v3",
        "custom_topic_mode=loose",
        "extra=novalue",
        "extra=:v",
        "extra=k:" + "v" * 2047,
        "tag=" + "t" * 129,
        "keywords=word:loud",
        "replace=:x",
        "search=" + "s" * 501,
        "model=" + "m" * 201,
    ],
)
def test_values_out_of_bounds_are_refused(query: str) -> None:
    name = query.partition("=")[0]
    message = refusal(query)
    assert message.startswith(f"Failed to deserialize query parameters: `{name}=")
    assert len(message) < 400


@pytest.mark.parametrize(
    "query", ["tag=" + "t" * 128, "extra=k:" + "v" * 2046, "utt_split=.5", "utt_split=3600", "channels=20"]
)
def test_values_at_their_bound_are_taken(query: str) -> None:
    options(query)


@pytest.mark.parametrize(("name", "most"), [("search", 50), ("replace", 200), ("custom_topic", 100)])
def test_how_often_a_parameter_may_repeat(name: str, most: int) -> None:
    parse([(name, "x")] * most, Mode.RECORDED)
    with pytest.raises(Refusal, match=f"`{name}` has {most + 1} values; at most {most}"):
        parse([(name, "x")] * (most + 1), Mode.RECORDED)


def test_keyterms_have_a_budget() -> None:
    parse([("keyterm", "one two three four five")] * 100, Mode.RECORDED)
    with pytest.raises(Refusal, match=r"^Keyterm limit exceeded\. .* across all keyterms is 500\.$"):
        parse([("keyterm", "one two three four paracetamol")] * 100, Mode.RECORDED)
    with pytest.raises(Refusal, match=r"^Keyterm limit exceeded\. .* number of keyterms is 100\.$"):
        parse([("keyterm", "one")] * 60 + [("keywords", "two:1")] * 41, Mode.RECORDED)


def test_one_value_only_but_the_same_twice_does_no_harm() -> None:
    assert options("model=a&model=a").model == "a"
    assert "duplicate field `model`" in refusal("model=a&model=b")


def test_a_flood_of_parameters_is_refused_unread() -> None:
    with pytest.raises(Refusal, match=f"more than {MOST_PARAMETERS} parameters"):
        parse([("x", "y")] * 100_000, Mode.RECORDED)


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw", "speex"])
@pytest.mark.parametrize("mode", sorted(AUDIO))
def test_raw_samples_need_their_rate(encoding: str, mode: Mode) -> None:
    assert f"`encoding={encoding}` needs `sample_rate`" in refusal(f"encoding={encoding}", mode)
    assert options(f"encoding={encoding}&sample_rate=8000", mode).sample_rate == 8_000


def test_encodings_that_bring_their_rate() -> None:
    assert options("encoding=flac").sample_rate is None
    assert options("encoding=amr-wb&sample_rate=16000").sample_rate == 16_000
    assert "needs `sample_rate=8000`" in refusal("encoding=amr-nb&sample_rate=16000")


def test_live_parameters() -> None:
    parsed = options("interim_results=true&utterance_end_ms=1000&endpointing=300&vad_events=true", Mode.LIVE)
    assert (parsed.interim_results, parsed.utterance_end_ms, parsed.endpointing) == (True, 1000, 300)
    assert options("endpointing=false", Mode.LIVE).endpointing is None
    assert options("endpointing=true", Mode.LIVE).endpointing == 10
    assert "needs `interim_results=true`" in refusal("utterance_end_ms=1000", Mode.LIVE)
    assert "from 1000 to 5000" in refusal("interim_results=true&utterance_end_ms=999", Mode.LIVE)
    assert "`latest` or `v1`" in refusal("diarize_model=v2", Mode.LIVE)


def test_extra_of_a_live_stream_is_bounded_as_each_message_carries_it() -> None:
    long = "&".join(f"extra=k{n}:{'x' * 2000}" for n in range(33))
    assert len(options(long).extra) == 33
    assert f"`extra` is longer than {MOST_LIVE_EXTRA_BYTES} bytes in all" in refusal(long, Mode.LIVE)
    assert options("extra=a:b", Mode.LIVE).extra == {"a": "b"}


def test_a_text_has_the_options_of_understanding_alone() -> None:
    requested = options("language=en-GB&summarize=true&topics=true&custom_topic=a&tag=x", Mode.TEXT)
    assert requested == ListenOptions(
        language="en-GB", summarize="v2", topics=True, custom_topic=("a",), tag=("x",)
    )
    assert warned("language=en&smart_format=true&redact=pci&encoding=speex&sentiment=true", Mode.TEXT) == {
        "smart_format": "ignored",
        "redact": "ignored",
        "encoding": "ignored",
    }
    assert warned("language=en&punctate=true", Mode.TEXT) == {"punctate": "ignored"}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("summarize=true", "Failed to deserialize query parameters: missing field `language`"),
        ("summarize=true&language=", "missing field `language`"),
        (
            "summarize=true&language=fr",
            "Request specified unsupported language: fr. Only English is supported.",
        ),
        ("summarize=true&language=multi", "Request specified unsupported language: multi."),
    ],
)
def test_the_language_of_a_text_must_be_named_and_english(query: str, text: str) -> None:
    assert text in refusal(query, Mode.TEXT)


def test_what_is_not_acted_on_is_said() -> None:
    assert warned("diarize=true&redact=false,pci") == {}
    assert warned("alternatives=3") == {"alternatives": "unsupported"}
    assert warned("tier=nova&translate=de") == dict.fromkeys(["tier", "translate"], "deprecated")
    assert warned("no_delay=true") == {"no_delay": "ignored"}
    assert warned("no_delay=true&redact=pci&numerals=true", Mode.LIVE) == {}
    assert warned("interim_results=true") == {"interim_results": "ignored"}
    assert warned("utterances=true", Mode.LIVE) == {"utterances": "ignored"}


def test_a_summary_is_for_english_and_has_one_form() -> None:
    assert options("summarize=true").summarize == options("summarize=v2").summarize == "v2"
    assert options("summarize=false").summarize is None
    with pytest.raises(Refusal) as refused:
        options("summarize=v2&language=es")
    failure = refused.value.failure
    assert (failure.status, failure.err_code) == (400, "Bad Request")
    assert failure.err_msg == "Summarization v2 not supported for non-English languages"
    assert options("summarize=v2&language=en-GB").summarize == "v2"
    # What is spoken is found out later: then a warning tells it.
    assert options("summarize=v2&language=multi").summarize == "v2"
    assert options("summarize=v2&language=es&detect_language=true").summarize == "v2"
    assert options("topics=true&language=es").topics


@pytest.mark.parametrize(
    "query",
    [
        "diarize=false&redact=false&summarize=false&custom_topic_mode=extended&alternatives=1",
        "interim_results=false&ner=false&times=true&tier=",
        "smart_format=true&utterances=true&utt_split=1.1&tag=x&extra=a:b&detect_language=true&version=latest",
        "unknown=true",
    ],
)
def test_no_warning_where_nobody_is_deceived(query: str) -> None:
    assert warned(query) == {}


@pytest.mark.parametrize("mode", sorted(AUDIO))
@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_what_sets_nothing_is_passed_over_and_reported(parameter: Parameter, mode: Mode) -> None:
    name = parameter.name
    takes_empty = parameter.support is Support.IGNORED or name in {"callback", "tag"}
    for text in ("undefined", "null") if takes_empty else ("undefined", "null", ""):
        parsed = options(f"{name}={text}&{name}={text}", mode)
        assert msgspec.structs.replace(parsed, warnings=()) == ListenOptions()
        assert parsed.warnings == (
            ParameterWarning(name, "ignored", f"`{name}={text}` is passed over: it sets nothing."),
        )


def test_what_sets_nothing_leaves_what_does() -> None:
    parsed = options("punctuate=null&punctuate=true&tag=undefined&tag=a&tag=&keyterm=&keyterm=x")
    assert (parsed.punctuate, parsed.tag, parsed.keyterm) == (True, ("a", ""), ("x",))
    assert [(each.parameter, each.type) for each in parsed.warnings] == [
        ("punctuate", "ignored"),
        ("tag", "ignored"),
        ("keyterm", "ignored"),
    ]


@pytest.mark.parametrize("mode", sorted(AUDIO))
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("punctate", "punctuate"),
        ("Punctuate", "punctuate"),
        ("punctuate[]", "punctuate"),
        ("smart-format", "smart_format"),
        ("smartFormat", "smart_format"),
        ("utterence", "utterances"),
        ("diarise", "diarize"),
        ("keyterms", "keyterm"),
        ("tags", "tag"),
        ("call_back", "callback"),
        ("interim_result", "interim_results"),
    ],
)
def test_a_misspelt_name_is_reported(name: str, near: str, mode: Mode) -> None:
    (warning,) = options(f"{name}=true&{name}=false", mode).warnings
    assert (warning.parameter, warning.type) == (name, "ignored")
    assert warning.message.endswith(f"is no parameter of this server and was ignored. Did you mean `{near}`?")


@pytest.mark.parametrize("mode", sorted(AUDIO))
def test_what_was_cut_from_a_callback_is_reported(mode: Mode) -> None:
    pairs = [
        ("own", "1"),
        ("callback", "http://h/x?a=1"),
        ("b", "2"),
        ("tag", "t"),
        ("c\u00e9", ""),
        ("b", ""),
    ]
    parsed = parse(pairs, mode, callback_unencoded=True)
    assert [each.parameter for each in parsed.warnings] == ["b", "c\\xe9"]
    assert all("percent-encode that URL" in each.message for each in parsed.warnings)
    assert parse(pairs, mode).warnings == ()


def test_a_flood_of_unknown_names_brings_few_warnings() -> None:
    pairs = [(f"punctuate{number}", "true") for number in range(MOST_PARAMETERS)]
    assert len(parse(pairs, Mode.RECORDED).warnings) == MOST_UNKNOWN_NAMES


pairs_of_known_names = st.tuples(st.sampled_from(NAMES), st.sampled_from(TELLING) | st.text(max_size=20))
any_pairs = st.tuples(st.text(max_size=9), st.text(st.characters(exclude_categories=()), max_size=20))


@settings(deadline=None)  # a busy machine is not a failure
@given(st.lists(pairs_of_known_names | any_pairs, max_size=12), st.sampled_from(Mode))
@example([("extra", "\ud800:x")], Mode.RECORDED)
def test_parsing_gives_options_or_a_refusal_for_whatever_comes(
    pairs: list[tuple[str, str]], mode: Mode
) -> None:
    try:
        parsed = parse(pairs, mode)
    except Refusal as refused:
        check_message(refused)
    else:
        assert msgspec.json.decode(msgspec.json.encode(parsed), type=ListenOptions) == parsed


def check_message(refused: Refusal) -> None:
    """A refusal is short and fit for a header."""
    assert refused.failure.status == 400
    assert refused.failure.err_msg.isascii()
    assert refused.failure.err_msg.isprintable()
    assert len(refused.failure.err_msg) < 500


@settings(deadline=None)  # a busy machine is not a failure
@given(st.sampled_from(NAMES), st.sampled_from(TELLING), st.sampled_from(Mode))
def test_a_known_parameter_alone_survives_json(name: str, text: str, mode: Mode) -> None:
    try:
        parsed = parse([(name, text)], mode)
    except Refusal:
        return
    assert msgspec.json.decode(msgspec.json.encode(parsed), type=ListenOptions) == parsed


def test_what_is_read_only_for_raw_audio_is_named_when_it_is_not_read() -> None:
    bare = parse([("sample_rate", "8000"), ("channels", "2")], Mode.RECORDED)
    assert [(warning.parameter, warning.type) for warning in bare.warnings] == [
        ("sample_rate", "ignored"),
        ("channels", "ignored"),
    ]
    raw = [("encoding", "linear16"), ("sample_rate", "8000"), ("channels", "2")]
    assert parse(raw, Mode.RECORDED).warnings == ()


def test_languages_switch_unless_one_is_detected() -> None:
    assert options("language=multi").code_switching
    assert not options("language=multi&detect_language=true").code_switching
    assert not options("language=es").code_switching


def test_hints_are_languages_without_regions() -> None:
    """https://developers.deepgram.com/docs/nova-3-language-prompting"""
    parsed = options("language=multi&language_hint=ES&language_hint=en-GB&language_hint=en")
    assert parsed.hinted_languages == ("es", "en")


def test_candidates_are_languages_without_regions() -> None:
    parsed = [("detect_language", tag) for tag in ("en-US", "PT-br", "en-GB")]
    assert parse(parsed, Mode.RECORDED).candidates == ("en", "pt")
    assert parse([("detect_language", "true")], Mode.RECORDED).candidates == ()
