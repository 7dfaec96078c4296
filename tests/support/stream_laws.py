"""The laws that every live stream keeps, whichever its messages are: how it ends, and that it stays ended."""

from typing import ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.listen.actions import Action, CloseReason, CloseSocket
from ringback.listen.recognition_events import RecognitionEvent, RecognitionFinished, Undecodable


class AnyConversation(Protocol):
    """What the conversations of both kinds of stream have."""

    @property
    def closed(self) -> bool: ...

    @property
    def deadline(self) -> float | None: ...

    def receive_binary(self, data: bytes, now: float) -> list[Action]: ...

    def receive_text(self, text: str, now: float) -> list[Action]: ...

    def receive_event(self, event: RecognitionEvent, now: float) -> list[Action]: ...

    def end_stream(self, ending: CloseReason, now: float) -> list[Action]: ...

    def tick(self, now: float) -> list[Action]: ...


class StreamLaws(RuleBasedStateMachine):
    """A machine gives `conversation` and `now` when it starts, and holds what comes out against its own laws
    in `keep`, which passes each close on to `keep_close`."""

    channels: ClassVar[int] = 1
    conversation: AnyConversation
    now: float

    def __init__(self) -> None:
        super().__init__()
        self.closes: list[CloseSocket] = []

    def keep(self, actions: list[Action]) -> None:
        """Hold each action against the laws."""
        raise NotImplementedError

    # The rule ends the stream. It asks for a chance, so that most runs are long.

    @rule(
        ending=st.sampled_from(CloseReason),
        ending_by=st.sampled_from(["frame", "close", "text", "server", "finished", "undecodable"]),
        chance=st.integers(0, 9),
    )
    def end(self, ending: CloseReason, ending_by: str, chance: int) -> None:
        if chance:
            return
        match ending_by:
            case "frame":
                self.keep(self.conversation.receive_binary(b"", self.now))
            case "close":
                self.keep(self.conversation.receive_text('{"type":"CloseStream"}', self.now))
            case "text":  # which a turn-based stream cannot read
                self.keep(self.conversation.receive_text('{"type":"Finalize"}', self.now))
            case "server":
                self.keep(self.conversation.end_stream(ending, self.now))
            case "finished":
                self.keep(self.conversation.receive_event(RecognitionFinished(self.channels, 30.0), self.now))
            case _:
                self.keep(self.conversation.receive_event(Undecodable(), self.now))

    @invariant()
    def closed_is_for_good(self) -> None:
        if self.closes:
            assert self.conversation.closed
            assert self.conversation.deadline is None
            assert self.conversation.tick(self.now + 1000) == []

    def keep_close(self, close: CloseSocket) -> None:
        self.closes.append(close)
        assert close.code in {1000, 1001, 1008, 1011}
        assert len(close.reason.encode()) <= 123
