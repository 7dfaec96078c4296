"""API keys and projects: who may ask. A key's secret is shown once and stored only as a hash."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key after its secret was shown. Times are Unix seconds."""

    id: str
    project: str
    comment: str
    scopes: tuple[str, ...]
    tags: tuple[str, ...]
    created_at: float
    expires_at: float | None


class KeyStore(Protocol):
    """The ledger's side of keys. Implemented by `storage`."""

    async def projects(self) -> Sequence[Project]:
        """At least one: the default project is made with the ledger."""
        ...

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep it; a hash that is already there raises `ValueError`."""
        ...

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None: ...

    async def keys(self, project: str) -> Sequence[ApiKey]: ...

    async def remove_key(self, project: str, key: str) -> bool: ...


def new_secret() -> str:
    """A fresh API key: 160 random bits, in Deepgram's form (40 hexadecimal digits)."""
    return secrets.token_hex(20)


def secret_hash(secret: str) -> bytes:
    """What is stored of a key. A fast hash is right here: the secret is random, not a password."""
    return hashlib.sha256(secret.encode()).digest()
