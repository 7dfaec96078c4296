"""Which rule of a script answers a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ringback.stand_in.records import RecordedRequest
from ringback.stand_in.script import DEFAULT, DEFAULT_LIVE, Rule, Script, When


class RuleBook:
    """The rules of one stand-in, and how often each was used."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._rules = [_Counted(rule) for rule in script.rules or (DEFAULT, DEFAULT_LIVE)]

    def add(self, rule: Rule) -> None:
        """One more, before those that are there."""
        if not self.script.rules:
            self._rules.clear()
        self.script = msgspec.structs.replace(self.script, rules=(rule, *self.script.rules))
        self._rules.insert(0, _Counted(rule))

    def take(self, request: RecordedRequest, url: str | None = None) -> Rule | None:
        """The first rule that fits and is not used up, which counts as used; its number is written into the
        request. `url`: that the body names."""
        for number, each in enumerate(self._rules):
            if not each.used_up and fits(each.rule.when, request, url):
                each.used += 1
                request.rule = number
                return each.rule
        return None


@dataclass(slots=True)
class _Counted:
    rule: Rule
    used: int = 0

    @property
    def used_up(self) -> bool:
        return self.rule.times is not None and self.used >= self.rule.times


def fits(when: When, request: RecordedRequest, url: str | None = None) -> bool:
    """Whether all that is named is so."""
    headers = {name.lower(): value for name, value in when.headers.items()}
    conditions = (
        (when.kind, request.kind),
        (when.method, request.method),
        (when.path, request.path),
        (when.sha256, request.sha256),
        (when.url, url),
    )
    return (
        all(named is None or named == found for named, found in conditions)
        and _includes(request.query, when.query)
        and _includes(request.fields, when.fields)
        and all(request.headers.get(name) == value for name, value in headers.items())
    )


def _includes(given: Mapping[str, Sequence[str]], named: Mapping[str, str]) -> bool:
    return all(value in given.get(name, ()) for name, value in named.items())
