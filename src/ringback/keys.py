"""API keys and projects. A key's secret is shown once and stored only as a hash."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str


LONGEST_PROJECT_NAME = 200


def is_project_name(name: str) -> bool:
    """Whether a project may have this name: it is shown in terminals, and is not an identifier."""
    is_printable = name.isprintable() and name == name.strip()
    return is_printable and 0 < len(name) <= LONGEST_PROJECT_NAME and not _is_uuid(name)


def operators_key_id(project: str) -> str:
    """The id of the key that stands in the server's settings (`RINGBACK_API_KEY`), in the first project."""
    return str(uuid.uuid5(uuid.UUID(project), "RINGBACK_API_KEY"))


LARGEST_LIMIT = (1 << 53) - 1
"""That every database keeps, and every JSON reader takes for the number it is."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of one key; None: the server's setting applies."""

    requests: int | None = None
    """Recordings that may wait or run at once; 0: no limit."""
    queued_bytes: int | None = None
    """Bytes of uploaded audio that may wait or run at once; 0: no limit."""
    schedule: str | None = None
    """Of its callbacks, in the grammar of `callback.schedule`."""
    daily_audio_seconds: int | None = None
    """Seconds of audio in a day of UTC, every channel counted; 0: no limit."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """What a key's callbacks are signed with. `sealed` is the secret, encrypted; times are Unix seconds."""

    sealed: str
    created_at: float
    expires_at: float | None = None
    """Set by a rotation: until then both the old and the new one sign."""


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
    limits: KeyLimits = KeyLimits()


class KeyStore(Protocol):
    """The ledger's side of keys. Implemented by `storage`."""

    async def projects(self) -> Sequence[Project]:
        """The first is the operator's: it is made with the ledger, and stays. The others by their age."""
        ...

    async def add_project(self, project: Project) -> None:
        """Raises `ValueError` when another project has this name."""
        ...

    async def rename_project(self, project: str, name: str) -> bool:
        """False when there is no such project; raises as `add_project` does."""
        ...

    async def delete_project(self, project: str) -> bool:
        """It is no longer found, and its keys are removed; `transcription.erasing` erases its jobs. False if
        there is no such project, or it is the first."""
        ...

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep it; a hash that is already there, or a project that is not, raises `ValueError`."""
        ...

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None: ...

    async def keys(self, project: str) -> Sequence[ApiKey]: ...

    async def remove_key(self, project: str, key: str) -> bool:
        """It works no longer; what was accepted with it is still signed with its secrets."""
        ...

    async def set_limits(self, project: str, key: str, limits: KeyLimits) -> bool:
        """False when there is no such key."""
        ...

    async def signing_secrets(self, key: str, now: float) -> Sequence[SigningSecret]:
        """Those that have not expired, the newest first; of removed keys too.

        `key` may be any name: the server's own key pair is kept here as well.
        """
        ...

    async def rotate_signing_secret(self, key: str, sealed: str, now: float, overlap: float) -> None:
        """`sealed` signs from now on; those before it for `overlap` seconds more."""
        ...


def new_secret() -> str:
    """A fresh API key: 160 random bits, in Deepgram's form (40 hexadecimal digits)."""
    return secrets.token_hex(20)


def secret_hash(secret: str) -> bytes:
    """What is stored of a key. A fast hash is right here: the secret is random, not a password."""
    return hashlib.sha256(secret.encode()).digest()


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
