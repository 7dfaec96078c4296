"""`POST /v1/audio/transcriptions`: a recording in OpenAI's form, on the same queue as `POST /v1/listen`.

Credentials (401), size (413) and what the key has in work (429) are checked before the body is read. The form
is judged when all of it has come (400), since its fields may stand behind the file.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.blobs import StoredBlob
from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.jobs.job import JobId
from ringback.listen import results
from ringback.listen.options import ListenOptions, Mode
from ringback.listen.parameter_warnings import ParameterWarning, printable
from ringback.listen.parameters import by_name
from ringback.listen.speaker_warnings import with_speaker_warnings
from ringback.listen.text_warnings import with_text_warnings
from ringback.openai.documents import (
    DiarizedTranscription,
    TranscriptionText,
    VerboseTranscription,
    WrittenAnswer,
    warnings_text,
    write_answer,
)
from ringback.openai.fields import (
    DISCARDED_FIELDS,
    OUR_FIELDS,
    TranscriptionFields,
    TranscriptionForm,
    read_fields,
)
from ringback.quota import DailyLimits
from ringback.server.acceptance import Acceptance, ReceivedBody, with_schedule
from ringback.server.auth import Authenticator
from ringback.server.body import Pace, chunks, declared_length, too_large
from ringback.server.error_responses import TRANSCRIPTIONS_PATH, header_text, request_id_of
from ringback.server.idempotency import idempotency_key_of
from ringback.server.multipart import (
    MOST_OVERHEAD_BYTES,
    FileBegin,
    FileBytes,
    FileEnd,
    FormEvent,
    FormField,
    FormReader,
    form_boundary,
)
from ringback.server.operations import Operation
from ringback.server.permissions import Permission
from ringback.server.query import query_pairs
from ringback.server.request_context import RequestContext
from ringback.server.services import Services
from ringback.transcription.model import model_for, with_model_warnings
from ringback.transcription.request import KIND, TranscriptionOrder

TRANSCRIBE = Operation(
    "POST",
    TRANSCRIPTIONS_PATH,
    "createTranscription",
    "Transcribing",
    "Transcribe a recording in OpenAI's form, now or with a callback",
    (TranscriptionText, VerboseTranscription, DiarizedTranscription, results.AcceptedDocument),
    query=tuple(by_name(Mode.RECORDED)[name] for name in OUR_FIELDS),
    body=TranscriptionFields,
    body_type="multipart/form-data",
    other_answers=("text/plain", "text/event-stream"),
    errors=(404, 409, 410, 429, 504),
    headers=("dg-model-name", "dg-model-uuid", "idempotent-replayed", "ringback-warnings", "x-request-id"),
)


class TranscriptionsRoute:
    """The route; one object serves all requests."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._services = services
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)
        self._acceptance = Acceptance(services, KIND, purpose="openai")

    async def post(self, request: Request) -> Response:
        answer = await self._acceptance.serve(request, self._check_head, self._receive_body)
        answer.headers["x-request-id"] = request_id_of(request)
        return answer

    async def _check_head(self, request: Request) -> RequestContext:
        """Everything that can be refused before a byte of the body is read."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.TRANSCRIBE)
        key = idempotency_key_of(request)
        form_boundary(request)
        context = RequestContext(
            JobId(request_id_of(request)), caller, ListenOptions(), "", None, idempotency_key=key
        )
        await self._services.quota.check(caller.holder, self._daily_limits(context))
        declared = declared_length(request)
        largest = self._acceptance.largest(context)
        if declared is not None and declared > largest + MOST_OVERHEAD_BYTES:
            raise too_large(largest)
        return context

    async def _receive_body(self, request: Request, context: RequestContext) -> ReceivedBody:
        """Read the body to its end: the file is stored, the fields are judged."""
        fields, stored = await self._receive_form(request, context)
        if stored is None:
            missing = "The form has no `file`: send the recording."
            raise Refusal(400, "MISSING_FILE", missing, parameter="file")
        try:
            return await self._received(request, context, fields, stored)
        except Exception:
            await self._acceptance.delete_upload(stored.key)
            raise

    async def _receive_form(
        self, request: Request, context: RequestContext
    ) -> tuple[list[tuple[str, str]], StoredBlob | None]:
        fields: list[tuple[str, str]] = []
        stored: StoredBlob | None = None
        try:
            largest = self._acceptance.largest(context)
            async with aclosing(_events(request, self._pace, largest)) as events:
                async for event in events:
                    if isinstance(event, FormField):
                        fields.append((event.name, event.value))
                    elif isinstance(event, FileBegin):
                        stored = await self._acceptance.store_upload(context, _file(events), largest)
        except Exception:
            if stored is not None:
                await self._acceptance.delete_upload(stored.key)
            raise
        return fields, stored

    async def _received(
        self, request: Request, context: RequestContext, fields: list[tuple[str, str]], stored: StoredBlob
    ) -> ReceivedBody:
        form = read_fields([*query_pairs(request), *fields])
        if form.response_format == "diarized_json" and not self._services.finds_voices:
            raise _no_speakers()
        options, model = self._model_of(form)
        options = with_model_warnings(options, model, warn_of_substitution=self._services.warn_substitution)
        options = with_text_warnings(options, names=self._services.finds_names)
        options = with_speaker_warnings(options, speakers=self._services.finds_voices)
        admit = self._services.admit_callback
        callback = (
            None if options.callback is None else await admit(options.callback, context.caller.requester)
        )
        context = msgspec.structs.replace(context, options=options, model=model.name, callback=callback)
        order = TranscriptionOrder(
            with_schedule(context),
            model.name,
            path=TRANSCRIPTIONS_PATH,
            counts_audio=self._daily_limits(context) is not None,
        )
        received = ReceivedBody.of_upload(context, order, stored)
        form = replace(form, options=options)
        return msgspec.structs.replace(
            received,
            fields=fields,
            headers=_warnings_header(form.named(options.warnings)),
            write=lambda document: _answer(write_answer(document, form)),
        )

    def _model_of(self, form: TranscriptionForm) -> tuple[ListenOptions, ModelInfo]:
        """The model, and the options for it: without a named language, the model that can detects it."""
        catalogue, options = self._services.catalogue, form.options
        if options.model is not None and not catalogue.has(options.model):
            raise _no_such_model(options.model)
        if not form.names_language:
            detecting = msgspec.structs.replace(options, detect_language=True)
            with suppress(Refusal):  # no model here knows more than one language
                return detecting, model_for(detecting, catalogue)
        try:
            return options, model_for(options, catalogue)
        except Refusal as refusal:
            raise _of_language(refusal, form) if form.names_language else refusal from None

    def _daily_limits(self, context: RequestContext) -> DailyLimits | None:
        return self._services.quota.limits(context.caller.limits)


async def _events(request: Request, pace: Pace, largest: int) -> AsyncGenerator[FormEvent, None]:
    """The form, piece by piece. `largest`: bytes of a file; of what is not kept there may not be any amount
    either."""
    reader = FormReader(form_boundary(request), DISCARDED_FIELDS)
    arrived = 0
    async for chunk in chunks(request.receive, pace):
        arrived += len(chunk)
        if arrived > largest + MOST_OVERHEAD_BYTES:
            raise too_large(largest)
        for event in reader.receive(chunk):
            yield event
    reader.finish()


async def _file(events: AsyncIterator[FormEvent]) -> AsyncIterator[bytes]:
    """The bytes of the file that has begun; raises `Refusal` (400) for one without any."""
    empty = True
    async for event in events:
        if isinstance(event, FileEnd):
            break
        if isinstance(event, FileBytes):
            empty = False
            yield event.data
    if empty:
        raise Refusal(400, "EMPTY_FILE", "The `file` is empty.", parameter="file")


def _answer(written: WrittenAnswer) -> Response:
    return Response(written.body, 200, _warnings_header(written.warnings), written.media_type)


def _warnings_header(warnings: Sequence[ParameterWarning]) -> dict[str, str]:
    return {"ringback-warnings": header_text(warnings_text(warnings))} if warnings else {}


def _no_such_model(name: str) -> Refusal:
    printed = printable(name)
    return Refusal(
        404,
        "MODEL_NOT_FOUND",
        f"There is no model `{printed}` here: GET /v1/models lists those that there are.",
        reason="there is no such model",
        parameter="model",
    )


def _of_language(refusal: Refusal, form: TranscriptionForm) -> Refusal:
    """The model is there: what it does not know is the language."""
    failure = refusal.failure
    source = form.fields["language"].removesuffix("[]")
    return Refusal(failure.status, failure.err_code, failure.err_msg, reason=failure.reason, parameter=source)


def _no_speakers() -> Refusal:
    return Refusal(
        400,
        "INVALID_QUERY_PARAMETER",
        "`response_format=diarized_json` needs models that tell speakers, which this server does not have: "
        "its operator installs them with `make setup EXTRAS=speakers`.",
        parameter="response_format",
    )
