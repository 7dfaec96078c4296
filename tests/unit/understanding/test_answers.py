"""What is believed of a model's answer, whatever it is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.understanding.answers import (
    LONGEST_SUMMARY,
    MOST_COUNTED,
    BadAnswer,
    Label,
    ReadAnswer,
    clean,
    completion_of,
    read_labels,
    read_scores,
    read_summary,
    refused_parameters,
)
from ringback.understanding.questions import LONGEST_LABEL, MOST_PER_SEGMENT


def labels(*segments: object) -> str:
    return json.dumps({"segments": segments})


def label(text: str, confidence: float = 0.5) -> dict[str, object]:
    return {"label": text, "confidence": confidence}


def test_labels_by_segment() -> None:
    content = labels(
        {"segment": 2, "labels": [label("Billing", 0.9), label("billing "), label("Phones", 7)]},
        {"segment": 1, "labels": []},
    )
    assert read_labels(content, 2, None).found == {1: (Label("Billing", 0.9), Label("Phones", 1.0))}


@pytest.mark.parametrize("number", [0, 3, -1, 10**30])
def test_a_segment_that_was_not_asked_about_is_dropped(number: int) -> None:
    assert read_labels(labels({"segment": number, "labels": [label("x")]}), 2, None) == ReadAnswer({})


def test_strict_labels_are_those_given_as_they_were_given() -> None:
    content = labels({"segment": 1, "labels": [label("leave  the CONTRACT"), label("Steal it")]})
    assert read_labels(content, 1, ["Leave the contract"]).found == {0: (Label("Leave the contract", 0.5),)}


def test_few_labels_and_short_ones() -> None:
    content = labels({"segment": 1, "labels": [label(f"{n} " + "x" * 500, -1) for n in range(50)]})
    content = labels(*json.loads(content)["segments"] * 3)
    found = read_labels(content, 1, None).found[0]
    assert len(found) == MOST_PER_SEGMENT
    assert all(len(each.text) <= LONGEST_LABEL and each.confidence == 0.0 for each in found)


def test_labels_of_one_segment_may_come_in_several_parts() -> None:
    content = labels(
        {"segment": 1, "labels": [label("Billing")]},
        {"segment": 2, "labels": [label("Phones")]},
        {"segment": 1, "labels": [label("Contract"), label("billing")]},
        {"segment": 3, "labels": [label("Travel")]},
    )
    found = read_labels(content, 3, None).found
    texts = {number: [each.text for each in of] for number, of in found.items()}
    assert texts == {0: ["Billing", "Contract"], 1: ["Phones"], 2: ["Travel"]}


@pytest.mark.parametrize(
    "malformed",
    [
        7,
        None,
        {"segment": "two", "labels": [label("x")]},
        {"segment": 2},
        {"segment": 2, "labels": "x"},
        {"segment": 2, "labels": [{"label": "x"}]},
        {"segment": 2, "labels": [{"label": 7, "confidence": 0.5}]},
        {"segment": 2, "labels": [{"label": "x", "confidence": "high"}]},
    ],
)
def test_a_malformed_entry_costs_no_other(malformed: object) -> None:
    content = labels(
        {"segment": 1, "labels": [label("a")]}, malformed, {"segment": 3, "labels": [label("b")]}
    )
    expected = {0: (Label("a", 0.5),), 2: (Label("b", 0.5),)}
    assert read_labels(content, 3, None) == ReadAnswer(expected, 1)
    with pytest.raises(BadAnswer):
        read_labels(labels(malformed), 3, None)


def test_a_malformed_label_costs_no_other_of_its_segment() -> None:
    content = labels({"segment": 1, "labels": [label("a"), {"label": "b"}, "c", label("d")]})
    found = read_labels(content, 1, None)
    assert ([each.text for each in found.found[0]], found.malformed) == (["a", "d"], 2)


def test_labels_outside_a_strict_list_are_an_answer_all_the_same() -> None:
    content = labels({"segment": 1, "labels": [label("Steal it"), 7]})
    assert read_labels(content, 1, ["Leave"]) == ReadAnswer({}, 1)


def test_a_malformed_score_costs_no_other() -> None:
    scores = [{"segment": 1, "score": 0.5}, {"segment": 2, "score": "good"}, {"score": 1}, [], {"segment": 2}]
    assert read_scores(json.dumps({"segments": scores}), 3) == ReadAnswer({0: 0.5}, 4)
    with pytest.raises(BadAnswer):
        read_scores(json.dumps({"segments": scores[1:]}), 3)


@pytest.mark.parametrize("cut", range(1, 18))
def test_of_an_answer_that_breaks_off_the_entries_before_are_read(cut: int) -> None:
    whole = json.dumps({"segments": [{"segment": number, "score": 0.5} for number in (1, 2, 3)]})
    assert read_scores(whole[: -2 - cut], 3) == ReadAnswer({0: 0.5, 1: 0.5}, 1)
    assert read_scores("```json\n" + whole[: -2 - cut], 3) == ReadAnswer({0: 0.5, 1: 0.5}, 1)


def test_a_fault_in_the_middle_of_an_answer_leaves_the_entries_before_it() -> None:
    content = (
        '{"segments": [{"segment": 1, "score": 1}, {"segment": 2 "score": 1}, {"segment": 3, "score": 1}]}'
    )
    assert read_scores(content, 3) == ReadAnswer({0: 1.0}, 1)


UNSUPPORTED = {
    "max_tokens": "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    "temperature": "Unsupported value: 'temperature' does not support 0 with this model. "
    "Only the default (1) value is supported.",
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_a_model_does_not_take_is_named_by_its_error(name: str) -> None:
    message = UNSUPPORTED[name]
    error = {"message": message, "type": "invalid_request_error", "param": name, "code": "unsupported_value"}
    for body in (
        {"error": error},
        {"error": error | {"message": f"Unsupported. You sent max_tokens and temperature. {message}"}},
        {"error": {"message": message, "param": None, "code": "400"}},
        {"detail": message},
        message,
    ):
        assert refused_parameters(json.dumps(body).encode()) == {name}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{" * 100_000,
        b'{"error": {"message": "max_tokens is too large: 512 fit", "param": "max_tokens"}}',
        b'{"error": {"message": "\'max_completion_tokens\' is not supported"}}',
        b'{"error": {"message": "\'maxLength\' is not permitted"}}',
    ],
)
def test_other_errors_name_no_parameter_of_ours(body: bytes) -> None:
    assert refused_parameters(body) == frozenset()


def test_scores_stay_in_their_range() -> None:
    scores = [{"segment": number, "score": score} for number, score in enumerate([5, -0.25, -1.5], start=1)]
    assert read_scores(json.dumps({"segments": scores}), 3).found == {0: 1.0, 1: -0.25, 2: -1.0}
    fenced = f"```json\n{json.dumps({'segments': scores[1:2]})}\n```"
    assert read_scores(fenced, 3) == ReadAnswer({1: -0.25})


def test_a_summary_is_one_clean_line() -> None:
    content = json.dumps({"summary": " A\n\n# B\x1b[31m\u202e\u200b c\x00 " + "x " * 5_000})
    summary = read_summary(content).found
    assert summary.startswith("A # B [31m c x x")
    assert summary.isprintable()
    assert len(summary) <= LONGEST_SUMMARY


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"summary": "Yes."}\n```',
        '<think>{a}? No.</think> {"summary": "Yes."}'.replace("{a}", "a"),
        'Here you are: {"summary": "Yes."} Anything else?',
        '{"summary": "Yes.", "other": {"deep": [1]}}',
    ],
)
def test_what_stands_around_the_json_does_no_harm(content: str) -> None:
    assert read_summary(content).found == "Yes."


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[]",
        "Sure! The summary is: yes.",
        '{"summary": 7}',
        '{"summary": " \\n "}',
        "{" * 100_000,
    ],
)
def test_other_shapes_are_bad_answers(content: str) -> None:
    with pytest.raises(BadAnswer, match=r"^it is not in the form of the schema$|^the summary is empty$"):
        read_summary(content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}}]}',
        b"[" * 100_000,
    ],
)
def test_other_bodies_are_bad_answers(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        completion_of(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "it is no chat completion"),
        (b'{"choices": []}', "it holds no message"),
        (
            b'{"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}',
            "its tokens were spent before it said anything",
        ),
        (b'{"choices": [{"message": {"content": ""}, "finish_reason": 7}]}', "it holds no message"),
    ],
)
def test_a_bad_completion_says_why(body: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=rf"^{why}$"):
        completion_of(body)
    with pytest.raises(BadAnswer, match=r"^the summary is empty$"):
        read_summary('{"summary": ""}')


def test_what_the_model_wrote_is_taken_as_it_is() -> None:
    assert (
        completion_of(b'{"choices": [{"message": {"content": " a\\n"}}, {"message": {}}]}').content == " a\n"
    )


def test_tokens_are_counted_within_reason() -> None:
    def counted(usage: str) -> tuple[int, int]:
        found = completion_of(b'{"choices": [{"message": {"content": "x"}}]' + usage.encode() + b"}")
        return found.input_tokens, found.output_tokens

    assert counted("") == (0, 0)
    assert counted(', "usage": null') == (0, 0)
    assert counted(', "usage": {"prompt_tokens": 3, "completion_tokens": 4.0, "more": 1}') == (3, 4)
    assert counted(', "usage": {"prompt_tokens": -3, "completion_tokens": 1e300}') == (0, MOST_COUNTED)


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(st.characters(exclude_categories=()), max_size=300), st.integers(1, 50))
def test_clean_text_is_short_printable_and_clean_already(text: str, longest: int) -> None:
    cleaned = clean(text, longest)
    assert len(cleaned) <= longest
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    cleaned.encode()
    assert clean(cleaned, longest) == cleaned


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["segments", "segment", "labels", "label", "confidence", "score"]), inner
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(values, st.integers(0, 5))
def test_whatever_comes_gives_labels_of_known_segments_or_a_bad_answer(value: object, segments: int) -> None:
    content = json.dumps(value)
    for read in (lambda: read_labels(content, segments, ["a"]), lambda: read_scores(content, segments)):
        try:
            found = read().found
        except BadAnswer:
            continue
        assert set(found) <= set(range(segments))
