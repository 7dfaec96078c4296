"""`POST /v1/listen`: a recording comes in, is accepted durably, and is answered now or called back.

Checks run in this order, each before the next costs anything: credentials (401), options (400), model,
callback URL, size (413), body (https://developers.deepgram.com/docs/errors gives the words).
"""

import asyncio
import errno
import urllib.parse
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.blobs import TooLarge, read_kept
from ringback.callbacks.schedule import chosen
from ringback.egress.target import read_target
from ringback.engines.base import ModelInfo
from ringback.errors import Failure, Refusal
from ringback.jobs.job import Job, JobId
from ringback.jobs.store import LedgerUnavailable
from ringback.listen import results
from ringback.listen.options import ListenOptions, Mode, parse
from ringback.server.auth import Caller, Doorkeeper, Right
from ringback.server.body import (
    ClientGone,
    Pace,
    chunks,
    declared_length,
    is_json,
    json_text,
    leaves_body_unread,
    small_body,
    too_large,
)
from ringback.server.problems import (
    FAULT,
    UNAVAILABLE,
    header_text,
    json_response,
    problem_response,
    request_id_of,
    safe_facts,
)
from ringback.server.services import Services
from ringback.transcription.model import model_for
from ringback.transcription.request import Order, audio_key, ending_of, order_job

CLIENT_CLOSED = 499
"""The status that logs and metrics show for a client that did not wait; nobody receives it."""

FULL = Failure(503, UNAVAILABLE.err_code, "There is no room for this recording now. Please try again later")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as its head tells: everything but the audio."""

    request_id: JobId
    caller: Caller
    options: ListenOptions
    model: ModelInfo
    callback: str | None
    """As it is to be stored, credentials and all."""
    callback_origin: str | None
    """As the log may show it."""

    @property
    def method(self) -> str:
        return "sync" if self.callback is None else "async"


class Listen:
    """The route; one object serves all requests."""

    def __init__(self, services: Services, doorkeeper: Doorkeeper) -> None:
        self._services = services
        self._doorkeeper = doorkeeper
        limits = services.settings.limits
        self._pace = Pace(limits.body_bytes_per_second)
        self._upload_limit = limits.upload_bytes
        self._patience = limits.processing_seconds

    async def post(self, request: Request) -> Response:
        """Answer one request, and leave exactly one event about it."""
        asked: Asked | None = None
        body_read = False
        try:
            asked = await self._head(request)
            order = await self._order(request, asked)
            body_read = True
            accepted = json_response(results.accepted(asked.request_id))
            await self._accept(order, asked)
        except (Refusal, LedgerUnavailable) as error:
            failure = error.failure if isinstance(error, Refusal) else _ledger_away(request, error)
            _report_refused(request, asked, failure)
            close = {} if body_read or not leaves_body_unread(request) else {"connection": "close"}
            return problem_response(request, failure, close)
        except ClientGone:
            _report_refused(request, asked, Failure(CLIENT_CLOSED, "CLIENT_GONE", ""))
            return Response(status_code=CLIENT_CLOSED)
        if asked.callback is not None:
            _report_accepted(request, asked)
            return accepted
        return await self._wait(request, asked)

    async def _head(self, request: Request) -> Asked:
        """Everything that can be refused before a byte of the body is read."""
        caller = await self._doorkeeper.caller(request)
        caller.must(Right.LISTEN)
        options = parse(_query_pairs(request), Mode.RECORDED)
        model = model_for(options, self._services.catalogue)
        callback = None if options.callback is None else await self._services.admit(options.callback)
        declared = declared_length(request)
        if declared is not None and declared > self._upload_limit:
            raise too_large(self._upload_limit)
        origin = None if callback is None else read_target(callback).shown
        return Asked(JobId(request_id_of(request)), caller, options, model, callback, origin)

    async def _order(self, request: Request, asked: Asked) -> Order:
        """The body, read to its end: audio is kept, a URL is judged."""
        order = Order(_with_schedule(asked), asked.model.name, callback=asked.callback)
        if is_json(request):
            url = _url_in(request, await small_body(request, self._pace))
            return msgspec.structs.replace(order, url=await self._services.check_audio_url(url))
        try:
            async with aclosing(_audio(request, self._pace)) as audio:
                stored = await self._services.blobs.put(
                    audio_key(asked.request_id), audio, self._upload_limit
                )
        except TooLarge:
            raise too_large(self._upload_limit) from None
        except OSError as error:
            raise _not_kept("blobs", asked, error) from error
        return msgspec.structs.replace(order, audio=stored.key, sha256=stored.sha256)

    async def _accept(self, order: Order, asked: Asked) -> None:
        """Durable when this returns. Nothing after it may turn a callback request into a 5xx: the SDKs
        would send the same recording again."""
        caller, seal = asked.caller, self._services.seal
        job = order_job(order, asked.request_id, seal, project=caller.project, accessor=caller.key_id)
        try:
            await self._services.store.add([job])
        except Exception as error:
            if order.audio is not None:
                with suppress(OSError):  # the sweep of orphans finds it
                    await self._services.blobs.delete(order.audio)
            raise _not_kept("ledger", asked, error) from error

    async def _wait(self, request: Request, asked: Asked) -> Response:
        """The synchronous answer: same road, only somebody waits at its end."""
        started = self._services.clock.monotonic()
        job: Job | None = None
        try:
            job = await self._end_of(request, asked.request_id)
        except ClientGone:
            status = CLIENT_CLOSED
            response = Response(status_code=status)
        except TimeoutError:
            status = 504
            response = problem_response(request, self._too_long())
        except LedgerUnavailable as error:
            status = UNAVAILABLE.status
            response = problem_response(request, _ledger_away(request, error))
        else:
            response = await self._answer(request, job)
            status = response.status_code
        finally:
            if job is None:
                # Nobody waits any more: another request may have the engine.
                await self._cancel(asked.request_id)
        waited = self._services.clock.monotonic() - started
        _report_answered(request, asked, status, waited)
        return response

    async def _end_of(self, request: Request, request_id: JobId) -> Job:
        """The ended job; `ClientGone` or `TimeoutError` when somebody lost patience first."""
        end = asyncio.create_task(self._services.store.wait_for_end(request_id))
        gone = asyncio.create_task(_disconnected(request))
        try:
            await asyncio.wait({end, gone}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return end.result()
            if gone.done():
                raise ClientGone
            raise TimeoutError
        finally:
            end.cancel()
            gone.cancel()
            await asyncio.gather(end, gone, return_exceptions=True)

    async def _cancel(self, request_id: JobId) -> None:
        """The answer stands, whether this works or not."""
        try:
            await self._services.store.cancel(request_id)
        except LedgerUnavailable as error:
            telemetry.problem("request.not_cancelled", request_id=request_id, error=str(error))

    async def _answer(self, request: Request, job: Job) -> Response:
        if job.result is None or job.code is None:
            # Parked after too many crashes, or cancelled from outside.
            return problem_response(request, FAULT)
        ending = ending_of(job.result)
        document = await read_kept(self._services.blobs, ending.document)
        if job.code >= 400:
            error = _ERROR.decode(document)
            return json_response(document, job.code, {"dg-error": header_text(error.err_msg)})
        headers = {}
        if ending.model is not None:
            names = {model.uuid: model.name for model in self._services.catalogue.models()}
            name = names.get(ending.model, "")
            headers = {"dg-model-uuid": ending.model, "dg-model-name": header_text(name)}
        return json_response(document, job.code, headers)

    def _too_long(self) -> Failure:
        return Failure(
            504,
            "GATEWAY_TIMEOUT",
            f"Processing took longer than {self._patience:g} seconds. Use a callback for long recordings.",
        )


def _with_schedule(asked: Asked) -> ListenOptions:
    """The options, with the schedule that the request or else its key wants for the callback."""
    by_key = None if asked.caller.key is None else asked.caller.key.limits.schedule
    schedule = chosen(asked.options.callback_schedule, by_key)
    return msgspec.structs.replace(asked.options, callback_schedule=schedule)


def _query_pairs(request: Request) -> list[tuple[str, str]]:
    query: bytes = request.scope["query_string"]
    try:
        return urllib.parse.parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400, "Bad Request", "Invalid query string.") from None


async def _audio(request: Request, pace: Pace) -> AsyncGenerator[bytes, None]:
    """The uploaded bytes; raises Deepgram's words for an upload without any."""
    empty = True
    async for chunk in chunks(request.receive, pace):
        empty = False
        yield chunk
    if empty:
        raise Refusal(400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")


def _url_in(request: Request, body: bytes) -> str:
    """What a JSON body names (https://developers.deepgram.com/docs/errors has both refusals)."""
    try:
        return _REMOTE.decode(json_text(request, body)).url
    except msgspec.ValidationError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"Failed to deserialize JSON payload. {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal(
            400,
            "Bad Request",
            "Content-type was application/json, but we could not process the JSON payload.",
        ) from None


async def _disconnected(request: Request) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _not_kept(where: str, asked: Asked, error: Exception) -> Refusal:
    telemetry.problem("request.not_kept", request_id=asked.request_id, where=where, **_cause(error))
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    failure = FULL if full else UNAVAILABLE
    return Refusal(failure.status, failure.err_code, failure.err_msg)


def _ledger_away(request: Request, error: LedgerUnavailable) -> Failure:
    telemetry.problem("ledger.unavailable", request_id=request_id_of(request), error=str(error))
    return UNAVAILABLE


def _cause(error: Exception) -> dict[str, object]:
    """The disk's own words and the ledger's name no URL; of anything else only the frames may be shown."""
    known = isinstance(error, OSError | LedgerUnavailable)
    return {"error": str(error)} if known else safe_facts(error)


class _Remote(msgspec.Struct):
    url: str


class _Error(msgspec.Struct):
    err_msg: str = ""


_REMOTE = msgspec.json.Decoder(_Remote)
_ERROR = msgspec.json.Decoder(_Error)
_MOST_FIELDS = 2_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


# One event per request, whichever way it went. No path, no query, no words.


def _report_accepted(request: Request, asked: Asked) -> None:
    """Never raises: the request is accepted, and a 5xx now would have it sent again."""
    try:
        telemetry.REQUESTS.labels(asked.method, "200").inc()
        telemetry.event(
            "request.accepted",
            callback=asked.callback_origin,
            **_facts(request, asked),
            source=_source(request),
        )
    except Exception as error:
        with suppress(Exception):
            telemetry.problem("request.not_reported", request_id=asked.request_id, **safe_facts(error))


def _report_answered(request: Request, asked: Asked, status: int, seconds: float) -> None:
    telemetry.REQUESTS.labels(asked.method, str(status)).inc()
    telemetry.event(
        "request.answered",
        **_facts(request, asked),
        source=_source(request),
        status=status,
        seconds=round(seconds, 3),
    )


def _report_refused(request: Request, asked: Asked | None, failure: Failure) -> None:
    method = "unknown" if asked is None else asked.method
    telemetry.REQUESTS.labels(method, str(failure.status)).inc()
    facts = {"request_id": request_id_of(request)} if asked is None else _facts(request, asked)
    telemetry.event("request.refused", **facts, status=failure.status, err_code=failure.err_code)


def _facts(request: Request, asked: Asked) -> dict[str, object]:
    return {
        "request_id": asked.request_id,
        "project": asked.caller.project,
        "key": asked.caller.key_id,
        "method": asked.method,
        "model": asked.model.name,
        "bytes": declared_length(request),
    }


def _source(request: Request) -> str:
    return "url" if is_json(request) else "upload"
