"""What a turn-based stream (`WS /v2/listen`) brought, and the laws that every stream keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

Message = dict[str, Any]

# state, event → next state (https://developers.deepgram.com/docs/flux/state)
_ORDER = {
    ("ready", "Update"): "ready",
    ("ready", "StartOfTurn"): "speaking",
    ("speaking", "Update"): "speaking",
    ("speaking", "EagerEndOfTurn"): "awaiting",
    ("speaking", "EndOfTurn"): "ready",
    ("awaiting", "Update"): "awaiting",
    ("awaiting", "TurnResumed"): "speaking",
    ("awaiting", "EndOfTurn"): "ready",
}
TRIGGERS = {"model", "manual", "timeout"}


@dataclass(frozen=True)
class Turns:
    """The messages of one stream, in the order in which they came."""

    messages: Sequence[Message]

    def of(self, event: str) -> list[Message]:
        return [each for each in self.infos if each["event"] == event]

    @property
    def infos(self) -> list[Message]:
        return [each for each in self.messages if each["type"] == "TurnInfo"]

    @property
    def events(self) -> list[str]:
        """Without the Updates."""
        return [each["event"] for each in self.infos if each["event"] != "Update"]

    @property
    def ends(self) -> list[Message]:
        return self.of("EndOfTurn")

    @property
    def texts(self) -> list[str]:
        return [each["transcript"] for each in self.ends]

    def check(self, *, eager: bool = True, multilingual: bool = False) -> None:
        """The laws. `eager`: whether `eager_eot_threshold` was set."""
        assert [each["sequence_id"] for each in self.messages] == list(range(len(self.messages)))
        first = self.messages[0]
        assert first["type"] == "Connected"
        assert [each["type"] for each in self.messages].count("Connected") == 1
        assert {each["request_id"] for each in self.messages if "request_id" in each} == {first["request_id"]}
        UUID(first["request_id"])
        self._check_order(eager=eager)
        for each in self.infos:
            _check_info(each, multilingual=multilingual)
        for before, after in pairwise(self.infos):
            _check_neighbours(before, after)

    def _check_order(self, *, eager: bool) -> None:
        state, promised = "ready", ""
        for each in self.infos:
            event = each["event"]
            assert (state, event) in _ORDER, f"{event} in the state {state}"
            state = _ORDER[state, event]
            if event == "EagerEndOfTurn":
                assert eager
                promised = each["transcript"]
                assert promised
            if event == "TurnResumed":
                promised = ""
            if event == "EndOfTurn" and promised:
                assert each["transcript"] == promised
                promised = ""


def _check_info(info: Message, *, multilingual: bool) -> None:
    assert ("trigger" in info) == (info["event"] == "EndOfTurn")
    assert info.get("trigger", "model") in TRIGGERS
    assert 0 <= info["end_of_turn_confidence"] <= 1
    assert ("languages" in info) == multilingual
    assert multilingual or "languages_hinted" not in info
    start, end, words = info["audio_window_start"], info["audio_window_end"], info["words"]
    assert start <= end
    if all(ord(character) < 0x300 for character in info["transcript"]):  # spaces stand between words
        assert info["transcript"] == " ".join(word["word"] for word in words)
    reached = (start, start)
    for word in words:
        assert 0 <= word["confidence"] <= 1
        assert reached[0] <= word["start"] <= word["end"] <= end
        assert reached[1] <= word["end"]
        reached = word["start"], word["end"]


def _check_neighbours(before: Message, after: Message) -> None:
    assert after["audio_window_end"] >= before["audio_window_end"]
    if before["event"] != "EndOfTurn":
        assert after["turn_index"] == before["turn_index"]
        assert after["audio_window_start"] == before["audio_window_start"]
        return
    assert after["turn_index"] == before["turn_index"] + 1
    assert after["audio_window_start"] == before["audio_window_end"]
