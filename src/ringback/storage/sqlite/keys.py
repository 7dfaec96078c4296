"""API keys and projects in the ledger."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from ringback.keys import ApiKey, Project
from ringback.storage.sqlite.queries import load

_SQL = load("keys.sql")
_PROJECTS = _SQL["projects"]
_ADD_KEY = _SQL["add_key"]
_KEY_BY_HASH = _SQL["key_by_hash"]
_KEYS_OF_PROJECT = _SQL["keys_of_project"]
_REMOVE_KEY = _SQL["remove_key"]


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
        "scopes": _to_json(key.scopes),
        "tags": _to_json(key.tags),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "hash": secret_hash,
    }
    try:
        connection.execute(_ADD_KEY, parameters)
    except sqlite3.IntegrityError as error:
        raise ValueError(f"the key cannot be added: {error}") from None


def remove_key(connection: sqlite3.Connection, project: str, key: str) -> bool:
    return connection.execute(_REMOVE_KEY, {"project": project, "id": key}).rowcount > 0


def _key(row: tuple[Any, ...]) -> ApiKey:
    key_id, project, comment, scopes, tags, created_at, expires_at = row
    return ApiKey(key_id, project, comment, _from_json(scopes), _from_json(tags), created_at, expires_at)


def _to_json(words: tuple[str, ...]) -> str:
    return msgspec.json.encode(words).decode()


def _from_json(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])
