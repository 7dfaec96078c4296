"""Projects, keys, tokens: https://developers.deepgram.com/reference/manage, as far as one server has them."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.errors import Refusal
from ringback.keys import LARGEST_LIMIT, ApiKey, Project, new_secret, secret_hash
from ringback.pauses import read_pauses
from ringback.server.auth import (
    TOKEN_SECONDS_DEFAULT,
    TOKEN_SECONDS_MOST,
    Caller,
    Doorkeeper,
    Right,
    rights_of,
)
from ringback.server.body import Pace
from ringback.server.services import Services
from ringback.server.wire import (
    answer,
    caller_of_project,
    json_body,
    path_uuid,
    query_choice,
    rfc3339,
    unix_seconds,
)


class Manage:
    """The routes about who may ask."""

    def __init__(self, services: Services, doorkeeper: Doorkeeper) -> None:
        self._keys = services.keys
        self._clock = services.clock
        self._doorkeeper = doorkeeper
        self._pace = Pace(services.settings.limits.body_bytes_per_second)

    async def projects(self, request: Request) -> Response:
        """The one project that the key belongs to."""
        caller = await self._doorkeeper.caller(request)
        caller.must(Right.READ)
        project = await self._project(caller)
        return answer({"projects": [{"project_id": project.id, "name": project.name}]})

    async def project(self, request: Request) -> Response:
        project = await self._project(await caller_of_project(request, self._doorkeeper))
        return answer({"project_id": project.id, "name": project.name, "mip_opt_out": True})

    async def balances(self, request: Request) -> Response:
        """None: nobody is billed here."""
        await caller_of_project(request, self._doorkeeper)
        return answer({"balances": []})

    async def list_keys(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._doorkeeper)
        status = query_choice(request, "status", ("active", "expired"))
        now = self._clock.now()
        found = [
            key
            for key in await self._keys.keys(caller.project)
            if status is None or (status == "expired") == _is_expired(key, now)
        ]
        return answer(
            {"api_keys": [{"member": _member(caller), "api_key": _described(key)} for key in found]}
        )

    async def get_key(self, request: Request) -> Response:
        """Deepgram's pages and SDKs disagree on the nesting (`item.member.api_key` or two keys at the top);
        both are given."""
        caller = await caller_of_project(request, self._doorkeeper)
        key = await self._key(caller.project, path_uuid(request, "key_id"))
        described, member = _described(key), _member(caller)
        item = {"member": {**member, "api_key": described}}
        return answer({"item": item, "member": member, "api_key": described})

    async def create_key(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._doorkeeper, Right.MANAGE_KEYS)
        wanted = await json_body(request, self._pace, _NEW_KEY)
        secret = new_secret()
        key = self._new_key(wanted, caller)
        await self._keys.add_key(key, secret_hash(secret))
        telemetry.event(
            "key.created", key=key.id, by=caller.key_id, project=key.project, scopes=list(key.scopes)
        )
        return answer(
            {
                "api_key_id": key.id,
                "key": secret,
                "comment": key.comment,
                "scopes": key.scopes,
                "tags": key.tags,
                "created": rfc3339(key.created_at),
                "expiration_date": None if key.expires_at is None else rfc3339(key.expires_at),
            }
        )

    async def change_key(self, request: Request) -> Response:
        """Ours: what the key may have in work at once, and the schedule of its callbacks. What is not named
        stays; null means the server's setting."""
        caller = await caller_of_project(request, self._doorkeeper, Right.MANAGE_KEYS)
        wanted = (await json_body(request, self._pace, _CHANGED_KEY)).limits
        key = await self._key(caller.project, path_uuid(request, "key_id"))
        limits = key.limits
        for name in limits.__dataclass_fields__:
            value = getattr(wanted, name)
            if value is not UNSET:
                limits = replace(limits, **{name: value})
        if limits.schedule is not None:
            _must_be_a_schedule(limits.schedule)
        if not await self._keys.set_limits(caller.project, key.id, limits):
            raise _no_such_key()
        self._doorkeeper.forget()
        telemetry.event("key.changed", key=key.id, by=caller.key_id, project=caller.project)
        return answer({"api_key": _described(replace(key, limits=limits))})

    async def delete_key(self, request: Request) -> Response:
        caller = await caller_of_project(request, self._doorkeeper, Right.MANAGE_KEYS)
        key_id = path_uuid(request, "key_id")
        if not await self._keys.remove_key(caller.project, key_id):
            raise _no_such_key()
        self._doorkeeper.forget()
        telemetry.event("key.deleted", key=key_id, by=caller.key_id, project=caller.project)
        return answer({"message": "Successfully deleted the API key."})

    async def check_token(self, request: Request) -> Response:
        """What the shown key is; Deepgram has this route but does not publish its shape."""
        caller = await self._doorkeeper.caller(request)
        caller.must(Right.READ)
        key = caller.key
        assert key is not None
        return answer(
            {
                "api_key_id": key.id,
                "project_id": key.project,
                "scopes": key.scopes,
                "created": rfc3339(key.created_at),
                "accessor": key.id,
                "expires": None if key.expires_at is None else rfc3339(key.expires_at),
            }
        )

    async def grant_token(self, request: Request) -> Response:
        """https://developers.deepgram.com/docs/token-based-authentication"""
        caller = await self._doorkeeper.caller(request)
        caller.must(Right.GRANT)
        wanted = await json_body(request, self._pace, _NEW_TOKEN, optional=True)
        token = self._doorkeeper.grant(caller, wanted.ttl_seconds)
        return answer({"access_token": token, "expires_in": wanted.ttl_seconds})

    async def _key(self, project: str, key_id: str) -> ApiKey:
        for key in await self._keys.keys(project):
            if key.id == key_id:
                return key
        raise _no_such_key()

    async def _project(self, caller: Caller) -> Project:
        for project in await self._keys.projects():
            if project.id == caller.project:
                return project
        raise Refusal(404, "PROJECT_NOT_FOUND", "Project not found.")

    def _new_key(self, wanted: "_NewKey", caller: Caller) -> ApiKey:
        scopes = tuple(dict.fromkeys(wanted.scopes))
        assert caller.key is not None
        # Nobody gives away more than they have.
        if not rights_of(scopes) <= caller.rights or ("owner" in scopes and "owner" not in caller.key.scopes):
            raise Refusal(403, "INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions.")
        now = self._clock.now()
        expires_at = _expiry(wanted, now)
        if expires_at is not None and expires_at <= now:
            raise Refusal(400, "PAYLOAD_ERROR", "The key would have expired already.")
        return ApiKey(
            id=str(uuid.uuid4()),
            project=caller.project,
            comment=wanted.comment,
            scopes=scopes,
            tags=tuple(wanted.tags or ()),
            created_at=now,
            expires_at=expires_at,
        )


_Text = Annotated[str, Meta(max_length=256)]


class _NewKey(msgspec.Struct):
    """https://developers.deepgram.com/reference/manage/keys/create"""

    comment: Annotated[str, Meta(max_length=1024)] = ""
    scopes: Annotated[list[_Text], Meta(min_length=1, max_length=32)] = msgspec.field(
        default_factory=lambda: ["member"]
    )
    tags: Annotated[list[_Text], Meta(max_length=32)] | None = None
    expiration_date: datetime | None = None
    time_to_live_in_seconds: Annotated[float, Meta(gt=0, le=3_000_000_000)] | None = None


_Number = Annotated[int, Meta(ge=0, le=LARGEST_LIMIT)]


class _Limits(msgspec.Struct, forbid_unknown_fields=True):
    """As `keys.KeyLimits`."""

    requests: _Number | UnsetType | None = UNSET
    queued_bytes: _Number | UnsetType | None = UNSET
    schedule: _Text | UnsetType | None = UNSET


class _ChangedKey(msgspec.Struct, forbid_unknown_fields=True):
    limits: _Limits


class _NewToken(msgspec.Struct):
    ttl_seconds: Annotated[float, Meta(gt=0, le=TOKEN_SECONDS_MOST)] = TOKEN_SECONDS_DEFAULT


_NEW_KEY = msgspec.json.Decoder(_NewKey)
_CHANGED_KEY = msgspec.json.Decoder(_ChangedKey)
_NEW_TOKEN = msgspec.json.Decoder(_NewToken)


def _expiry(wanted: _NewKey, now: float) -> float | None:
    if wanted.expiration_date is not None and wanted.time_to_live_in_seconds is not None:
        raise Refusal(400, "PAYLOAD_ERROR", "Give `expiration_date` or `time_to_live_in_seconds`, not both.")
    if wanted.expiration_date is not None:
        try:
            return unix_seconds(wanted.expiration_date)
        except ValueError:
            raise Refusal(400, "PAYLOAD_ERROR", "`expiration_date` lies out of range.") from None
    return None if wanted.time_to_live_in_seconds is None else now + wanted.time_to_live_in_seconds


def _must_be_a_schedule(text: str) -> None:
    try:
        read_pauses(text)
    except ValueError as error:
        raise Refusal(400, "PAYLOAD_ERROR", f"`schedule`: {error}") from None


def _is_expired(key: ApiKey, now: float) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _described(key: ApiKey) -> dict[str, object]:
    return {
        "api_key_id": key.id,
        "comment": key.comment,
        "scopes": key.scopes,
        "tags": key.tags,
        "created": rfc3339(key.created_at),
        "expiration_date": None if key.expires_at is None else rfc3339(key.expires_at),
        "limits": {
            "requests": key.limits.requests,
            "queued_bytes": key.limits.queued_bytes,
            "schedule": key.limits.schedule,
        },
    }


def _member(caller: Caller) -> dict[str, object]:
    """This server has no people, only keys; the SDKs want somebody to be named."""
    return {"member_id": caller.project, "email": "", "first_name": "", "last_name": ""}


def _no_such_key() -> Refusal:
    return Refusal(404, "KEY_NOT_FOUND", "API key not found.")
