"""`POST /v1/listen`: a recording comes in, is accepted durably, and is answered now or called back.

Checks run in this order, each before the next costs anything: credentials (401), options (400), model,
callback URL, size (413), what the key has in work (429), body (https://developers.deepgram.com/docs/errors
gives the words).
"""

import errno
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.blobs import TooLarge
from ringback.errors import Failure, Refusal
from ringback.jobs.job import Allowance, JobId
from ringback.jobs.store import AlreadyRequested, LedgerUnavailable, OverAllowance
from ringback.listen import results
from ringback.listen.options import ListenOptions, Mode
from ringback.listen.parameters import by_name
from ringback.listen.speaker_warnings import with_speaker_warnings
from ringback.listen.text_warnings import with_text_warnings
from ringback.quota import DailyLimits
from ringback.retry_schedule import schedule_of_request
from ringback.server.allowances import allowance_of, largest_upload, too_many
from ringback.server.auth import Authenticator
from ringback.server.body import (
    NotJson,
    Pace,
    chunks,
    declared_length,
    is_json,
    json_text,
    too_large,
)
from ringback.server.error_responses import (
    LISTEN_PATH,
    UNAVAILABLE,
    error_response,
    exception_facts,
    json_response,
    request_id_of,
    set_request_id,
)
from ringback.server.idempotency import idempotency_key_of, key_reused, with_fingerprint
from ringback.server.operations import Operation
from ringback.server.permissions import Permission
from ringback.server.query import options_of, query_pairs
from ringback.server.request_context import RequestContext, report_accepted, report_refused
from ringback.server.request_parsing import NOT_SUCH_JSON
from ringback.server.services import Services
from ringback.server.sync_responder import SyncResponder, ledger_unavailable
from ringback.transcription.fetch import with_fetch
from ringback.transcription.model import model_for, with_model_warnings
from ringback.transcription.request import TranscriptionOrder, audio_key, order_job

FULL = Failure(503, UNAVAILABLE.err_code, "There is no room for this recording now. Please try again later")


@dataclass(frozen=True, slots=True)
class _ReceivedBody:
    """A request whose body has been read to its end."""

    order: TranscriptionOrder
    weight: int = 0
    """Bytes of uploaded audio."""


class _Remote(msgspec.Struct):
    url: str


LISTEN = Operation(
    "POST",
    LISTEN_PATH,
    "listen",
    "Transcribing",
    "Transcribe a recording, now or with a callback",
    (results.ResultDocument, results.AcceptedDocument),
    query=tuple(by_name(Mode.RECORDED).values()),
    body=_Remote,
    audio=True,
    errors=(409, 410, 429, 504),
    headers=("dg-model-name", "dg-model-uuid", "idempotent-replayed"),
)


class ListenRoute:
    """The route; one object serves all requests."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._services = services
        self._authenticator = authenticator
        self._limits = services.limits
        self._pace = Pace(self._limits.body_bytes_per_second)
        self._sync_responder = SyncResponder(services)
        self._fingerprint_secret = services.seal.subkey("wishes")
        self._uploads_in_progress: Counter[str] = Counter()
        """Uploads on their way in, by key."""

    async def post(self, request: Request) -> Response:
        """Answer one request, and log exactly one event about it."""
        context: RequestContext | None = None
        try:
            context = await self._check_head(request)
            with self._count_upload(context):
                received = await self._receive_body(request, context)
                accepted = json_response(results.accepted_body(context.request_id))
                context = await self._accept(request, context, received)
        except (Refusal, LedgerUnavailable) as error:
            failure = error.failure if isinstance(error, Refusal) else ledger_unavailable(request, error)
            report_refused(request, context, failure)
            return error_response(request, failure)
        if context.replayed:
            set_request_id(request, context.request_id)
            accepted = json_response(results.accepted_body(context.request_id), headers=_REPLAYED)
        if context.callback is not None:
            report_accepted(request, context)
            return accepted
        answer = await self._sync_responder.answer(request, context)
        if context.replayed:
            answer.headers.update(_REPLAYED)
        return answer

    async def _check_head(self, request: Request) -> RequestContext:
        """Everything that can be refused before a byte of the body is read."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.TRANSCRIBE)
        options = options_of(request, Mode.RECORDED)
        key = idempotency_key_of(request)
        model = model_for(options, self._services.catalogue)
        warn = self._services.warn_substitution
        options = with_model_warnings(options, model, warn_of_substitution=warn)
        options = with_text_warnings(options, names=self._services.finds_names)
        options = with_speaker_warnings(options, speakers=self._services.finds_voices)
        admit = self._services.admit_callback
        callback = None if options.callback is None else await admit(options.callback, caller.requester)
        context = RequestContext(JobId(request_id_of(request)), caller, options, model, callback, key)
        await self._services.quota.check(caller.holder, self._daily_limits(context))
        declared = declared_length(request)
        largest = self._largest(context)
        if declared is not None and declared > largest:
            raise too_large(largest)
        return context

    @contextmanager
    def _count_upload(self, context: RequestContext) -> Iterator[None]:
        """Counts uploads in progress: the ledger counts only what it has accepted."""
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

    async def _receive_body(self, request: Request, context: RequestContext) -> _ReceivedBody:
        """Read the body to its end: audio is stored, a URL is checked."""
        counts = self._daily_limits(context) is not None
        order = TranscriptionOrder(_with_schedule(context), context.model.name, counts_audio=counts)
        if is_json(request):
            url = await self._services.check_audio_url(await _url_in(request, self._pace))
            await self._check_space(context)
            return _ReceivedBody(msgspec.structs.replace(order, url=url))
        largest = self._largest(context)
        try:
            async with aclosing(_audio(request, self._pace)) as audio:
                stored = await self._services.blobs.put(audio_key(context.request_id), audio, largest)
        except TooLarge:
            raise too_large(largest) from None
        except OSError as error:
            raise _storage_refusal("blobs", context, error) from error
        return _ReceivedBody(
            msgspec.structs.replace(order, audio=stored.key, sha256=stored.sha256), stored.size
        )

    async def _check_space(self, context: RequestContext) -> None:
        """Refuse a URL when the disk has no space, as an upload would be."""
        try:
            await self._services.blobs.check_space()
        except OSError as error:
            raise _storage_refusal("blobs", context, error) from error

    async def _accept(
        self, request: Request, context: RequestContext, received: _ReceivedBody
    ) -> RequestContext:
        """Durable when this returns: as a new job, or as the one that has the same idempotency key.

        Nothing after it may turn a callback request into a 5xx: the SDKs would send the same recording again.
        """
        order, caller, seal = received.order, context.caller, self._services.seal
        job = order_job(
            order,
            context.request_id,
            seal,
            callback=context.callback,
            project=caller.project,
            accessor=caller.key_id,
        )
        job = replace(job, weight=received.weight)
        if context.idempotency_key is not None:
            audio = order.sha256 or order.url or ""
            job = replace(
                job,
                idempotency=with_fingerprint(
                    context.idempotency_key, query_pairs(request), audio, self._fingerprint_secret
                ),
            )
        try:
            jobs = [job] if order.url is None else with_fetch(job)
            await self._services.store.add(jobs, self._allowance(context))
        except AlreadyRequested as known:
            await self._delete_upload(order)
            if not known.same_request:
                raise key_reused() from None
            return replace(context, request_id=known.job, replayed=True)
        except OverAllowance:
            await self._delete_upload(order)
            raise too_many() from None
        except Exception as error:
            await self._delete_upload(order)
            raise _storage_refusal("ledger", context, error) from error
        return context

    async def _delete_upload(self, order: TranscriptionOrder) -> None:
        """Delete an upload that was not accepted."""
        if order.audio is not None:
            with suppress(OSError):  # the sweep of orphans finds it
                await self._services.blobs.delete(order.audio)

    def _allowance(self, context: RequestContext) -> Allowance:
        return allowance_of(context.caller.limits, self._limits.keys)

    def _daily_limits(self, context: RequestContext) -> DailyLimits | None:
        return self._services.quota.limits(context.caller.limits)

    def _largest(self, context: RequestContext) -> int:
        return largest_upload(self._allowance(context), self._limits.upload_bytes)


def _with_schedule(context: RequestContext) -> ListenOptions:
    """The options, with the retry schedule of the callback: the request's, else its key's."""
    schedule = schedule_of_request(context.options.callback_schedule, context.caller.limits.schedule)
    return msgspec.structs.replace(context.options, callback_schedule=schedule)


async def _audio(request: Request, pace: Pace) -> AsyncGenerator[bytes, None]:
    """The uploaded bytes; raises `Refusal` (400) for an upload without any."""
    empty = True
    async for chunk in chunks(request.receive, pace):
        empty = False
        yield chunk
    if empty:
        raise Refusal(400, "Bad Request", "Bad Request: failed to process audio: the request body is empty")


async def _url_in(request: Request, pace: Pace) -> str:
    """What a JSON body names (https://developers.deepgram.com/docs/errors has both refusals)."""
    try:
        text = await json_text(request, pace)
        if not text:
            raise Refusal(400, "Bad Request", f"{_NO_JSON} The body is empty.")
        return _REMOTE.decode(text).url
    except msgspec.ValidationError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"{NOT_SUCH_JSON} {error}", reason=NOT_SUCH_JSON) from None
    except NotJson:
        raise Refusal(400, "Bad Request", f"{_NO_JSON} {_AUDIO_AS_JSON}") from None
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(400, "Bad Request", _NO_JSON) from None


def _storage_refusal(where: str, context: RequestContext, error: Exception) -> Refusal:
    telemetry.problem("request.not_kept", request_id=context.request_id, where=where, **_cause(error))
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    failure = FULL if full else UNAVAILABLE
    return Refusal(failure.status, failure.err_code, failure.err_msg)


def _cause(error: Exception) -> dict[str, object]:
    """Messages of disk and ledger name no URL; of other exceptions only type and frames are logged."""
    known = isinstance(error, OSError | LedgerUnavailable)
    return {"error": str(error)} if known else exception_facts(error)


_REMOTE = msgspec.json.Decoder(_Remote)
_NO_JSON = "Content-type was application/json, but we could not process the JSON payload."
_AUDIO_AS_JSON = "If it is audio, send it with a Content-Type of its own, such as audio/wav, or with none."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REPLAYED = {"idempotent-replayed": "true"}
