"""API keys, their signing secrets, and projects in the ledger."""

import sqlite3
from collections.abc import Mapping, Sequence

from ringback.keys import ApiKey, KeyLimits, Project, SigningSecret
from ringback.storage.rows import key_from, tags_to_json
from ringback.storage.sqlite.execute import fetch
from ringback.storage.sqlite.queries import load

_SQL = load("keys.sql")
_DROP_SECRETS = load("retention.sql")["drop_secrets"]


def blob_store(connection: sqlite3.Connection) -> str | None:
    [row] = fetch(connection, _SQL["blob_store"])
    identity: str | None = row["blob_store"]
    return identity


def tie_blob_store(connection: sqlite3.Connection, identity: str) -> None:
    connection.execute(_SQL["tie_blob_store"], {"identity": identity})


def projects(connection: sqlite3.Connection) -> Sequence[Project]:
    return [Project(**row) for row in fetch(connection, _SQL["projects"])]


def key_by_hash(connection: sqlite3.Connection, secret_hash: bytes) -> ApiKey | None:
    rows = fetch(connection, _SQL["key_by_hash"], {"hash": secret_hash})
    return key_from(rows[0]) if rows else None


def keys_of_project(connection: sqlite3.Connection, project: str) -> Sequence[ApiKey]:
    return [key_from(row) for row in fetch(connection, _SQL["keys_of_project"], {"project": project})]


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
        added = connection.execute(_SQL["add_key"], parameters)
    except sqlite3.IntegrityError as error:
        raise ValueError(f"the key cannot be added: {error}") from None
    if not added.rowcount:
        raise ValueError("the key cannot be added: there is no such project")


def set_limits(connection: sqlite3.Connection, project: str, key: str, limits: KeyLimits) -> bool:
    changed = connection.execute(_SQL["set_limits"], {"project": project, "id": key, **_of_limits(limits)})
    return changed.rowcount > 0


def remove_key(connection: sqlite3.Connection, project: str, key: str) -> bool:
    """Its secrets stay while a job refers to it: `retention` drops them with the last job."""
    removed = connection.execute(_SQL["remove_key"], {"project": project, "id": key}).rowcount > 0
    if removed:
        connection.execute(_DROP_SECRETS, {"key": key})
    return removed


def signing_secrets(connection: sqlite3.Connection, key: str, now: float) -> Sequence[SigningSecret]:
    rows = fetch(connection, _SQL["signing_secrets"], {"key": key, "now": now})
    return [SigningSecret(**row) for row in rows]


def rotate_signing_secret(
    connection: sqlite3.Connection, key: str, sealed: str, now: float, overlap: float
) -> None:
    connection.execute(_SQL["let_secrets_expire"], {"key": key, "until": now + overlap})
    connection.execute(_SQL["forget_expired_secrets"], {"key": key, "now": now})
    connection.execute(_SQL["add_secret"], {"key": key, "sealed": sealed, "now": now})


def _of_limits(limits: KeyLimits) -> Mapping[str, object]:
    return {
        "requests": limits.requests,
        "queued_bytes": limits.queued_bytes,
        "schedule": limits.schedule,
        "daily_audio_seconds": limits.daily_audio_seconds,
    }
