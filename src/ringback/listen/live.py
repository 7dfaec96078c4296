"""Deepgram's live protocol, sans-IO: frames, recognition events and the time in, actions out.

Three parts work together:

- The *session* (`streaming.session`) owns the sockets and the clock. It passes every frame of the
  client (`receive_binary`, `receive_text`), every event of the recogniser (`receive_event`) and the passing
  of time (`tick`, due at `deadline`) to the conversation, with its clock's monotonic `now`. It carries out
  the actions that come back in their order: `FeedAudio`, `FlushRecogniser` and `EndAudio` go into one queue
  to the recogniser, `SendMessage` to the relay, `CloseSocket` comes last.
- The *recogniser* (`streaming.live_recogniser`) turns audio into events; `listen.recognition_events` defines
  their order. The session applies the text features to a result's words before it passes the result on.
- The *conversation* alone knows the protocol. It keeps no audio and waits for nothing.
"""

import hashlib
from collections import Counter
from dataclasses import replace
from typing import assert_never

from ringback.listen import controls
from ringback.listen.actions import (
    RECOGNISER_TIMEOUT,
    Action,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    MessageKind,
    Reconfigure,
    SendMessage,
)
from ringback.listen.live_channel import LiveChannel
from ringback.listen.live_messages import LiveMessages, StreamMetadata
from ringback.listen.options import ListenOptions, keyterm_fault
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

__all__ = [
    "RECOGNISER_TIMEOUT",
    "Action",
    "AudioOpened",
    "Cause",
    "CloseReason",
    "CloseSocket",
    "Conversation",
    "EndAudio",
    "FeedAudio",
    "FlushRecogniser",
    "MessageKind",
    "RecognitionEvent",
    "RecognitionFinished",
    "RecognitionResult",
    "Reconfigure",
    "SendMessage",
    "SpeechStarted",
    "StreamMetadata",
    "Undecodable",
    "VadProgress",
]


IDLE_TIMEOUT = 10.0
"""Seconds without audio or a text message after which the stream ends
(https://developers.deepgram.com/docs/audio-keep-alive)."""

AUDIO_PAUSE = 10.0
"""Seconds without audio, in a stream kept open by text messages, after which the open span becomes final.
Ours: on Deepgram it stays open until more audio comes, however long that takes."""


class Conversation:
    """One stream's conversation. Every method returns what is to be done now; after `Close`, nothing more."""

    def __init__(self, options: ListenOptions, facts: StreamMetadata, now: float) -> None:
        self._options = options
        self._facts = facts
        self._messages = LiveMessages(options, facts)
        self._channels: list[LiveChannel] = []
        self._finalizes = _Finalizes()
        self._sha256 = hashlib.sha256()
        self._audio_came = False
        self._ending: CloseReason | None = None
        """Set once the stream is ending; the recogniser may still be at work."""
        self._closed = False
        self._last_sign = now
        """When the client last sent something; once the stream is ending, when the recogniser last did."""
        self._last_audio = now
        self._paused = True
        """Whether no audio has come since the last pause was handled."""
        self._pausing: set[int] = set()
        """Channels on which the flush for a pause is not carried out yet."""

    def begin(self) -> list[Action]:
        """The socket is open: this protocol has no greeting."""
        return []

    def receive_binary(self, data: bytes, now: float) -> list[Action]:
        """A binary frame: audio; an empty one asks for the end
        (https://developers.deepgram.com/docs/close-stream)."""
        if self._ending is not None:
            return []
        if not data:
            return self.end_stream(CloseReason.CLOSE_STREAM, now)
        self._audio_came = True
        self._sha256.update(data)
        self._last_sign = self._last_audio = now
        self._paused = False
        return [FeedAudio(data)]

    def receive_text(self, text: str, now: float) -> list[Action]:
        """A text frame: KeepAlive, Sync, Finalize, CloseStream, Configure; an Error answers anything else."""
        if self._ending is not None:
            return []
        if (
            self._audio_came
        ):  # Before any audio not even a KeepAlive keeps the connection (docs/audio-keep-alive).
            self._last_sign = now
        match controls.read(text):
            case controls.KeepAlive() | controls.Sync():
                return []
            case controls.Finalize(channel):
                return self._finalize(channel, text)
            case controls.CloseStream():
                return self.end_stream(CloseReason.CLOSE_STREAM, now)
            case controls.Configure() as requested:
                return self._configure(requested)
            case controls.Misread(description):
                error = self._messages.error("SchemaError", description, text)
                return [SendMessage(error, MessageKind.ANSWER)]

    def receive_event(self, event: RecognitionEvent, now: float) -> list[Action]:
        """An event of the recogniser. Events of channels that were not opened are dropped."""
        if self._closed:
            return []
        if self._ending is not None:
            self._last_sign = now
        match event:
            case AudioOpened(channels):
                self._open(channels)
                return []
            case RecognitionResult() | SpeechStarted() | VadProgress():
                return list(self._receive_channel_event(event))
            case PauseJudged():
                return []  # the recogniser holds the end of a hesitation back itself
            case Undecodable():
                return self._close(CloseReason.UNDECODABLE)
            case RecognitionFinished():
                return self._close(self._ending or CloseReason.FAILED, event)
            case _ as never:
                assert_never(never)

    def tick(self, now: float) -> list[Action]:
        """Time has passed; does something only when `deadline` has come."""
        if self.deadline is None or now < self.deadline:
            return []
        if self._ending is not None:
            return self._close(CloseReason.FAILED)
        if now >= self._last_sign + IDLE_TIMEOUT:
            return self.end_stream(CloseReason.IDLE_TIMEOUT, now)
        self._paused = True
        self._pausing = set(range(len(self._channels)))
        return [FlushRecogniser(None)]

    def resume(self, now: float) -> None:
        """The session stopped reading until now (recogniser behind): that silence was not the client's."""
        self._last_sign = self._last_audio = now

    def end_stream(self, ending: CloseReason, now: float) -> list[Action]:
        """The session has a reason to end the stream: the server stops, something broke, …

        A graceful end lets the recogniser finish; any other one, or one without any audio, is done at once.
        """
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
        """When `tick` is due next; None once closed."""
        if self._closed:
            return None
        if self._ending is not None:
            return self._last_sign + RECOGNISER_TIMEOUT
        silent = self._last_sign + IDLE_TIMEOUT
        return silent if self._paused else min(silent, self._last_audio + AUDIO_PAUSE)

    @property
    def ending(self) -> bool:
        """Whether the stream is ending; results of earlier audio may still come."""
        return self._ending is not None

    @property
    def closed(self) -> bool:
        """Whether `CloseSocket` was returned."""
        return self._closed

    @property
    def summary(self) -> None:
        """The record keeps the Metadata."""
        return

    def _finalize(self, channel: int | None, text: str) -> list[Action]:
        """Each Finalize is answered, on every channel that it covers
        (https://developers.deepgram.com/docs/finalize). Deepgram may leave the answer out when nothing was
        open, and its callers wait for it in vain."""
        if channel is not None and self._channels and channel >= len(self._channels):
            why = f"Could not deserialize last text message: the audio has no channel {channel}"
            return [SendMessage(self._messages.error("SchemaError", why, text), MessageKind.ANSWER)]
        self._finalizes.ask(channel)
        return [FlushRecogniser(channel)]

    def _configure(self, requested: controls.Configure) -> list[Action]:
        """One answer for each message; where something cannot be changed, nothing is
        (https://developers.deepgram.com/docs/configure)."""
        failure = self._not_configurable(requested)
        if failure is not None:
            return [SendMessage(self._messages.not_configured(*failure), MessageKind.ANSWER)]
        answer = SendMessage(self._messages.configured(requested.keyterms), MessageKind.ANSWER)
        change = Reconfigure(requested.features.get("numerals"), requested.keyterms)
        return [answer] if change == Reconfigure(None, None) else [change, answer]

    def _not_configurable(self, requested: controls.Configure) -> tuple[str, str] | None:
        """The code and the description of what cannot be done."""
        if requested.keyterms is not None and (why := keyterm_fault(requested.keyterms)):
            return "CONFIGURE_INTERNAL_ERROR", why
        if requested.keyterms and not self._facts.takes_terms:
            return "CONFIGURE_INTERNAL_ERROR", f"This server cannot change `keyterms`: {self._facts.no_terms}"
        if changed := self._unchangeable(requested):
            names = ", ".join(f"`{name[:100]}`" for name in changed[:20])
            return "CONFIGURE_INTERNAL_ERROR", f"This server cannot change {names} during a stream."
        return None

    def _unchangeable(self, requested: controls.Configure) -> list[str]:
        now = self._options
        features = [
            name
            for name, value in requested.features.items()
            if name != "numerals" and getattr(now, name, False) is not value
        ]
        return [*features, *requested.others]

    def _open(self, channels: int) -> None:
        if not self._channels:
            self._messages.set_channels(channels)
            self._channels = [LiveChannel(n, self._options, self._messages) for n in range(channels)]

    def _receive_channel_event(
        self, event: RecognitionResult | SpeechStarted | VadProgress
    ) -> list[SendMessage]:
        if not 0 <= event.channel < len(self._channels):
            return []
        channel = self._channels[event.channel]
        match event:
            case RecognitionResult(final=True, cause=Cause.FINALIZE):
                return self._flushed(channel, event)
            case RecognitionResult():
                return channel.add_result(event, from_finalize=False)
            case SpeechStarted():
                return channel.speech_started(event)
            case VadProgress():
                return channel.vad_progress(event)

    def _flushed(self, channel: LiveChannel, event: RecognitionResult) -> list[SendMessage]:
        """A flush was carried out: for a Finalize, or for a pause, which ends speech like any other."""
        if self._finalizes.answer(event.channel):
            return channel.add_result(event, from_finalize=True)
        if event.channel not in self._pausing:
            return channel.add_result(event, from_finalize=False)
        self._pausing.remove(event.channel)
        messages = channel.add_result(replace(event, cause=Cause.ENDPOINT), from_finalize=False)
        return messages + channel.audio_paused(AUDIO_PAUSE)

    def _close(self, ending: CloseReason, finished: RecognitionFinished | None = None) -> list[Action]:
        """Metadata, then the close (https://developers.deepgram.com/docs/close-stream)."""
        self._ending, self._closed = ending, True
        if finished is not None:
            duration, channels = finished.duration, finished.channels
        else:
            duration = max((channel.until for channel in self._channels), default=0.0)
            channels = len(self._channels)
        sha256 = self._sha256.hexdigest() if ending is CloseReason.CLOSE_STREAM else "incomplete"
        metadata = SendMessage(self._messages.metadata(sha256, duration, channels), MessageKind.METADATA)
        return [metadata, CloseSocket(ending.code, ending.reason)]


class _Finalizes:
    """Which Finalize messages have not been answered yet, per channel."""

    def __init__(self) -> None:
        self._for_all = 0
        self._for_one: Counter[int] = Counter()
        self._answered: Counter[int] = Counter()

    def ask(self, channel: int | None) -> None:
        if channel is None:
            self._for_all += 1
        else:
            self._for_one[channel] += 1

    def answer(self, channel: int) -> bool:
        """Whether there was one to answer."""
        if self._answered[channel] >= self._for_all + self._for_one[channel]:
            return False
        self._answered[channel] += 1
        return True
