"""Signatures that prove to receivers that a callback is ours, unchanged and recent: Standard Webhooks. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: signed is
`webhook-id.webhook-timestamp.body`; `webhook-signature` lists one signature per valid secret, as `v1`
(HMAC-SHA256 with a shared secret) and as `v1a` (ed25519 with a public key).
"""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - it says what follows, and is none
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"

SECRET_BYTES = 32
"""The specification asks for 24 to 64."""

TOLERANCE = 300.0
"""Seconds by which a timestamp may differ from the receiver's clock, as in the official packages."""


class NotAKey(ValueError):
    """The text is no signing secret or public key in the form of its prefix; the message does not contain
    it."""


def new_signing_secret() -> str:
    """A fresh secret for `v1`, in its text form `whsec_…`."""
    return _text(SECRET_PREFIX, secrets.token_bytes(SECRET_BYTES))


def new_private_key() -> str:
    """A fresh key for `v1a`, in its text form `whsk_…`."""
    return _text(PRIVATE_PREFIX, secrets.token_bytes(_ED25519_BYTES))


def public_key_of(private_key: str) -> str:
    """What receivers verify with: `whpk_…`."""
    return _text(PUBLIC_PREFIX, _private(private_key).public_key().public_bytes_raw())


class Signer:
    """Signs with every secret that is valid now."""

    def __init__(self, signing_secrets: Sequence[str], private_keys: Sequence[str]) -> None:
        """Of `whsec_…` and `whsk_…` texts, each counted once; `NotAKey` for any other."""
        self._keyed = [_keyed(secret_bytes(text)) for text in dict.fromkeys(signing_secrets)]
        self._private_keys = [_private(text) for text in dict.fromkeys(private_keys)]

    def headers(self, webhook_id: str, moment: float, body: bytes) -> dict[str, str]:
        """The three headers of an attempt made at `moment` (Unix seconds)."""
        timestamp = str(int(moment))
        signed = _signed(webhook_id, timestamp, body)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(self._signatures(signed)),
        }

    def _signatures(self, signed: bytes) -> list[str]:
        signatures = ["v1," + _base64(_mac(keyed, signed)) for keyed in self._keyed]
        signatures += ["v1a," + _base64(key.sign(signed)) for key in self._private_keys]
        return signatures


@dataclass(frozen=True, slots=True)
class Verifier:
    """The secrets and public keys of a receiver, and its check of a callback's headers."""

    signing_secrets: tuple[bytes, ...] = ()
    public_keys: tuple[Ed25519PublicKey, ...] = ()

    @classmethod
    def of(cls, signing_secrets: Sequence[str], public_keys: Sequence[str]) -> "Verifier":
        """Of `whsec_…` and `whpk_…` texts; `NotAKey` for any other."""
        return cls(
            tuple(secret_bytes(text) for text in signing_secrets),
            tuple(Ed25519PublicKey.from_public_bytes(_public(text)) for text in public_keys),
        )

    def fault(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """Why the callback must be refused, or None; the names of `headers` are in lower case."""
        named = {name: headers.get(name) for name in _HEADERS}
        missing = [name for name, value in named.items() if not value]
        if missing:
            return f"there is no {missing[0]}"
        webhook_id, timestamp, signatures = (value or "" for value in named.values())
        if not _SECONDS.fullmatch(timestamp):
            return "webhook-timestamp is not a number"
        if abs(now - int(timestamp)) > TOLERANCE:
            return f"webhook-timestamp is {abs(now - int(timestamp)):.0f} s off"
        signed = _signed(webhook_id, timestamp, body)
        if not any(self._is_ours(each, signed) for each in signatures.split(" ")):
            return "no signature fits"
        return None

    def _is_ours(self, signature: str, signed: bytes) -> bool:
        version, _, encoded = signature.partition(",")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            return False
        if version == "v1":
            prepared = map(_keyed, self.signing_secrets)
            return any(hmac.compare_digest(_mac(keyed, signed), given) for keyed in prepared)
        return version == "v1a" and any(_holds(key, given, signed) for key in self.public_keys)


def secret_bytes(text: str) -> bytes:
    """The bytes of a `whsec_…` text."""
    return _bytes(SECRET_PREFIX, text)


def _signed(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode() + body


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _keyed(secret: bytes) -> hmac.HMAC:
    """Prepared once for a secret, and copied for each signature."""
    return hmac.new(secret, digestmod="sha256")


def _mac(keyed: hmac.HMAC, signed: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(signed)
    return mac.digest()


def _holds(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_of_length(_ED25519_BYTES, PRIVATE_PREFIX, text))


def _public(text: str) -> bytes:
    return _of_length(_ED25519_BYTES, PUBLIC_PREFIX, text)


def _of_length(length: int, prefix: str, text: str) -> bytes:
    data = _bytes(prefix, text)
    if len(data) != length:
        raise NotAKey(f"it must be {prefix} and {length} bytes in base64, and holds {len(data)}")
    return data


def _text(prefix: str, data: bytes) -> str:
    return prefix + base64.b64encode(data).decode()


def _bytes(prefix: str, text: str) -> bytes:
    """Padding may be left out, as the official packages allow."""
    encoded = text.removeprefix(prefix)
    try:
        data = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if not text.startswith(prefix) or not data:
        raise NotAKey(f"it must begin with {prefix} and go on in base64")
    return data


_ED25519_BYTES = 32
_SECONDS = re.compile(r"[0-9]{1,12}")
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
