"""`POST /v1/read`: a text is received and accepted durably, then answered or called back.

Checks run in this order, each before the next costs anything: credentials (401), options (400), whether any
of it can be served (400), Content-Type (415), callback URL, size (413), what the key has in work (429), body
(https://developers.deepgram.com/docs/text-summarization gives the words).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ringback.errors import Refusal
from ringback.fair_turns import FairTurns
from ringback.jobs.job import JobId
from ringback.jobs.lane import callers_lane
from ringback.listen import results
from ringback.listen.options import Mode
from ringback.listen.parameters import by_name
from ringback.listen.read_results import ReadDocument
from ringback.listen.understanding_rules import MOST_TEXT_BYTES, check_served
from ringback.server.acceptance import Acceptance, ReceivedBody, with_schedule
from ringback.server.auth import Authenticator
from ringback.server.body import (
    JSON_LIMIT,
    NotText,
    Pace,
    declared_length,
    is_json,
    is_plain_text,
    media_type,
    plain_text,
    too_large,
)
from ringback.server.error_responses import READ_PATH, request_id_of
from ringback.server.idempotency import idempotency_key_of
from ringback.server.operations import Operation
from ringback.server.permissions import Permission
from ringback.server.query import options_of
from ringback.server.request_context import RequestContext
from ringback.server.request_parsing import listen_json
from ringback.server.services import Services
from ringback.transcription.request import READ as KIND
from ringback.transcription.request import TranscriptionOrder
from ringback.transcription.written_text import check_text

TEXTS_AT_ONCE = 16
"""Bodies above `JSON_LIMIT` that are read at a time; others wait and are not read yet. Each is in memory as a
whole, and its sender may be slow."""

MOST_BODY_BYTES = 6 * MOST_TEXT_BYTES + 65_536
"""JSON may write each byte of a text as six characters (`\\u0020`)."""


class TextToRead(msgspec.Struct, omit_defaults=True):
    """A text, or its URL; exactly one of them."""

    text: str | None = None
    url: str | None = None


READ = Operation(
    "POST",
    READ_PATH,
    "read",
    "Understanding texts",
    "Summary, topics, intents and sentiment of a text, now or with a callback",
    (ReadDocument, results.AcceptedDocument),
    query=tuple(by_name(Mode.TEXT).values()),
    body=TextToRead,
    other_bodies=("text/plain",),
    errors=(409, 410, 429, 504),
    headers=("idempotent-replayed",),
)


class ReadRoute:
    """The route; one object for all requests."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._services = services
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)
        self._acceptance = Acceptance(services, KIND, purpose=KIND)
        self._places = FairTurns(TEXTS_AT_ONCE, leaving_some=True)

    async def post(self, request: Request) -> Response:
        return await self._acceptance.serve(request, self._check_head, self._receive_body)

    async def _check_head(self, request: Request) -> RequestContext:
        """All checks before the body is read."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.TRANSCRIBE)
        options = options_of(request, Mode.TEXT)
        key = idempotency_key_of(request)
        check_served(options, has_model=self._services.has_language_model)
        _check_media_type(request)
        admit = self._services.admit_callback
        callback = None if options.callback is None else await admit(options.callback, caller.requester)
        context = RequestContext(JobId(request_id_of(request)), caller, options, "", callback, key)
        declared = declared_length(request)
        largest = self._largest(context)
        if declared is not None and declared > largest:
            raise too_large(largest)
        return context

    async def _receive_body(self, request: Request, context: RequestContext) -> ReceivedBody:
        """Read the whole body: a text is stored, a URL is checked."""
        async with self._place(request, context):
            return await self._receive_text(request, context)

    async def _receive_text(self, request: Request, context: RequestContext) -> ReceivedBody:
        order = TranscriptionOrder(with_schedule(context), context.model)
        largest = self._largest(context)
        given = await _text_in(request, self._pace, largest)
        if given.url is not None:
            url = await self._services.check_audio_url(given.url)
            await self._acceptance.check_space(context)
            return ReceivedBody(context, msgspec.structs.replace(order, url=url))
        text = _encoded(check_text(given.text or ""))
        stored = await self._acceptance.store_upload(context, text, largest)
        return ReceivedBody.of_upload(context, order, stored)

    @asynccontextmanager
    async def _place(self, request: Request, context: RequestContext) -> AsyncIterator[None]:
        """A place for a text that is in memory until it is stored; small ones need none."""
        length = declared_length(request)
        if length is not None and length <= JSON_LIMIT:
            yield
            return
        caller = callers_lane(context.caller.project, context.caller.key_id)
        await self._places.take(caller)
        try:
            yield
        finally:
            self._places.give_back(caller)

    def _largest(self, context: RequestContext) -> int:
        return min(MOST_BODY_BYTES, self._acceptance.largest(context))


def _check_media_type(request: Request) -> None:
    """Raises `Refusal` (415): a form or markup read as the text itself would give a result that is wrong, and
    looks right. Deepgram's words: https://developers.deepgram.com/docs/errors."""
    given = media_type(request)
    if given in _MEDIA_TYPES:
        return
    hint = " (curl's -d sends a form, unless -H names another type.)" if given == _FORM else ""
    raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", _NOT_SUPPORTED + hint)


async def _text_in(request: Request, pace: Pace, largest: int) -> TextToRead:
    """The text or URL of the body. Raises `Refusal`."""
    if is_json(request):
        given = await listen_json(request, pace, _JSON, limit=largest, hint=_PLAIN_TEXT)
        if isinstance(given, str):
            return TextToRead(given)  # the Python SDKs 3 and 4 send requests with a callback so
        if (given.text is None) == (given.url is None):
            raise Refusal(400, "PAYLOAD_ERROR", _ONE_OF_BOTH)
        return given
    try:
        text = await plain_text(request, pace, largest)
    except NotText:
        raise Refusal(400, "Bad Request", "Bad Request: the text is not in its charset.") from None
    return (None if is_plain_text(request) else _json_in(text)) or TextToRead(text)


def _json_in(text: str) -> TextToRead | None:
    """A JSON body without its content type: the JavaScript SDKs 3 and 4 send it so, and the Python SDKs 3 and
    4 send bare texts."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        given = _BODY.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if (given.text is None) == (given.url is None) else given


async def _encoded(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


_BODY = msgspec.json.Decoder(TextToRead)
_JSON: msgspec.json.Decoder[TextToRead | str] = msgspec.json.Decoder(TextToRead | str)
_MEDIA_TYPES = frozenset({"application/json", "text/plain", "", "deepgram/audio+video"})
"""The Python SDKs 3 and 4 name none, the JavaScript SDKs 3 and 4 the last one whatever they send."""
_EITHER = "`text/plain` or `application/json`"
_NOT_SUPPORTED = f"`Content-Type` header is not supported. `Content-Type` must be either {_EITHER}."
_FORM = "application/x-www-form-urlencoded"
_ONE_OF_BOTH = (
    "Failed to deserialize JSON payload. Please specify exactly one of `text` or `url` in the JSON body."
)
_PLAIN_TEXT = "If it is plain text, send it with Content-Type text/plain."
