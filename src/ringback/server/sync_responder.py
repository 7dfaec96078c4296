"""The synchronous answer: the request is a job as with a callback, and the caller waits for its end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ringback import telemetry
from ringback.blobs import BlobKey, BlobStore, StoredDocument, read_document
from ringback.errors import Failure
from ringback.fair_turns import FairTurns
from ringback.jobs.job import Job, JobId, State
from ringback.jobs.store import LedgerUnavailable
from ringback.listen.results import ErrorDocument
from ringback.quota import seconds_to_tomorrow
from ringback.server.blob_response import BlobResponse
from ringback.server.error_responses import (
    INTERNAL_ERROR,
    UNAVAILABLE,
    blobs_unavailable,
    error_response,
    header_text,
    json_response,
    request_id_of,
    result_lost,
)
from ringback.server.request_context import RequestContext, report_answered
from ringback.server.route_stores import SyncResponseStore
from ringback.server.services import Services
from ringback.transcription.fetch import cancel_request
from ringback.transcription.request import not_kept, result_of, still_kept

CLIENT_CLOSED = 499
"""The status in logs and metrics of a request whose client did not wait; no client receives it."""

TOO_MANY = 429
"""The status of a recording whose turn comes after the day's audio of its key or project is used up."""

BLOB_RETRY_SECONDS = 20.0
"""Seconds that a caller waits for a result whose blob cannot be read at the moment."""

FORMS_AT_ONCE = 2
"""Documents that are in memory to be answered in another form than they are stored in. What is answered, and
not read yet, `server/capacity` bounds."""

CANCELLED = Failure(409, "REQUEST_CANCELLED", "The request was cancelled before it had a result.")


T = TypeVar("T")

WriteResult = Callable[[bytes], Response]
"""Makes an answer of a result document. Runs in a thread."""


class ClientGone(Exception):
    """The client closed the connection before it had its answer."""


class SyncResponder:
    """Waits for jobs to end, for at most `limits.processing_seconds`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store: SyncResponseStore = services.store
        self._timeout = services.limits.processing_seconds
        self._forms = FairTurns(FORMS_AT_ONCE)

    async def answer(
        self, request: Request, context: RequestContext, write: WriteResult | None = None
    ) -> Response:
        """The result document of the request's job, or the error in its place. `write`: in another form."""
        started = self._services.clock.monotonic()
        job: Job | None = None
        try:
            job = await self._end_of(request, context.request_id)
        except ClientGone:
            status = CLIENT_CLOSED
            response = Response(status_code=status)
        except TimeoutError:
            status = 504
            response = error_response(request, self._timeout_failure())
        except LedgerUnavailable as error:
            status = UNAVAILABLE.status
            response = error_response(request, ledger_unavailable(request, error))
        except KeyError:
            # It was erased meanwhile.
            status = CANCELLED.status
            response = error_response(request, CANCELLED)
        else:
            response = await self._response(request, job, write, replayed=context.replayed)
            status = response.status_code
        finally:
            if job is None and context.idempotency_key is None:
                # The caller no longer waits, and cannot ask again: free the engine for another request.
                await self._cancel(context.request_id)
        waited = self._services.clock.monotonic() - started
        report_answered(request, context, status, waited)
        return response

    async def _end_of(self, request: Request, request_id: JobId) -> Job:
        """The ended job; raises `ClientGone`, or `TimeoutError` when the time limit passes first."""
        end = asyncio.create_task(self._store.wait_for_end(request_id))
        disconnect = asyncio.create_task(_disconnected(request))
        try:
            await asyncio.wait({end, disconnect}, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return end.result()
            if disconnect.done():
                raise ClientGone
            raise TimeoutError
        finally:
            end.cancel()
            disconnect.cancel()
            await asyncio.gather(end, disconnect, return_exceptions=True)

    async def _cancel(self, request_id: JobId) -> None:
        """Cancel the job; the answer does not depend on whether this works."""
        try:
            await cancel_request(self._store, request_id)
        except LedgerUnavailable as error:
            telemetry.problem("request.not_cancelled", request_id=request_id, error=str(error))

    async def _response(
        self, request: Request, job: Job, write: WriteResult | None, *, replayed: bool
    ) -> Response:
        if job.state is State.CANCELLED:
            return error_response(request, CANCELLED)
        if job.result is None or job.code is None:
            # Parked after too many crashes.
            return error_response(request, INTERNAL_ERROR)
        ending = result_of(job.result)
        try:
            response = await self._with_document(request, job, ending.document, write, replayed=replayed)
        except KeyError:
            return error_response(request, self._missing(job))
        except OSError as away:
            return error_response(request, blobs_unavailable(request, away))
        if ending.model is not None and job.code < 400:
            names = {model.uuid: model.name for model in self._services.catalogue.models()}
            response.headers["dg-model-uuid"] = ending.model
            response.headers["dg-model-name"] = header_text(names.get(ending.model, ""))
        return response

    async def _with_document(
        self, request: Request, job: Job, stored: StoredDocument, write: WriteResult | None, *, replayed: bool
    ) -> Response:
        """The answer of a job that has one. `KeyError` when the document is no longer kept."""
        assert job.code is not None
        blobs, key = self._services.blobs, stored.key
        if replayed and write is None and key is not None and job.code == HTTPStatus.OK:
            # It costs its caller nothing, who may ask for tens of megabytes on a thousand connections.
            await self._patiently(lambda: _find(blobs, key))
            missing = partial(self._missing, job)
            return BlobResponse(request, blobs, key, missing, headers={}, media_type="application/json")
        if write is not None and job.code == HTTPStatus.OK:
            return await self._in_another_form(job, stored, write)
        document = await self._patiently(lambda: read_document(blobs, stored))
        if job.code >= 400:
            return error_response(request, self._failure(job.code, document))
        return json_response(document, job.code)

    async def _in_another_form(self, job: Job, stored: StoredDocument, write: WriteResult) -> Response:
        """Made of the whole document, which of ten hours takes a second and ten times its size: a few at a
        time, however often it is asked for."""
        caller = f"{job.project}/{job.accessor or ''}"
        blobs = self._services.blobs

        async def rewritten() -> Response:
            if stored.key is not None:
                # Before its turn: a caller holds no place while the store is away.
                await _find(blobs, stored.key)
            await self._forms.take(caller)
            try:
                return await asyncio.to_thread(write, await read_document(blobs, stored))
            finally:
                self._forms.give_back(caller)

        return await self._patiently(rewritten)

    def _missing(self, job: Job) -> Failure:
        is_lost = still_kept(job, self._services.limits.keep_results_seconds, self._services.clock.now())
        return result_lost(job.id) if is_lost else not_kept().failure

    def _failure(self, status: int, document: bytes) -> Failure:
        """The error object that stands in a result's place."""
        error = _ERROR.decode(document)
        wait = seconds_to_tomorrow(self._services.clock.now()) if status == TOO_MANY else None
        return Failure(status, error.err_code, error.err_msg, retry_after=wait)

    async def _patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """What is read; retried for `BLOB_RETRY_SECONDS`, because the work is done and the caller still
        waits."""
        until = self._services.clock.monotonic() + BLOB_RETRY_SECONDS
        while True:
            try:
                return await read()
            except OSError:
                if self._services.clock.monotonic() > until:
                    raise
            await asyncio.sleep(1)

    def _timeout_failure(self) -> Failure:
        return Failure(
            504,
            "GATEWAY_TIMEOUT",
            f"Processing took longer than {self._timeout:g} seconds. Use a callback for what takes so long.",
        )


def ledger_unavailable(request: HTTPConnection, error: LedgerUnavailable) -> Failure:
    telemetry.problem("ledger.unavailable", request_id=request_id_of(request), error=str(error))
    return UNAVAILABLE


async def _find(blobs: BlobStore, key: BlobKey) -> None:
    """Raises `KeyError` where it is gone, `OSError` where the store is away: before the answer has begun."""
    async with blobs.content(key):
        pass


async def _disconnected(request: Request) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


_ERROR = msgspec.json.Decoder(ErrorDocument)
