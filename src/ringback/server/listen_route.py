"""`POST /v1/listen`: a recording is received and accepted durably, then answered or called back.

The checks, each before the next costs anything: credentials (401), options (400), model, callback URL, size
(413), the key's allowance (429), body (worded as in https://developers.deepgram.com/docs/errors).
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Refusal
from ringback.jobs.job import JobId
from ringback.listen import results
from ringback.listen.options import Mode
from ringback.listen.parameters import by_name
from ringback.listen.speaker_warnings import with_speaker_warnings
from ringback.listen.text_warnings import with_text_warnings
from ringback.quota import DailyLimits
from ringback.server.acceptance import Acceptance, ReceivedBody, with_schedule
from ringback.server.auth import Authenticator
from ringback.server.body import Pace, chunks, declared_length, is_form, is_json, too_large
from ringback.server.error_responses import LISTEN_PATH, request_id_of
from ringback.server.idempotency import idempotency_key_of
from ringback.server.operations import Operation
from ringback.server.permissions import Permission
from ringback.server.query import options_of
from ringback.server.request_context import RequestContext
from ringback.server.request_parsing import listen_json
from ringback.server.services import Services
from ringback.transcription.model import model_for, with_model_warnings
from ringback.transcription.request import KIND, TranscriptionOrder


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
    other_bodies=("audio/*", "application/octet-stream"),
    errors=(409, 410, 429, 504),
    headers=("dg-model-name", "dg-model-uuid", "idempotent-replayed"),
)


class ListenRoute:
    """The route; one object for all requests."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._services = services
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)
        self._acceptance = Acceptance(services, KIND)

    async def post(self, request: Request) -> Response:
        return await self._acceptance.serve(request, self._check_head, self._receive_body)

    async def _check_head(self, request: Request) -> RequestContext:
        """All checks before the body is read."""
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
        context = RequestContext(JobId(request_id_of(request)), caller, options, model.name, callback, key)
        await self._services.quota.check(caller.holder, self._daily_limits(context))
        if is_form(request):
            raise _no_audio(_A_FORM)
        declared = declared_length(request)
        largest = self._acceptance.largest(context)
        if declared is not None and declared > largest:
            raise too_large(largest)
        return context

    async def _receive_body(self, request: Request, context: RequestContext) -> ReceivedBody:
        """Read the whole body: audio is stored, a URL is checked."""
        counts = self._daily_limits(context) is not None
        order = TranscriptionOrder(with_schedule(context), context.model, counts_audio=counts)
        if is_json(request):
            remote = await listen_json(request, self._pace, _REMOTE, hint=_AUDIO_AS_JSON)
            url = await self._services.check_audio_url(remote.url)
            await self._acceptance.check_space(context)
            return ReceivedBody(context, msgspec.structs.replace(order, url=url))
        async with aclosing(_audio(request, self._pace)) as audio:
            largest = self._acceptance.largest(context)
            stored = await self._acceptance.store_upload(context, audio, largest)
        return ReceivedBody.of_upload(context, order, stored)

    def _daily_limits(self, context: RequestContext) -> DailyLimits | None:
        return self._services.quota.limits(context.caller.limits)


async def _audio(request: Request, pace: Pace) -> AsyncGenerator[bytes, None]:
    """The uploaded bytes; raises `Refusal` (400) for an upload without any, and for a URL in JSON that does
    not say so."""
    empty = True
    async for chunk in chunks(request.receive, pace):
        if empty and _URL_IN_JSON.match(chunk):
            raise _no_audio("a JSON body needs the header Content-Type: application/json")
        empty = False
        yield chunk
    if empty:
        raise _no_audio("the request body is empty")


def _no_audio(why: str) -> Refusal:
    return Refusal(400, "Bad Request", f"Bad Request: failed to process audio: {why}")


_URL_IN_JSON = re.compile(rb'\s*\{\s*"url"\s*:')
_REMOTE = msgspec.json.Decoder(_Remote)
_A_FORM = (
    "the body is a form (multipart): send the recording itself (curl: --data-binary), or use "
    "/v1/audio/transcriptions"
)
_AUDIO_AS_JSON = "If it is audio, send it with a Content-Type of its own, such as audio/wav, or with none."
