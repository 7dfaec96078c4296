"""API keys, their signing secrets, and projects in the ledger."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ringback.keys import ApiKey, KeyLimits, Project, SigningSecret
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import tags_from_json, tags_to_json

_SQL = load("keys.sql")
_PROJECTS = _SQL["projects"]
_ADD_KEY = _SQL["add_key"]
_KEY_BY_HASH = _SQL["key_by_hash"]
_KEYS_OF_PROJECT = _SQL["keys_of_project"]
_SET_LIMITS = _SQL["set_limits"]
_REMOVE_KEY = _SQL["remove_key"]
_SIGNING_SECRETS = _SQL["signing_secrets"]
_LET_SECRETS_EXPIRE = _SQL["let_secrets_expire"]
_FORGET_EXPIRED_SECRETS = _SQL["forget_expired_secrets"]
_ADD_SECRET = _SQL["add_secret"]
_DROP_SECRETS = load("retention.sql")["drop_secrets"]


def blob_store(connection: sqlite3.Connection) -> str | None:
    [(identity,)] = connection.execute(_SQL["blob_store"]).fetchall()
    return None if identity is None else str(identity)


def tie_blob_store(connection: sqlite3.Connection, identity: str) -> None:
    connection.execute(_SQL["tie_blob_store"], {"identity": identity})


def projects(connection: sqlite3.Connection) -> Sequence[Project]:
    return [Project(*row) for row in connection.execute(_PROJECTS)]


def key_by_hash(connection: sqlite3.Connection, secret_hash: bytes) -> ApiKey | None:
    row = connection.execute(_KEY_BY_HASH, {"hash": secret_hash}).fetchone()
    return None if row is None else _key(row)


def keys_of_project(connection: sqlite3.Connection, project: str) -> Sequence[ApiKey]:
    return [_key(row) for row in connection.execute(_KEYS_OF_PROJECT, {"project": project})]


def add_key(connection: sqlite3.Connection, key: ApiKey, secret_hash: bytes) -> None:
    parameters = {
        "id": key.id,
        "project": key.project,
        "comment": key.comment,
        "scopes": tags_to_json(key.scopes),
        "tags": tags_to_json(key.tags),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "hash": secret_hash,
        **_of_limits(key.limits),
    }
    try:
        added = connection.execute(_ADD_KEY, parameters)
    except sqlite3.IntegrityError as error:
        raise ValueError(f"the key cannot be added: {error}") from None
    if not added.rowcount:
        raise ValueError("the key cannot be added: there is no such project")


def set_limits(connection: sqlite3.Connection, project: str, key: str, limits: KeyLimits) -> bool:
    changed = connection.execute(_SET_LIMITS, {"project": project, "id": key, **_of_limits(limits)})
    return changed.rowcount > 0


def remove_key(connection: sqlite3.Connection, project: str, key: str) -> bool:
    """Its secrets stay while a job refers to it: `retention` drops them with the last one."""
    removed = connection.execute(_REMOVE_KEY, {"project": project, "id": key}).rowcount > 0
    if removed:
        connection.execute(_DROP_SECRETS, {"key": key})
    return removed


def signing_secrets(connection: sqlite3.Connection, key: str, now: float) -> Sequence[SigningSecret]:
    rows = connection.execute(_SIGNING_SECRETS, {"key": key, "now": now})
    return [SigningSecret(*row) for row in rows]


def rotate_signing_secret(
    connection: sqlite3.Connection, key: str, sealed: str, now: float, overlap: float
) -> None:
    connection.execute(_LET_SECRETS_EXPIRE, {"key": key, "until": now + overlap})
    connection.execute(_FORGET_EXPIRED_SECRETS, {"key": key, "now": now})
    connection.execute(_ADD_SECRET, {"key": key, "sealed": sealed, "now": now})


def _of_limits(limits: KeyLimits) -> Mapping[str, object]:
    return {
        "requests": limits.requests,
        "queued_bytes": limits.queued_bytes,
        "schedule": limits.schedule,
        "daily_audio_seconds": limits.daily_audio_seconds,
    }


def _key(row: tuple[Any, ...]) -> ApiKey:
    key_id, project, comment, scopes, tags, created_at, expires_at, *limits = row
    return ApiKey(
        key_id, project, comment, tags_from_json(scopes), tags_from_json(tags), created_at, expires_at,
        KeyLimits(*limits),
    )  # fmt: skip
