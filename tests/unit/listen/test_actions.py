"""The endings of a live stream on the wire."""

import pytest

from ringback.listen.actions import CloseReason


@pytest.mark.parametrize("ending", CloseReason)
def test_codes_and_reasons_fit_into_a_close_frame(ending: CloseReason) -> None:
    """RFC 6455, sections 5.5 and 7.4."""
    assert ending.code in {1000, 1001, 1008, 1011}
    assert len(ending.reason.encode()) <= 123


def test_what_the_session_tells_apart_has_a_close_of_its_own() -> None:
    assert len({(ending.code, ending.reason) for ending in CloseReason}) == len(CloseReason)


def test_deepgrams_own_words() -> None:
    """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
    assert (CloseReason.UNDECODABLE.code, CloseReason.UNDECODABLE.reason) == (1008, "DATA-0000")
    assert CloseReason.IDLE_TIMEOUT.reason == (
        "Deepgram did not receive audio data or a text message within the timeout window. "
        "See https://dpgr.am/net0001"
    )
    assert CloseReason.FAILED.reason == (
        "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000"
    )
