"""The protocol of `WS /v2/listen` (Flux), sans-IO: frames and recognition events in, actions out.

A turn is the final words since the last end, and the draft of the open span. All its timers run on stream
time: a client that sends nothing gets nothing.

| state | what happens | next state | messages |
|---|---|---|---|
| ready | words come | speaking | StartOfTurn |
| speaking | `EAGER`: a pause that may be the end, and there are words | awaiting | EagerEndOfTurn |
| awaiting | the speaker goes on, or the words change | speaking | TurnResumed |
| speaking, awaiting | `ENDPOINT`: the pause lasts | ready, next turn | EndOfTurn, `model` or `timeout` |
| speaking, awaiting | `FINALIZE`: ForceEndTurn was carried out | ready, next turn | EndOfTurn, `manual` |
| speaking, awaiting | `MOST_WORDS` words | ready, next turn | EndOfTurn, `timeout` |
| ready | `FINALIZE` | ready | Warning |
| any | a quarter of a second of audio without another message about the turn | the same | Update |
| any | CloseStream, the server stops | closed | Update with the last words, or EndOfTurn; the close |
| any | a text message that cannot be read | closed | Error; the close |

Laws, which `tests/unit/listen/test_flux_laws.py` and every test's stream are held to: `sequence_id` counts
from 0 over all messages; an EagerEndOfTurn has words, and an EndOfTurn right behind it the same; a turn's
window begins where the last one's ended. (https://developers.deepgram.com/docs/flux/state)
"""

from enum import Enum
from typing import assert_never

from ringback.listen import flux_controls
from ringback.listen.actions import (
    RECOGNISER_TIMEOUT,
    Action,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    SendMessage,
)
from ringback.listen.flux_configuration import FluxConfiguration
from ringback.listen.flux_messages import FluxMessages, TurnEvent, TurnSnapshot, TurnTrigger
from ringback.listen.live_messages import StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.recognition_events import (
    AudioOpened,
    Cause,
    PauseJudged,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    Undecodable,
    VadProgress,
)
from ringback.listen.turn import TurnWords, TurnWriter
from ringback.listen.turn_confidence import WHILE_SPEAKING, confidence
from ringback.transcript import joined

UPDATE_SECONDS = 0.22
"""Of audio between two messages about the turn: voice activity detection moves on in steps of 64 ms, and the
first one behind this is a quarter of a second after the last."""

MOST_WORDS = 2_000
"""Of a turn. Each message has all of them, and must stay below 1 MiB; and a quarter of an hour
of speech without a pause is no turn."""


class TurnState(Enum):
    READY = "ready"
    SPEAKING = "speaking"
    AWAITING = "awaiting"
    """EagerEndOfTurn was sent."""


class FluxConversation:
    """One stream's conversation. Every method returns what is to be done now; after a close, nothing more."""

    def __init__(
        self, options: ListenOptions, facts: StreamMetadata, writer: TurnWriter, *, ends_turn_on_close: bool
    ) -> None:
        """`ends_turn_on_close`: CloseStream ends an open turn (EndOfTurn, `manual`); Deepgram's does not."""
        self._messages = FluxMessages(options, facts)
        self._configuration = FluxConfiguration(options, facts, self._messages, writer)
        self._turn = TurnWords(writer)
        self._ends_turn_on_close = ends_turn_on_close
        self._state = TurnState.READY
        self._reached = 0.0
        """Seconds of the stream that were heard."""
        self._told_until = 0.0
        """Where the last message about the turn ended."""
        self._quiet_since: float | None = 0.0
        """Where the silence began; None during speech."""
        self._verdict = PauseJudged(0, 0.0, 0.0)
        """On the last pause that was judged."""
        self._awaited = ""
        """The transcript of the EagerEndOfTurn that was sent."""
        self._awaited_since: float | None = None
        """Where the silence before it began."""
        self._audio_came = False
        self._channels = 0
        self._ending: CloseReason | None = None
        self._closed = False
        self._last_sign = 0.0

    # What the session brings.

    def begin(self) -> list[Action]:
        """The socket is open."""
        return [self._messages.connected()]

    def receive_binary(self, data: bytes, now: float) -> list[Action]:
        """A binary frame: audio."""
        if self._ending is not None or not data:
            return []
        self._audio_came = True
        return [FeedAudio(data)]

    def receive_text(self, text: str, now: float) -> list[Action]:
        """A text frame. One that cannot be read ends the stream."""
        if self._ending is not None:
            return []
        match flux_controls.read_flux(text):
            case flux_controls.SignOfLife():
                return []
            case flux_controls.FluxConfigure() as requested:
                self._turn.rewrite()
                return self._configuration.change(requested)
            case flux_controls.ForceEndTurn():
                return [FlushRecogniser(None)] if self._audio_came else [self._no_active_turn()]
            case flux_controls.CloseFluxStream():
                return self.end_stream(CloseReason.CLOSE_STREAM, now)
            case flux_controls.Unparsable(description):
                return self._close(CloseReason.UNPARSABLE, description)

    def receive_event(self, event: RecognitionEvent, now: float) -> list[Action]:
        """An event of the recogniser."""
        if self._closed:
            return []
        self._last_sign = now
        actions: list[Action] = []
        match event:
            case RecognitionResult() | VadProgress() | PauseJudged():
                actions += self._hear(event)
            case AudioOpened(channels):
                self._channels = channels
            case SpeechStarted():
                pass  # a turn starts with words
            case Undecodable():
                actions = self._close(CloseReason.UNDECODABLE)
            case RecognitionFinished():
                self._reached = max(self._reached, event.duration)
                actions = self._close(self._ending or CloseReason.FAILED)
            case _ as never:
                assert_never(never)
        return actions

    def tick(self, now: float) -> list[Action]:
        """Time has passed; does something only when `deadline` has come."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._close(CloseReason.FAILED)

    def resume(self, now: float) -> None:
        """The session reads again: nothing here counts the time."""

    def end_stream(self, ending: CloseReason, now: float) -> list[Action]:
        """There is a reason to end the stream; a graceful end lets the recogniser finish."""
        if self._closed:
            return []
        if not ending.graceful or not self._audio_came:
            return self._close(ending)
        if self._ending is not None:
            return []
        self._ending = ending
        self._last_sign = now
        return [EndAudio()]

    @property
    def deadline(self) -> float | None:
        """When `tick` is due next. A client that sends nothing is no reason to end a stream: it answers the
        server's pings."""
        if self._closed or self._ending is None:
            return None
        return self._last_sign + RECOGNISER_TIMEOUT

    @property
    def ending(self) -> bool:
        """Whether the stream is ending; words of earlier audio may still come."""
        return self._ending is not None

    @property
    def closed(self) -> bool:
        """Whether `CloseSocket` was returned."""
        return self._closed

    @property
    def summary(self) -> bytes:
        """What the stream's record keeps."""
        return self._messages.summary(self._reached, self._channels, self._turn.index)

    # The turn.

    def _hear(self, event: RecognitionResult | VadProgress | PauseJudged) -> list[SendMessage]:
        if event.channel != 0:
            return []
        match event:
            case RecognitionResult():
                return self._add_words(event)
            case VadProgress():
                return self._progress(event)
            case PauseJudged():
                self._verdict = event
                return self._silent_since(event.quiet_since)

    def _add_words(self, event: RecognitionResult) -> list[SendMessage]:
        if not self._turn.add(event):
            return []
        self._reached = max(self._reached, event.end)
        messages = self._words_changed()
        match event.cause:
            case Cause.ENDPOINT:
                messages += self._end_turn(self._end_of_pause(event.end))
            case Cause.FINALIZE:
                ended = self._end_turn(TurnTrigger.MANUAL)
                messages += ended or [self._no_active_turn()]
            case Cause.EAGER:
                messages += self._expect_end()
            case Cause.UPDATE | Cause.LENGTH | Cause.SILENCE | Cause.END:
                if self._turn.length > MOST_WORDS:
                    messages += self._end_turn(TurnTrigger.TIMEOUT)
            case _ as never:
                assert_never(never)
        return messages

    def _words_changed(self) -> list[SendMessage]:
        """What new words bring by themselves."""
        match self._state:
            case TurnState.READY if self._turn.words(settled=False):
                self._state = TurnState.SPEAKING
                return [self._tell(TurnEvent.START_OF_TURN)]
            case TurnState.AWAITING:
                return self._resume_if_changed()
            case _:
                return []

    def _resume_if_changed(self) -> list[SendMessage]:
        if joined(self._turn.words(settled=True)) == self._awaited:
            return []
        self._state = TurnState.SPEAKING
        return [self._tell(TurnEvent.TURN_RESUMED)]

    def _expect_end(self) -> list[SendMessage]:
        words = self._turn.words(settled=True)
        if self._state is not TurnState.SPEAKING or not words:
            return []
        self._state = TurnState.AWAITING
        self._awaited, self._awaited_since = joined(words), self._quiet_since
        return [self._tell(TurnEvent.EAGER_END_OF_TURN)]

    def _end_turn(self, trigger: TurnTrigger) -> list[SendMessage]:
        """Nothing, if there is none."""
        if self._state is TurnState.READY:
            return []
        resumed = self._resume_if_changed() if self._state is TurnState.AWAITING else []
        ended = self._tell(TurnEvent.END_OF_TURN, trigger)
        self._state = TurnState.READY
        self._turn.begin_next(self._reached)
        return [*resumed, ended]

    def _end_of_pause(self, until: float) -> TurnTrigger:
        """What a silence until then has reached: the threshold, or the timeout before it."""
        thresholds = self._configuration.thresholds
        if self._quiet_since is None or self._confidence_at(until) >= thresholds.eot_threshold:
            return TurnTrigger.MODEL
        timed_out = until - self._quiet_since >= thresholds.eot_timeout_ms / 1000
        return TurnTrigger.TIMEOUT if timed_out else TurnTrigger.MODEL

    def _progress(self, event: VadProgress) -> list[SendMessage]:
        self._reached = max(self._reached, event.until)
        if resumed := self._silent_since(event.quiet_since):
            return resumed
        if self._reached - self._told_until >= UPDATE_SECONDS:
            return [self._tell(TurnEvent.UPDATE)]
        return []

    def _silent_since(self, quiet_since: float | None) -> list[SendMessage]:
        """None: there is speech."""
        self._quiet_since = quiet_since
        if self._state is not TurnState.AWAITING or quiet_since == self._awaited_since:
            return []
        self._state = TurnState.SPEAKING
        return [self._tell(TurnEvent.TURN_RESUMED)]

    def _tell(self, event: TurnEvent, trigger: TurnTrigger | None = None) -> SendMessage:
        self._told_until = self._reached
        # What was called an end must read as the end itself will.
        settled = self._state is TurnState.AWAITING or event is TurnEvent.END_OF_TURN
        words = self._turn.words(settled=settled)
        said = words or self._state is not TurnState.READY
        turn = TurnSnapshot(
            index=self._turn.index,
            start=self._turn.start,
            end=self._reached,
            words=words,
            confidence=self._confidence_at(self._reached) if said else 0.0,
        )
        return self._messages.turn_info(event, turn, trigger=trigger, hints=self._configuration.hints)

    def _confidence_at(self, until: float) -> float:
        if self._quiet_since is None:
            return WHILE_SPEAKING
        judged = self._verdict.quiet_since == self._quiet_since
        return confidence(until - self._quiet_since, self._verdict.completeness if judged else 0.0)

    def _no_active_turn(self) -> SendMessage:
        return self._messages.warning(
            "FORCE_END_TURN_NO_ACTIVE_TURN", "There is no active turn that could be ended."
        )

    # The end.

    def _close(self, ending: CloseReason, description: str | None = None) -> list[Action]:
        self._ending, self._closed = ending, True
        last: list[Action] = []
        complete = ending.graceful or ending is CloseReason.UNDECODABLE
        if complete and self._state is not TurnState.READY:
            if self._ends_turn_on_close:
                last += self._end_turn(TurnTrigger.MANUAL)
            else:
                last.append(self._tell(TurnEvent.UPDATE))
        if (code := _ERROR_CODES.get(ending)) is not None:
            last.append(self._messages.fatal(code, description or ending.reason))
        return [*last, CloseSocket(ending.code, ending.reason)]


_ERROR_CODES = {
    CloseReason.UNPARSABLE: "UNPARSABLE_CLIENT_MESSAGE",
    CloseReason.UNDECODABLE: "DATA-0000",
    CloseReason.FAILED: "INTERNAL_SERVER_ERROR",
    CloseReason.CANCELLED: "REQUEST_CANCELLED",
    CloseReason.AUDIO_USED_UP: "AUDIO_LIMIT_REACHED",
}
"""Of the Error before the close. Deepgram documents the first and the third; the second is its name for the
same in `/v1/listen`."""
