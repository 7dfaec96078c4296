"""One admitted stream: its session, its event in the log, and what its record holds."""

import asyncio
import traceback
from dataclasses import dataclass

from ringback import telemetry
from ringback.blobs import StoredDocument
from ringback.clock import Clock
from ringback.egress.socket import WEBSOCKET
from ringback.egress.target import Target
from ringback.engines.base import ModelInfo
from ringback.engines.voices import diarizer
from ringback.errors import Failure
from ringback.features.live import LiveText
from ringback.features.turns import TurnText
from ringback.jobs.job import Allowance, JobId, Lease
from ringback.listen.actions import CloseReason, MessageKind
from ringback.listen.flux_conversation import FluxConversation
from ringback.listen.live import Conversation, StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.results import ModelMetadata
from ringback.quota import Holder
from ringback.streaming.recent_words import HeardLine, RecentSpeech, RecentTurns, RecentWords
from ringback.streaming.record import StreamResult, error_document
from ringback.streaming.relay import CallbackAndClientRelay, Client, ClientRelay, Relay
from ringback.streaming.session import Session, SessionEnd, StreamConversation, StreamRecogniser
from ringback.telemetry.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A stream as its handshake asks for it."""

    request_id: JobId
    project: str
    key_id: str
    options: ListenOptions
    model: ModelInfo
    callback: Target | None
    schedule: str | None
    allowance: Allowance
    counts_audio: bool = False
    """Whether its key or project has a daily limit of audio."""
    trace: TraceContext | None = None
    """Where its results go on in its client's trace; None: there is none."""

    @property
    def holder(self) -> Holder:
        """Whose daily audio quota it uses."""
        return Holder(self.project, self.key_id)


class AdmittedStream:
    """One admitted stream."""

    def __init__(
        self,
        request: StreamRequest,
        lease: Lease,
        clock: Clock,
        stopping: asyncio.Event,
        *,
        ends_turn_on_close: bool = False,
    ) -> None:
        """`ends_turn_on_close`: see `FluxConversation`."""
        self._ends_turn_on_close = ends_turn_on_close
        self.request = request
        self.lease = lease
        self.began = clock.now()
        self.callback: Relay | None = None
        self.recogniser: StreamRecogniser | None = None
        self.refused: Failure | None = None
        self._clock = clock
        self._stopping = stopping
        self._session: Session | None = None
        self._conversation: StreamConversation | None = None
        self._ended: SessionEnd | None = None
        self._task: asyncio.Task[object] | None = None
        self._counted = 0.0

    async def serve(self, client: Client) -> None:
        """Until the client's socket is closed."""
        assert self.recogniser is not None
        self._task = asyncio.current_task()
        self._conversation = self._new_conversation()
        relay: Relay = ClientRelay(client)
        if self.callback is not None:
            inspect = self.request.options.inspect_response
            relay = CallbackAndClientRelay(self.callback, client, inspect=inspect, only=self._for_callback())
        self._session = Session(
            client=client,
            relay=relay,
            recogniser=self.recogniser,
            conversation=self._conversation,
            text=self._text(),
            recent=self._recent(),
            clock=self._clock,
            outlives_client=self.callback is not None,
            report=self._report_fault,
        )
        opened = self._clock.monotonic()
        self._ended = await self._session.run(self._stopping)
        self._report(self._ended, self._clock.monotonic() - opened)

    def end(self, reason: CloseReason) -> None:
        """End it: at once, or after the open results, as the reason requires (`CloseReason.graceful`)."""
        if self._session is not None:
            self._session.end(reason)

    def recent_words(self) -> list[HeardLine]:
        """The latest, as they were sent."""
        return [] if self._session is None else self._session.recent.lines()

    def uncounted(self) -> float:
        """Seconds of audio, every channel counted, that were recognised since the last call."""
        if self._session is None or not self.request.counts_audio:
            return 0.0
        tally = self._session.tally
        recognised = tally.audio_seconds * max(1, tally.channels)
        more, self._counted = recognised - self._counted, recognised
        return max(0.0, more)

    def give_back(self, seconds: float) -> None:
        """These could not be counted: they are still to be."""
        self._counted -= seconds

    def abort(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def close_unserved(self) -> None:
        """Close what was opened, if the stream was never served."""
        if self._session is None:
            if self.callback is not None:
                await self.callback.close(CloseReason.SERVER_STOPPING.code, "")
            if self.recogniser is not None:
                await self.recogniser.close()

    @property
    def status(self) -> int:
        """Of its record."""
        if self._ended is not None:
            return self._ended.status
        return _CLIENT_CLOSED if self.refused is None else self.refused.status

    def result(self) -> StreamResult:
        tally = None if self._session is None else self._session.tally
        return StreamResult(
            document=self._document(),
            duration=0.0 if tally is None else tally.audio_seconds,
            channels=0 if tally is None else tally.channels,
            model=self.request.model.uuid,
        )

    def _document(self) -> StoredDocument:
        document = None if self._session is None else self._session.tally.metadata
        if document is None and self._conversation is not None:
            document = self._conversation.summary
        if document is not None:
            return StoredDocument(inline=document.decode())
        failure = self.refused or Failure(self.status, "STREAM_ENDED", self._reason())
        return error_document(failure, self.request.request_id)

    def _reason(self) -> str:
        return "The client left." if self._ended is None or not self._ended.reason else self._ended.reason

    def _new_conversation(self) -> StreamConversation:
        options, facts = self.request.options, self._facts()
        if options.thresholds is None:
            return Conversation(options, facts, self._clock.monotonic())
        return FluxConversation(
            options, facts, TurnText(options), ends_turn_on_close=self._ends_turn_on_close
        )

    def _for_callback(self) -> frozenset[MessageKind]:
        """Of a turn-based stream over HTTP the ends of turns alone: four Updates a second, each in a request
        of its own, are nothing that a receiver wants."""
        request = self.request
        over_http = request.callback is not None and request.callback.scheme not in WEBSOCKET
        if request.options.thresholds is not None and over_http:
            return frozenset({MessageKind.END_OF_TURN})
        return frozenset(MessageKind)

    def _text(self) -> LiveText:
        """A turn is written as a whole, by its conversation: until then its words stay as they were heard."""
        options = self.request.options
        return LiveText(options if options.thresholds is None else _AS_HEARD)

    def _recent(self) -> RecentSpeech:
        return RecentWords() if self.request.options.thresholds is None else RecentTurns()

    def _facts(self) -> StreamMetadata:
        model = self.request.model
        facts = ModelMetadata(model.uuid, model.name, model.version, model.arch)
        diarizer_name = diarizer(self.request.options, live=True)
        return StreamMetadata(
            self.request.request_id, self.began, (facts,), diarizer_name, takes_terms=not model.incremental
        )

    def _report(self, ended: SessionEnd, seconds: float) -> None:
        """The canonical event of a stream."""
        assert self._session is not None
        request, tally = self.request, self._session.tally
        telemetry.STREAM_SECONDS.inc(tally.audio_seconds)
        telemetry.STREAM_ENDS.labels(str(ended.code)).inc()
        for kind in MessageKind:
            telemetry.STREAM_MESSAGES.labels(kind.value).inc(tally.sent[kind])
        telemetry.event(
            "stream.ended",
            request_id=request.request_id,
            project=request.project,
            key=request.key_id,
            model=request.model.name,
            encoding=request.options.encoding,
            callback=None if request.callback is None else request.callback.origin,
            code=ended.code,
            status=ended.status,
            reason=ended.reason or None,
            detail=ended.detail,
            audio_seconds=round(tally.audio_seconds, 3),
            channels=tally.channels,
            frames=tally.frames,
            bytes=tally.size,
            interims=tally.sent[MessageKind.INTERIM],
            finals=tally.sent[MessageKind.FINAL],
            turns=None if request.options.thresholds is None else tally.sent[MessageKind.END_OF_TURN],
            seconds=round(seconds, 3),
        )

    def _report_fault(self, error: BaseException) -> None:
        telemetry.problem(
            "stream.failed",
            request_id=self.request.request_id,
            error=type(error).__name__,
            # The frames alone: an exception's text may quote what a client sent.
            frames=traceback.format_tb(error.__traceback__)[-5:],
        )


_CLIENT_CLOSED = 499
_AS_HEARD = ListenOptions(punctuate=True, filler_words=True)
