"""Authenticated encryption (AES-GCM) of callers' secrets in the ledger.

A callback's URL may hold a password or a signature, and a signing secret signs in our name: none of them is
stored in clear. They are sealed when they are accepted, opened when they are used, and bound to their row by
associated data, so that a sealed text that is moved to another row does not open.
"""

import base64
import binascii
import hmac
import os
import secrets as random
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringback.errors import Misconfigured, RingbackError
from ringback.system import RandomBlocks, sync, sync_folder

SECRET_KEY_FILE = "secret.key"  # noqa: S105 - its name, not what is in it
"""In the data folder, where no setting holds the secret key."""

PREFIX = "sealed1."
"""How a sealed text begins; no URL does."""

SHORTEST_SECRET = 16
"""Bytes. A secret key is random text and not a password: guessing is not slowed down."""

FILE_BYTES = 32


class UnsealFailed(RingbackError):
    """It was sealed with another key or for another context, or was changed since."""


class Seal:
    """Seals with the first of its secrets, opens with any of them. Threads may share it."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """`secrets`: at least one, each random and at least `SHORTEST_SECRET` bytes long."""
        if not secrets:
            raise ValueError("a seal needs a secret")
        self._secrets = tuple(dict.fromkeys(secrets))
        self._keys = [_SealKey.of(secret) for secret in self._secrets]
        self._random = RandomBlocks(_SALT + _NONCE)

    @classmethod
    def of(cls, setting: str, path: Path) -> "Seal":
        """The operator's secrets, with commas between them, and the file's. Raises `Misconfigured`.

        Without a setting, the file is made, readable by this user alone. Beside a setting, an existing file
        is only used to open what it has sealed: adding the setting later loses nothing.
        """
        secrets = [part.strip().encode() for part in setting.split(",") if part.strip()]
        if any(len(secret) < SHORTEST_SECRET for secret in secrets):
            raise Misconfigured(
                f"secret_key: each secret must be at least {SHORTEST_SECRET} characters of random text: "
                "make one with `openssl rand -hex 32`"
            )
        if not secrets or path.exists():
            secrets.append(_from_file(path))
        return cls(secrets)

    def seal(self, text: str, context: str) -> str:
        """`text`, encrypted, in URL-safe ASCII; it opens with the same `context` only."""
        key = self._keys[0]
        start = self._random.take()
        sealed = start + key.cipher(start).encrypt(start[_SALT:], text.encode(), context.encode())
        return f"{PREFIX}{key.id}.{_encoded(sealed)}"

    def is_current(self, sealed: str) -> bool:
        """Whether the first of the secrets has sealed it."""
        return sealed.startswith(f"{PREFIX}{self._keys[0].id}.")

    def open(self, sealed: str, context: str) -> str:
        """The text; raises `UnsealFailed`."""
        key_id, _, encoded = sealed.removeprefix(PREFIX).partition(".")
        if not is_sealed(sealed) or not encoded:
            raise UnsealFailed("this is not a sealed text")
        data = _decoded(encoded)
        nonce, encrypted = data[_SALT : _SALT + _NONCE], data[_SALT + _NONCE :]
        known = False
        for key in self._keys:
            if key.id == key_id:
                known = True
                try:
                    return key.cipher(data).decrypt(nonce, encrypted, context.encode()).decode()
                except InvalidTag:
                    continue  # two secrets may have one id
        if not known:
            raise UnsealFailed(f"it was sealed with the secret key {key_id}, which this server does not have")
        raise UnsealFailed("it was changed since it was sealed, or sealed for another place")

    def open_if_sealed(self, text: str, context: str) -> str:
        """The same for texts that may be older than sealing: one that is not sealed is returned unchanged."""
        return self.open(text, context) if is_sealed(text) else text

    def subkey(self, purpose: str, n: int = 32) -> bytes:
        """`n` bytes that are derived from the first secret for this purpose; they reveal nothing about it."""
        return _derived(self._secrets[0], purpose, n)


def is_sealed(text: str) -> bool:
    """Whether a text from the ledger is sealed; texts of older versions are in clear."""
    return text.startswith(PREFIX)


class _SealKey:
    """The encryption of one secret."""

    def __init__(self, key_id: str, master: bytes) -> None:
        self.id = key_id
        self._keyed = hmac.new(master, digestmod="sha256")

    @classmethod
    def of(cls, secret: bytes) -> "_SealKey":
        return cls(_derived(secret, "key id", 4).hex(), _derived(secret, "sealing", 32))

    def cipher(self, start: bytes) -> AESGCM:
        """A derived key for each text: random nonces under one key would run short after 2³² texts, which a
        busy server seals within months."""
        # A copy, because `hmac.digest` releases the interpreter's lock for these few bytes.
        derived = self._keyed.copy()
        derived.update(start[:_SALT])
        return AESGCM(derived.digest())


def _derived(secret: bytes, purpose: str, n: int) -> bytes:
    return HKDF(SHA256(), n, None, b"ringback " + purpose.encode()).derive(secret)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    plain = text.translate(_TO_PLAIN) + "=" * (-len(text) % 4)
    try:
        data = binascii.a2b_base64(plain)
    except ValueError:
        raise UnsealFailed("this is not a sealed text") from None
    # Only as it was written: no other text stands for the same bytes.
    if len(data) < _SALT + _NONCE + _TAG or binascii.b2a_base64(data, newline=False).decode() != plain:
        raise UnsealFailed("this is not a sealed text")
    return data


_TO_PLAIN = str.maketrans("-_+/", "+/__")
"""From the alphabet of URLs to that of `binascii`; what stands in no URL becomes no base64 either."""


_SALT, _NONCE, _TAG = 16, 12, 16


def _from_file(path: Path) -> bytes:
    try:
        secret = _read_or_make(path)
    except OSError as error:
        raise Misconfigured(
            f"The secret key {path} cannot be used ({error.strerror}): make it readable for user "
            f"{os.getuid()}, or set RINGBACK_SECRET_KEY."
        ) from None
    if len(secret) < SHORTEST_SECRET:
        raise Misconfigured(
            f"The secret key {path} is damaged ({len(secret)} bytes): put back the copy that was made of it."
        )
    return secret


def _read_or_make(path: Path) -> bytes:
    with_content = path.with_name(f"{path.name}.{random.token_hex(4)}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        descriptor = os.open(with_content, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(random.token_bytes(FILE_BYTES))
            file.flush()
            sync(descriptor)
        _name(with_content, path)
    finally:
        with_content.unlink(missing_ok=True)
    sync_folder(path.parent)
    return path.read_bytes()


def _name(made: Path, path: Path) -> None:
    """A hard link never replaces a file: two processes that start at once both use the first one's."""
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        made.rename(path)
