"""docs/live.md names every message, ending and limit of a live stream as it is."""

from pathlib import Path

import pytest

from ringback.listen.actions import CloseReason
from ringback.listen.controls import LONGEST, MOST_CHANNELS
from ringback.listen.live_messages import MOST_ECHOED
from ringback.listen.options import MOST_LIVE_EXTRA_BYTES
from ringback.server.websocket import FRAMES_PER_SECOND, MESSAGE_BYTES, PING_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text()


@pytest.mark.parametrize("ending", [e for e in CloseReason if e.code != 1000])
def test_each_ending_has_its_row(ending: CloseReason) -> None:
    assert f"| {ending.code} | `{ending.reason}` |" in PAGE


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Results",
            "SpeechStarted",
            "UtteranceEnd",
            "Metadata",
            "Error",
            "ConfigureSuccess",
            "ConfigureFailure",
        ),
        *('{"type":"KeepAlive"}', '{"type":"Finalize"}', '{"type":"CloseStream"}', '{"type":"Configure", …}'),
    ],
)
def test_each_message_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    for limit in (
        f"read up to {LONGEST:,} characters",
        f"up to {MOST_ECHOED} characters",
        f"| channels | {MOST_CHANNELS} |",
        f"| `extra` | {MOST_LIVE_EXTRA_BYTES >> 10} KiB in all |",
        f"at most {MESSAGE_BYTES >> 20} MiB",
        f"at most {FRAMES_PER_SECOND:,} frames a second",
        f"every {PING_SECONDS:g} seconds",
    ):
        assert limit in PAGE
