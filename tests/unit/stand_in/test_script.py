"""Scripts are read strictly, and their first rule that fits answers."""

from pathlib import Path

import msgspec
import pytest

from ringback.errors import Misconfigured
from ringback.stand_in.records import RecordedRequest
from ringback.stand_in.rules import RuleBook, fits
from ringback.stand_in.script import Rule, Script, When, load_script, read_rule, read_script


def recording(**facts: object) -> RecordedRequest:
    """A recording for nova-3."""
    usual = {
        "number": 1,
        "request_id": "id",
        "kind": "recording",
        "method": "POST",
        "path": "/v1/listen",
        "query": {"model": ["nova-3"], "tag": ["a", "b"]},
        "headers": {"user-agent": "test"},
        "api_key": "any",
    }
    return RecordedRequest(**{**usual, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "fit"),
    [
        (When(), True),
        (When(kind="recording", method="POST", path="/v1/listen"), True),
        (When(kind="live"), False),
        (When(method="GET"), False),
        (When(path="/v1/read"), False),
        (When(query={"tag": "c"}), False),
        (When(query={"model": "nova-3", "tag": "b"}), True),
        (When(query={"model": "nova-2"}), False),
        (When(query={"punctuate": "true"}), False),
        (When(headers={"User-Agent": "test"}), True),
        (When(headers={"x-other": "test"}), False),
        (When(sha256="ab"), True),
        (When(sha256="cd"), False),
        (When(url="http://a.example/"), True),
        (When(url="http://b.example/"), False),
        (When(fields={"model": "whisper-1"}), True),
        (When(fields={"model": "other"}), False),
    ],
)
def test_a_rule_fits_when_all_that_it_names_is_so(when: When, fit: bool) -> None:
    request = recording(sha256="ab", fields={"model": ["whisper-1"]})
    assert fits(when, request, "http://a.example/") == fit
    assert (RuleBook(Script((Rule(when=when),))).take(request, "http://a.example/") is not None) == fit


def test_the_first_rule_that_fits_answers_until_it_is_used_up() -> None:
    book = RuleBook(
        Script((Rule(when=When(kind="live")), Rule(status=429, times=2), Rule(transcript="At last.")))
    )
    taken = [book.take(recording()) for _ in range(4)]
    assert [rule.status if rule else None for rule in taken] == [429, 429, 200, 200]
    request = recording()
    book.take(request)
    assert request.rule == 2


def test_a_script_without_rules_always_answers_and_one_with_rules_only_by_them() -> None:
    assert RuleBook(Script()).take(recording()) is not None
    assert RuleBook(Script()).take(recording(kind="live")) is not None
    assert RuleBook(Script()).take(recording(kind="other")) is None
    book = RuleBook(Script())
    book.add(Rule(when=When(query={"model": "nova-2"})))
    assert book.take(recording()) is None
    book.add(Rule(when=When(query={"model": "nova-3"}), transcript="Second."))
    request = recording()
    taken = book.take(request)
    assert taken is not None
    assert (taken.transcript, request.rule) == ("Second.", 0)
    assert book.script.rules == (taken, Rule(when=When(query={"model": "nova-2"})))


def test_without_rules_recordings_and_streams_hear_the_same() -> None:
    transcripts = {
        rule.transcript
        for kind in ("recording", "live")
        if (rule := RuleBook(Script()).take(recording(kind=kind)))
    }
    assert len(transcripts) == 1
    assert transcripts != {None}


def test_a_rule_that_is_added_goes_first() -> None:
    book = RuleBook(Script((Rule(transcript="Old."),)))
    book.add(Rule(transcript="New.", times=1))
    taken = [book.take(recording()) for _ in range(2)]
    assert [rule.transcript if rule else None for rule in taken] == ["New.", "Old."]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"rule": []}',
        '{"rules": [{"transcirpt": "x"}]}',
        '{"rules": [{"transcript": "x", "says": [{"text": "y"}]}]}',
        '{"rules": [{"status": 99}]}',
        '{"rules": [{"times": 0}]}',
        '{"rules": [{"delay": -1}]}',
        '{"rules": [{"close": {"code": 42}}]}',
        '{"callback_tries": 0}',
    ],
)
def test_what_a_script_may_not_say(text: str, tmp_path: Path) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_script(text)
    file = tmp_path / "script.json"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=r"script\.json cannot be read"):
        load_script(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"the script .*nowhere\.json cannot be read: .*No such file"):
        load_script(tmp_path / "nowhere.json")


def test_a_script_reads_itself_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"rules": [{"when": {"method": "GET"}, "document": [1]}], "keys": ["a"]}')
    assert load_script(file) == Script((Rule(when=When(method="GET"), document=[1]),), ("a",))
    assert read_rule(b'{"times": 1}') == Rule(times=1)
