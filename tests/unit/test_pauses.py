"""How pauses are written, in the setting, for a key and in a request."""

import pytest

from ringback.errors import Misconfigured, Refusal
from ringback.listen.options import Mode, parse
from ringback.pauses import DEEPGRAM, STANDARD, read_pauses
from ringback.settings import load


@pytest.mark.parametrize(
    ("text", "pauses"),
    [
        ("deepgram", (30.0,) * 10),
        ("standard", (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)),
        ("5", (5.0,)),
        ("0", (0.0,)),
        ("5s, 5m,2h", (5.0, 300.0, 7_200.0)),
        ("0.3s,1.5m", (0.3, 90.0)),
        ("168h", (604_800.0,)),
        (",".join(["1s"] * 50), (1.0,) * 50),
    ],
)
def test_pauses(text: str, pauses: tuple[float, ...]) -> None:
    assert read_pauses(text) == pauses


BAD = [
    "",
    " ",
    ",",
    "5s,",
    "-1",
    "1d",
    "5 s",
    "1e3",
    "169h",
    "604801",
    "٥s",
    "Standard",
    "often",
    ",".join(["1s"] * 51),
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"pause|seven days"):
        read_pauses(text)


def test_the_two_that_have_names_differ() -> None:
    assert len(DEEPGRAM) == 10
    assert len(STANDARD) == 9


@pytest.mark.parametrize("mode", list(Mode))
def test_a_request_may_name_its_own(mode: Mode) -> None:
    assert parse([("callback_schedule", "5s,5m")], mode).callback_schedule == "5s,5m"
    with pytest.raises(Refusal, match="callback_schedule=often"):
        parse([("callback_schedule", "often")], mode)


def test_the_servers_is_checked_at_start() -> None:
    assert load(environ={"RINGBACK_CALLBACK_SCHEDULE": "10s,1m"}).callback.schedule == "10s,1m"
    with pytest.raises(
        Misconfigured, match=r"callback\.schedule = '10x': '10x' is not a pause: write standard,"
    ):
        load(environ={"RINGBACK_CALLBACK_SCHEDULE": "10x"})
