"""Documents of keys and tokens, as callers send and read them
(https://developers.deepgram.com/reference/manage)."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ringback.clock import rfc3339
from ringback.keys import LARGEST_LIMIT, ApiKey, KeyLimits
from ringback.server.auth import TOKEN_SECONDS_DEFAULT, TOKEN_SECONDS_MOST
from ringback.server.operations import Timestamp, Uuid

_Text = Annotated[str, Meta(max_length=256)]


class NewKey(msgspec.Struct):
    """https://developers.deepgram.com/reference/manage/keys/create"""

    comment: Annotated[str, Meta(max_length=1024)] = ""
    scopes: Annotated[list[_Text], Meta(min_length=1, max_length=32)] = msgspec.field(
        default_factory=lambda: ["member"]
    )
    tags: Annotated[list[_Text], Meta(max_length=32)] | None = None
    expiration_date: datetime | None = None
    time_to_live_in_seconds: Annotated[float, Meta(gt=0, le=3_000_000_000)] | None = None


_Number = Annotated[int, Meta(ge=0, le=LARGEST_LIMIT)]


class KeyLimitChanges(msgspec.Struct, forbid_unknown_fields=True):
    """As `keys.KeyLimits`."""

    requests: _Number | UnsetType | None = UNSET
    queued_bytes: _Number | UnsetType | None = UNSET
    schedule: _Text | UnsetType | None = UNSET
    daily_audio_seconds: _Number | UnsetType | None = UNSET


class KeyChanges(msgspec.Struct, forbid_unknown_fields=True):
    limits: KeyLimitChanges


class NewToken(msgspec.Struct):
    ttl_seconds: Annotated[float, Meta(gt=0, le=TOKEN_SECONDS_MOST)] = TOKEN_SECONDS_DEFAULT


class Member(msgspec.Struct):
    """Deepgram's, which the SDKs require; this server has no members, only keys."""

    member_id: Uuid
    email: str = ""
    first_name: str = ""
    last_name: str = ""


class KeyDocument(msgspec.Struct):
    """A key without its secret."""

    api_key_id: Uuid
    comment: str
    scopes: tuple[str, ...]
    tags: tuple[str, ...]
    created: Timestamp
    expiration_date: Timestamp | None
    limits: KeyLimits
    """Null: the server's setting."""


class KeyUse(msgspec.Struct):
    audio_seconds_today: float


class UsedKeyDocument(KeyDocument):
    """A key without its secret, and its use."""

    ringback: KeyUse


class ListedKey(msgspec.Struct):
    member: Member
    api_key: KeyDocument


class KeyList(msgspec.Struct):
    api_keys: list[ListedKey]


class MemberWithKey(msgspec.Struct):
    member_id: Uuid
    email: str
    first_name: str
    last_name: str
    api_key: UsedKeyDocument


class KeyItem(msgspec.Struct):
    member: MemberWithKey


class KeyDetails(msgspec.Struct):
    """One key, in both forms that clients read."""

    item: KeyItem
    member: Member
    api_key: UsedKeyDocument


class CreatedKey(msgspec.Struct):
    """A new key; only this answer has its secret."""

    api_key_id: Uuid
    key: str
    """The secret."""
    comment: str
    scopes: tuple[str, ...]
    tags: tuple[str, ...]
    created: Timestamp
    expiration_date: Timestamp | None


class ChangedKey(msgspec.Struct):
    api_key: KeyDocument


class TokenDetails(msgspec.Struct):
    """What the key of the request is."""

    api_key_id: Uuid
    project_id: Uuid
    scopes: tuple[str, ...]
    created: Timestamp
    accessor: Uuid
    expires: Timestamp | None


class GrantedToken(msgspec.Struct):
    access_token: str
    expires_in: float
    """Seconds."""


def key_document(key: ApiKey) -> KeyDocument:
    return KeyDocument(
        api_key_id=key.id,
        comment=key.comment,
        scopes=key.scopes,
        tags=key.tags,
        created=rfc3339(key.created_at),
        expiration_date=None if key.expires_at is None else rfc3339(key.expires_at),
        limits=key.limits,
    )


def member_of(key: ApiKey) -> Member:
    return Member(member_id=key.project)
