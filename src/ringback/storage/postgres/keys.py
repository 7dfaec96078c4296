"""API keys, their signing secrets, and projects in the ledger."""

from collections.abc import Sequence

import asyncpg

from ringback.keys import ApiKey, KeyLimits, Project, SigningSecret
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load
from ringback.storage.rows import key_from, tags_to_json

_SQL = load("keys.sql")


async def blob_store(database: Database) -> str | None:
    identity = await database.value(_SQL["blob_store"])
    return None if identity is None else str(identity)


async def tie_blob_store(database: Database, identity: str) -> None:
    await database.fetch(_SQL["tie_blob_store"], identity)


async def projects(database: Database) -> Sequence[Project]:
    return [Project(**row) for row in await database.fetch(_SQL["projects"])]


async def key_by_hash(database: Database, secret_hash: bytes) -> ApiKey | None:
    rows = await database.fetch(_SQL["key_by_hash"], secret_hash)
    return key_from(rows[0]) if rows else None


async def keys_of_project(database: Database, project: str) -> Sequence[ApiKey]:
    return [key_from(row) for row in await database.fetch(_SQL["keys_of_project"], project)]


async def add_key(database: Database, key: ApiKey, secret_hash: bytes) -> None:
    limits = key.limits
    try:
        added = await database.execute_once(
            _SQL["add_key"], key.id, key.project, key.comment, tags_to_json(key.scopes),
            tags_to_json(key.tags), key.created_at, key.expires_at, secret_hash, limits.requests,
            limits.queued_bytes, limits.schedule, limits.daily_audio_seconds,
        )  # fmt: skip
    except asyncpg.IntegrityConstraintViolationError as error:
        raise ValueError(f"the key cannot be added: {error}") from None
    if not added:
        raise ValueError("the key cannot be added: there is no such project")


async def set_limits(database: Database, project: str, key: str, limits: KeyLimits) -> bool:
    changed = await database.fetch(
        _SQL["set_limits"], project, key, limits.requests, limits.queued_bytes, limits.schedule,
        limits.daily_audio_seconds,
    )  # fmt: skip
    return bool(changed)


async def remove_key(database: Database, project: str, key: str) -> bool:
    """Its secrets stay while a job refers to it: `retention` drops them with the last job."""

    async def remove(connection: Connection) -> bool:
        removed = await connection.fetch(_SQL["remove_key"], project, key)
        if removed:
            await connection.fetch(_SQL["drop_secrets"], key)
        return bool(removed)

    return await database.transact(remove)


async def signing_secrets(database: Database, key: str, now: float) -> Sequence[SigningSecret]:
    return [SigningSecret(**row) for row in await database.fetch(_SQL["signing_secrets"], key, now)]


async def rotate_signing_secret(
    database: Database, key: str, sealed: str, now: float, overlap: float
) -> None:
    async def rotate(connection: Connection) -> None:
        await connection.fetch(_SQL["lock_key"], key)
        await connection.fetch(_SQL["let_secrets_expire"], key, now + overlap)
        await connection.fetch(_SQL["forget_expired_secrets"], key, now)
        await connection.fetch(_SQL["add_secret"], key, sealed, now)

    await database.transact(rotate)
