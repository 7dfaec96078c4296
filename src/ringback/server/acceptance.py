"""Accepting a recording or a text: its body is received, the request becomes a job, and is answered or called
back.

The routes check the head and read the body, each in its own way; the rest is the same for both.
"""

import errno
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.blobs import BlobKey, StoredBlob, TooLarge
from ringback.errors import Failure, Refusal
from ringback.jobs.job import Allowance, IdempotencyKey, NewJob
from ringback.jobs.store import AlreadyRequested, LedgerUnavailable, OverAllowance
from ringback.listen import results
from ringback.listen.options import ListenOptions
from ringback.retry_schedule import schedule_of_request
from ringback.server.allowances import allowance_of, largest_upload, too_many
from ringback.server.body import too_large
from ringback.server.error_responses import (
    UNAVAILABLE,
    error_response,
    exception_facts,
    json_response,
    set_request_id,
)
from ringback.server.idempotency import key_reused, with_fingerprint
from ringback.server.query import query_pairs
from ringback.server.request_context import RequestContext, report_accepted, report_refused
from ringback.server.request_span import add_status, request_span
from ringback.server.services import Services
from ringback.server.sync_responder import SyncResponder, WriteResult, ledger_unavailable
from ringback.telemetry.trace_context import TraceContext
from ringback.transcription.fetch import with_fetch
from ringback.transcription.request import TranscriptionOrder, audio_key, order_job

FULL = Failure(503, UNAVAILABLE.err_code, "There is no room for this now. Please try again later")


class ReceivedBody(msgspec.Struct, frozen=True):
    """A request whose body has been read completely."""

    context: RequestContext
    """With what the body has said of it."""
    order: TranscriptionOrder
    weight: int = 0
    """Bytes that were uploaded."""
    fields: Sequence[tuple[str, str]] = ()
    """What was asked for in the body beside the recording or text, for its fingerprint."""
    headers: Mapping[str, str] = {}
    """Of the answer to a request with a callback."""
    write: WriteResult | None = None
    """How the result is answered to a caller who waits; None: as it is stored."""

    @property
    def source(self) -> str:
        return "upload" if self.order.url is None else "url"

    @classmethod
    def of_upload(cls, context: RequestContext, order: TranscriptionOrder, stored: StoredBlob) -> Self:
        """With the upload that `store_upload` has written."""
        order = msgspec.structs.replace(order, audio=stored.key, sha256=stored.sha256)
        return cls(context, order, stored.size)


CheckHead = Callable[[Request], Awaitable[RequestContext]]
"""Checks everything that can be refused before the body is read. Raises `Refusal`."""

ReceiveBody = Callable[[Request, RequestContext], Awaitable[ReceivedBody]]
"""Reads the whole body. Raises `Refusal`."""


class Acceptance:
    """Accepts requests of one kind; one object for all of them."""

    def __init__(self, services: Services, kind: str, purpose: str = "") -> None:
        """`kind`: of the jobs. `purpose`: what distinguishes these requests, in fingerprints, from those of
        `POST /v1/listen` for the same content."""
        self._services = services
        self._kind = kind
        self._purpose = purpose
        self._limits = services.limits
        self._sync_responder = SyncResponder(services)
        self._fingerprint_secret = services.seal.subkey("wishes")
        self._uploads_in_progress: Counter[str] = Counter()
        """Uploads in progress, by key."""

    async def serve(self, request: Request, check_head: CheckHead, receive_body: ReceiveBody) -> Response:
        """Answer one request, and log exactly one event about it."""
        with request_span(request) as span:
            answer = await self._answer(request, check_head, receive_body, span.context)
            add_status(span, answer.status_code)
        return answer

    async def _answer(
        self, request: Request, check_head: CheckHead, receive_body: ReceiveBody, trace: TraceContext | None
    ) -> Response:
        context: RequestContext | None = None
        try:
            context = await check_head(request)
            with self._count_upload(context):
                received = await receive_body(request, context)
                context = msgspec.structs.replace(received.context, source=received.source, trace=trace)
                accepted = json_response(results.accepted_body(context.request_id), headers=received.headers)
                context = await self._accept(request, context, received)
        except (Refusal, LedgerUnavailable) as error:
            failure = error.failure if isinstance(error, Refusal) else ledger_unavailable(request, error)
            report_refused(request, context, failure)
            return error_response(request, failure)
        if context.replayed:
            set_request_id(request, context.request_id)
            headers = {**received.headers, **_REPLAYED}
            accepted = json_response(results.accepted_body(context.request_id), headers=headers)
        if context.callback is not None:
            report_accepted(request, context)
            return accepted
        answer = await self._sync_responder.answer(request, context, received.write)
        if context.replayed:
            answer.headers.update(_REPLAYED)
        return answer

    def largest(self, context: RequestContext) -> int:
        """Largest upload in bytes."""
        return largest_upload(self._allowance(context), self._limits.upload_bytes)

    async def store_upload(
        self, context: RequestContext, body: AsyncIterator[bytes], largest: int
    ) -> StoredBlob:
        """Write an upload. Raises `Refusal` where it is larger, or there is no room for it."""
        try:
            return await self._services.blobs.put(audio_key(context.request_id), body, largest)
        except TooLarge:
            raise too_large(largest) from None
        except OSError as error:
            raise _storage_refusal("blobs", context, error) from error

    async def delete_upload(self, key: BlobKey) -> None:
        """Delete an upload that was not accepted."""
        with suppress(OSError):  # the sweep of orphans finds it
            await self._services.blobs.delete(key)

    async def check_space(self, context: RequestContext) -> None:
        """Refuse a URL if the disk has no space, as an upload would be."""
        try:
            await self._services.blobs.check_space()
        except OSError as error:
            raise _storage_refusal("blobs", context, error) from error

    @contextmanager
    def _count_upload(self, context: RequestContext) -> Iterator[None]:
        """Counts uploads in progress, because the ledger counts only accepted requests."""
        most, key = self._allowance(context).jobs, context.caller.key_id
        if most is not None and self._uploads_in_progress[key] >= most:
            raise too_many()
        self._uploads_in_progress[key] += 1
        try:
            yield
        finally:
            self._uploads_in_progress[key] -= 1
            if not self._uploads_in_progress[key]:
                del self._uploads_in_progress[key]

    async def _accept(
        self, request: Request, context: RequestContext, received: ReceivedBody
    ) -> RequestContext:
        """Durable when this returns: as a new job, or as the job of the same idempotency key.

        After this, no error may make a 5xx of a callback request: SDKs would send the same request again.
        """
        order = received.order
        job = self._job(request, context, received)
        try:
            jobs = [job] if order.url is None else with_fetch(job)
            await self._services.store.add(jobs, self._allowance(context))
        except AlreadyRequested as known:
            await self._delete_upload_of(order)
            if not known.same_request:
                raise key_reused() from None
            return msgspec.structs.replace(context, request_id=known.job, replayed=True)
        except OverAllowance:
            await self._delete_upload_of(order)
            raise too_many() from None
        except Exception as error:
            await self._delete_upload_of(order)
            raise _storage_refusal("ledger", context, error) from error
        return context

    def _job(self, request: Request, context: RequestContext, received: ReceivedBody) -> NewJob:
        order, caller = received.order, context.caller
        if context.trace is not None:
            order = msgspec.structs.replace(order, trace=context.trace)
        return order_job(
            order,
            context.request_id,
            self._services.seal,
            kind=self._kind,
            callback=context.callback,
            project=caller.project,
            accessor=caller.key_id,
            weight=received.weight,
            idempotency=self._idempotency(request, context, received),
        )

    def _idempotency(
        self, request: Request, context: RequestContext, received: ReceivedBody
    ) -> IdempotencyKey | None:
        if context.idempotency_key is None:
            return None
        content = received.order.sha256 or received.order.url or ""
        if self._purpose:
            content = f"{self._purpose} {content}"
        parameters = [*query_pairs(request), *received.fields]
        return with_fingerprint(context.idempotency_key, parameters, content, self._fingerprint_secret)

    async def _delete_upload_of(self, order: TranscriptionOrder) -> None:
        if order.audio is not None:
            await self.delete_upload(order.audio)

    def _allowance(self, context: RequestContext) -> Allowance:
        return allowance_of(context.caller.limits, self._limits.keys)


def with_schedule(context: RequestContext) -> ListenOptions:
    """The options, with the retry schedule of the callback: the request's, else its key's."""
    schedule = schedule_of_request(context.options.callback_schedule, context.caller.limits.schedule)
    return msgspec.structs.replace(context.options, callback_schedule=schedule)


def _storage_refusal(where: str, context: RequestContext, error: Exception) -> Refusal:
    telemetry.problem("request.not_kept", request_id=context.request_id, where=where, **_cause(error))
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    failure = FULL if full else UNAVAILABLE
    return Refusal(failure.status, failure.err_code, failure.err_msg)


def _cause(error: Exception) -> dict[str, object]:
    """Messages of disk and ledger name no URL; of other exceptions only type and frames are logged."""
    known = isinstance(error, OSError | LedgerUnavailable)
    return {"error": str(error)} if known else exception_facts(error)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REPLAYED = {"idempotent-replayed": "true"}
