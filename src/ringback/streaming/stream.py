"""One admitted stream: its session, what is said of it afterwards, and what stands in its record."""

import asyncio
import traceback
from dataclasses import dataclass

from ringback import telemetry
from ringback.blobs import Kept
from ringback.clock import Clock
from ringback.engines.base import ModelInfo
from ringback.errors import Failure
from ringback.jobs.job import Allowance, JobId, Lease
from ringback.listen.actions import CloseReason, MessageKind
from ringback.listen.live import Conversation, StreamMetadata
from ringback.listen.options import ListenOptions
from ringback.listen.results import ModelMetadata
from ringback.quota import Holder
from ringback.streaming.record import StreamEnding, error_document
from ringback.streaming.relay import Client, ClientRelay, Relay, ToCallback
from ringback.streaming.session import Ears, Ended, Session


@dataclass(frozen=True, slots=True)
class Asked:
    """A stream as far as its handshake tells."""

    request_id: JobId
    project: str
    key_id: str
    options: ListenOptions
    model: ModelInfo
    callback: str | None
    """As admitted, credentials included."""
    callback_origin: str | None
    """As it may be shown."""
    schedule: str | None
    allowance: Allowance
    counts_audio: bool = False
    """Whether its key or project has a daily limit of audio."""

    @property
    def holder(self) -> Holder:
        """On whose account audio is heard."""
        return Holder(self.project, self.key_id)


class Stream:
    """One admitted stream."""

    def __init__(self, asked: Asked, lease: Lease, clock: Clock, stopping: asyncio.Event) -> None:
        self.asked = asked
        self.lease = lease
        self.began = clock.now()
        self.callback: Relay | None = None
        self.ears: Ears | None = None
        self.refused: Failure | None = None
        self._clock = clock
        self._stopping = stopping
        self._session: Session | None = None
        self._ended: Ended | None = None
        self._task: asyncio.Task[object] | None = None
        self._counted = 0.0

    async def serve(self, client: Client) -> None:
        """Until the client's socket is closed."""
        assert self.ears is not None
        self._task = asyncio.current_task()
        relay: Relay = ClientRelay(client)
        if self.callback is not None:
            relay = ToCallback(self.callback, client, inspect=self.asked.options.inspect_response)
        self._session = Session(
            client=client,
            relay=relay,
            ears=self.ears,
            conversation=Conversation(self.asked.options, self._facts(), self._clock.monotonic()),
            options=self.asked.options,
            clock=self._clock,
            outlives_client=self.callback is not None,
            report=self._report_fault,
        )
        opened = self._clock.monotonic()
        self._ended = await self._session.run(self._stopping)
        self._report(self._ended, self._clock.monotonic() - opened)

    def end(self, reason: CloseReason) -> None:
        """End it now, or once what was heard is told: as is right for this reason."""
        if self._session is not None:
            self._session.end(reason)

    def uncounted(self) -> float:
        """Seconds of audio, every channel counted, that were heard and not yet taken from here."""
        if self._session is None or not self.asked.counts_audio:
            return 0.0
        tally = self._session.tally
        heard = tally.heard * max(1, tally.channels)
        more, self._counted = heard - self._counted, heard
        return max(0.0, more)

    def give_back(self, seconds: float) -> None:
        """These could not be counted: they are still to be."""
        self._counted -= seconds

    def cut_off(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def leave(self) -> None:
        """Put away what was opened for a stream that was never served."""
        if self._session is None:
            if self.callback is not None:
                await self.callback.close(CloseReason.SERVER_STOPPING.code, "")
            if self.ears is not None:
                await self.ears.close()

    @property
    def status(self) -> int:
        """Of its record."""
        if self._ended is not None:
            return self._ended.status
        return _CLIENT_CLOSED if self.refused is None else self.refused.status

    def ending(self) -> StreamEnding:
        tally = None if self._session is None else self._session.tally
        return StreamEnding(
            document=self._document(),
            duration=0.0 if tally is None else tally.heard,
            channels=0 if tally is None else tally.channels,
            model=self.asked.model.uuid,
        )

    def _document(self) -> Kept:
        metadata = None if self._session is None else self._session.tally.metadata
        if metadata is not None:
            return Kept(inline=metadata.decode())
        failure = self.refused or Failure(self.status, "STREAM_ENDED", self._why())
        return error_document(failure, self.asked.request_id)

    def _why(self) -> str:
        return "The client left." if self._ended is None or not self._ended.reason else self._ended.reason

    def _facts(self) -> StreamMetadata:
        model = self.asked.model
        facts = ModelMetadata(model.uuid, model.name, model.version, model.arch)
        return StreamMetadata(self.asked.request_id, self.began, (facts,))

    def _report(self, ended: Ended, seconds: float) -> None:
        """The canonical event of a stream."""
        assert self._session is not None
        asked, tally = self.asked, self._session.tally
        telemetry.STREAM_SECONDS.inc(tally.heard)
        telemetry.STREAM_ENDS.labels(str(ended.code)).inc()
        for kind in MessageKind:
            telemetry.STREAM_MESSAGES.labels(kind.value).inc(tally.said[kind])
        telemetry.event(
            "stream.ended",
            request_id=asked.request_id,
            project=asked.project,
            key=asked.key_id,
            model=asked.model.name,
            encoding=asked.options.encoding,
            callback=asked.callback_origin,
            code=ended.code,
            status=ended.status,
            reason=ended.reason or None,
            detail=ended.detail,
            audio_seconds=round(tally.heard, 3),
            channels=tally.channels,
            frames=tally.frames,
            bytes=tally.size,
            interims=tally.said[MessageKind.INTERIM],
            finals=tally.said[MessageKind.FINAL],
            seconds=round(seconds, 3),
        )

    def _report_fault(self, error: BaseException) -> None:
        telemetry.problem(
            "stream.failed",
            request_id=self.asked.request_id,
            error=type(error).__name__,
            # The frames alone: an exception's text may quote what a client sent.
            frames=traceback.format_tb(error.__traceback__)[-5:],
        )


_CLIENT_CLOSED = 499
