"""`callback.allow` is read twice, by `settings` and by `egress.policy`: both must say the same of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.egress.policy import Policy
from ringback.errors import Misconfigured
from ringback.settings import CallbackSettings, Settings, contradictions

GOOD = """
127.0.0.1 10.0.0.0/8 10.0.0.0/255.0.0.0 ::1 fd00::/8 ::ffff:127.0.0.1 ::ffff:10.0.0.0/104 0.0.0.0/0 ::/0
localhost hooks.internal Hooks.Internal hooks.internal. a_b.example _svc.example x-1.example 1a.example 0xg
*.internal *.svc.cluster.local *.Example.com. *.1a deadbeef 9.example
""".split()  # noqa: SIM905 - a list of this length reads better as words

BAD = """
10.0.0.1/8 10.0.0.0/33 10.0.0.0/ 10.0.0.256 127.1 1.2.3.4.5 2130706433 0x7f.1 0x7f000001 a.1 a.0x a.0x.
fd00::1/8 ::/129 :::1 [::1] http://hooks.internal hooks.internal:8080 hooks.internal/path user@hooks.internal
-a.example a-.example a..example .example . * *. *.*
a.*.example *example **.example *.-a *.10.0.0.1 *.1 bü.example
""".split()  # noqa: SIM905 - a list of this length reads better as words


def settings_take(entry: str) -> bool:
    return not contradictions(Settings(callback=CallbackSettings(allow=(entry,))))


def policy_takes(entry: str) -> bool:
    try:
        Policy([entry])
    except Misconfigured:
        return False
    return True


@pytest.mark.parametrize("entry", GOOD)
def test_good_entries(entry: str) -> None:
    assert settings_take(entry)
    assert policy_takes(entry)


@pytest.mark.parametrize("entry", BAD)
def test_bad_entries(entry: str) -> None:
    assert not settings_take(entry)
    assert not policy_takes(entry)


@given(st.text(st.sampled_from("*..a-_0x1fF:/%1"), min_size=1, max_size=9))
def test_whatever_else_is_written(entry: str) -> None:
    assert settings_take(entry) == policy_takes(entry)
