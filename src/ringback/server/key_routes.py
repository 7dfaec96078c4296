"""Keys and tokens: https://developers.deepgram.com/reference/manage, the part that one server needs."""

import uuid
from dataclasses import replace

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.clock import rfc3339
from ringback.errors import Refusal
from ringback.keys import (
    ApiKey,
    KeyLimits,
    Project,
    new_secret,
    operators_key_id,
    secret_hash,
)
from ringback.retry_schedule import parse_schedule
from ringback.server.allowances import loosens
from ringback.server.auth import (
    Authenticator,
    Caller,
    forbidden,
)
from ringback.server.body import Pace
from ringback.server.key_documents import (
    ChangedKey,
    CreatedKey,
    GrantedToken,
    KeyChanges,
    KeyDetails,
    KeyItem,
    KeyList,
    KeyUse,
    ListedKey,
    MemberWithKey,
    NewKey,
    NewToken,
    TokenDetails,
    UsedKeyDocument,
    key_document,
    member_of,
)
from ringback.server.operations import KEY_PATH, PROJECT_PATH, Message, Operation
from ringback.server.path_lookup import key_of, no_such_key, project_of
from ringback.server.permissions import Permission, Reach, may_grant
from ringback.server.query_parameters import ChoiceParameter
from ringback.server.request_parsing import (
    answer,
    caller_of_project,
    json_body,
    no_such_project,
    unix_seconds,
)
from ringback.server.services import Services

TAG = "Keys"


STATUS = ChoiceParameter(
    "status", ("active", "expired"), "Only keys that still work, or only those that do not."
)

_KEYS = f"{PROJECT_PATH}/keys"
LIST_KEYS = Operation("GET", _KEYS, "listKeys", TAG, "The keys of a project", KeyList, query=(STATUS,))
CREATE_KEY = Operation("POST", _KEYS, "createKey", TAG, "Make a key", CreatedKey, body=NewKey)
SHOW_KEY = Operation("GET", KEY_PATH, "getKey", TAG, "One key", KeyDetails)
CHANGE_KEY = Operation(
    "PATCH", KEY_PATH, "changeKey", TAG, "Change a key's limits", ChangedKey, body=KeyChanges
)
DELETE_KEY = Operation("DELETE", KEY_PATH, "deleteKey", TAG, "Remove a key", Message, errors=(409,))
CHECK_TOKEN = Operation("GET", "/v1/auth/token", "getToken", TAG, "What the shown key is", TokenDetails)
GRANT_TOKEN = Operation(
    "POST",
    "/v1/auth/grant",
    "grantToken",
    TAG,
    "Make a short-lived token that may transcribe",
    GrantedToken,
    body=NewToken,
    body_optional=True,
)


OPEN_SESSION = Operation(
    "POST",
    "/v1/auth/session",
    "openSession",
    TAG,
    "Make a session token, which reaches as far as its key",
    GrantedToken,
)


class KeyRoutes:
    """The routes for keys and tokens."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._keys = services.keys
        self._clock = services.clock
        self._limits = services.limits.keys
        self._quota = services.quota
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)

    async def list_keys(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.READ_KEYS)
        project = await project_of(self._keys, request)
        status = STATUS.of(request)
        now = self._clock.now()
        found = [
            key
            for key in await self._keys.keys(project.id)
            if caller.covers(Permission.READ_KEYS, key.id)
            and (status is None or (status == "expired") == _is_expired(key, now))
        ]
        return answer(KeyList([ListedKey(member_of(key), key_document(key)) for key in found]))

    async def get_key(self, request: Request) -> Response:
        """Deepgram's pages and SDKs disagree on the nesting (`item.member.api_key` or two keys at the top);
        both are given."""
        _, key = await self._caller_and_key(request, Permission.READ_KEYS)
        used = await self._quota.audio_used([key.id])
        described = UsedKeyDocument(**asdict(key_document(key)), ringback=KeyUse(round(used[key.id], 3)))
        member = member_of(key)
        item = KeyItem(MemberWithKey(**asdict(member), api_key=described))
        return answer(KeyDetails(item, member, described))

    async def create_key(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._authenticator, Permission.CHANGE_KEYS)
        project = await project_of(self._keys, request)
        body = await json_body(request, self._pace, _NEW_KEY)
        secret = new_secret()
        key = self._new_key(body, caller, project)
        if not may_grant(caller.columns, await self._authenticator.columns_of(key)):
            raise forbidden()
        try:
            await self._keys.add_key(key, secret_hash(secret))
        except ValueError:  # the project was deleted at the same time
            raise no_such_project() from None
        telemetry.event(
            "key.created", key=key.id, by=caller.key_id, project=key.project, scopes=list(key.scopes)
        )
        return answer(
            CreatedKey(
                api_key_id=key.id,
                key=secret,
                comment=key.comment,
                scopes=key.scopes,
                tags=key.tags,
                created=rfc3339(key.created_at),
                expiration_date=None if key.expires_at is None else rfc3339(key.expires_at),
            )
        )

    async def change_key(self, request: Request) -> Response:
        """Ours: the limits of the key's work, and the schedule of its callbacks. A field that is missing is
        not changed; null means the server's setting."""
        caller, key = await self._caller_and_key(request, Permission.CHANGE_KEYS)
        changes = (await json_body(request, self._pace, _CHANGED_KEY)).limits
        limits = key.limits
        for name in limits.__dataclass_fields__:
            value = getattr(changes, name)
            if value is not UNSET:
                limits = replace(limits, **{name: value})
        if limits.schedule is not None:
            _check_schedule(limits.schedule)
        if not self._may_set(caller, key, limits):
            raise forbidden()
        if not await self._keys.set_limits(key.project, key.id, limits):
            raise no_such_key()
        self._authenticator.clear_cache()
        telemetry.event("key.changed", key=key.id, by=caller.key_id, project=key.project)
        return answer(ChangedKey(key_document(replace(key, limits=limits))))

    async def delete_key(self, request: Request) -> Response:
        caller, key = await self._caller_and_key(request, Permission.CHANGE_KEYS)
        if key.id == operators_key_id(key.project):
            raise Refusal(
                409,
                "KEY_IN_SETTINGS",
                "This key stands in the server's settings (RINGBACK_API_KEY): remove it there.",
            )
        if not await self._keys.remove_key(key.project, key.id):
            raise no_such_key()
        self._authenticator.clear_cache()
        telemetry.event("key.deleted", key=key.id, by=caller.key_id, project=key.project)
        return answer(Message("Successfully deleted the API key."))

    async def check_token(self, request: Request) -> Response:
        """What the key of the request is; Deepgram has this route but does not publish its shape."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.READ_PROJECT)
        key = caller.key
        assert key is not None
        return answer(
            TokenDetails(
                api_key_id=key.id,
                project_id=key.project,
                scopes=key.scopes,
                created=rfc3339(key.created_at),
                accessor=key.id,
                expires=None if key.expires_at is None else rfc3339(key.expires_at),
            )
        )

    async def grant_token(self, request: Request) -> Response:
        """https://developers.deepgram.com/docs/token-based-authentication"""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.GRANT_TOKENS)
        body = await json_body(request, self._pace, _NEW_TOKEN, optional=True)
        token = self._authenticator.grant(caller, body.ttl_seconds)
        return answer(GrantedToken(token, body.ttl_seconds))

    async def open_session(self, request: Request) -> Response:
        """For the dashboard. It needs the key itself, so that a session cannot prolong itself."""
        caller = await self._authenticator.authenticate(request)
        caller.require(Permission.READ_PROJECT)
        if caller.key is None or caller.session:
            raise forbidden()
        token, seconds = self._authenticator.open_session(caller)
        telemetry.event("session.opened", key=caller.key_id, project=caller.project)
        opened = answer(GrantedToken(token, seconds))
        opened.headers["cache-control"] = "no-store"
        return opened

    async def _caller_and_key(self, request: Request, action: Permission) -> tuple[Caller, ApiKey]:
        """The caller, and the key that the path names."""
        caller = await caller_of_project(request, self._authenticator, action)
        return caller, await key_of(self._keys, request, caller, action)

    def _may_set(self, caller: Caller, key: ApiKey, limits: KeyLimits) -> bool:
        """Whether the caller may set these limits: only operators may raise their own, or set another key's
        above their own."""
        if caller.reach(Permission.CHANGE_KEYS) is Reach.SERVER:
            return True
        return not loosens(limits, [key.limits, caller.limits], self._limits)

    def _new_key(self, body: NewKey, caller: Caller, project: Project) -> ApiKey:
        scopes = tuple(dict.fromkeys(body.scopes))
        now = self._clock.now()
        expires_at = _expiry(body, now)
        if expires_at is not None and expires_at <= now:
            raise Refusal(400, "PAYLOAD_ERROR", "The key would have expired already.")
        return ApiKey(
            id=str(uuid.uuid4()),
            project=project.id,
            comment=body.comment,
            scopes=scopes,
            tags=tuple(body.tags or ()),
            created_at=now,
            expires_at=expires_at,
            limits=KeyLimits() if caller.reach(Permission.CHANGE_KEYS) is Reach.SERVER else caller.limits,
        )


_NEW_KEY = msgspec.json.Decoder(NewKey)
_CHANGED_KEY = msgspec.json.Decoder(KeyChanges)
_NEW_TOKEN = msgspec.json.Decoder(NewToken)


def _expiry(body: NewKey, now: float) -> float | None:
    if body.expiration_date is not None and body.time_to_live_in_seconds is not None:
        raise Refusal(400, "PAYLOAD_ERROR", "Give `expiration_date` or `time_to_live_in_seconds`, not both.")
    if body.expiration_date is not None:
        try:
            return unix_seconds(body.expiration_date)
        except ValueError:
            raise Refusal(400, "PAYLOAD_ERROR", "`expiration_date` lies out of range.") from None
    return None if body.time_to_live_in_seconds is None else now + body.time_to_live_in_seconds


def _check_schedule(text: str) -> None:
    try:
        parse_schedule(text)
    except ValueError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"`schedule`: {error}", reason="`schedule` is none") from None


def _is_expired(key: ApiKey, now: float) -> bool:
    return key.expires_at is not None and key.expires_at <= now
