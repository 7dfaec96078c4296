"""The signatures of callbacks: each is signed with the secret of its request's key, and with the server's key
pair.

Each API key has a signing secret, made at its first use; the server has an ed25519 key pair, made at the
first start. Both are sealed in the ledger, and replaced by rotation: for a time the old one signs as well.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ringback.callbacks.signing import Signer, new_private_key, new_signing_secret, public_key_of
from ringback.clock import Clock
from ringback.errors import Misconfigured
from ringback.keys import KeyStore, SigningSecret
from ringback.sealing import Seal, UnsealFailed
from ringback.telemetry import problem

OPERATOR = "operator"
"""The id under which the secret that signs operational webhooks is stored."""

SERVER = "server"
"""The id under which the server's own key pair is stored among the signing secrets."""

CACHE_SECONDS = 1.0
"""For so long after a rotation a delivery may be signed with the old secret alone, which is still valid."""
CACHED_KEYS = 10_000

OVERLAP, LONGEST_OVERLAP = 86_400.0, 30 * 86_400.0
"""Seconds for which an old secret still signs after a rotation."""

LARGE_BODY = 1 << 20
"""Bytes above which signing runs in a thread: it takes 100 ms for the transcript of a day."""

FOREVER = 100 * 365 * 86_400.0
"""Seconds, for a first secret, which replaces none. Two processes may make it at the same time: then both
always sign, because receivers may use either."""


@dataclass(frozen=True, slots=True)
class OpenSecret:
    """A signing secret in clear text. Times are Unix seconds."""

    text: str
    created_at: float
    expires_at: float | None


class Signers:
    """Finds, makes and rotates the secrets that sign callbacks."""

    def __init__(self, keys: KeyStore, seal: Seal, clock: Clock) -> None:
        self._keys = keys
        self._seal = seal
        self._clock = clock
        self._cached: dict[str | None, tuple[float, Signer]] = {}
        self._lookup_lock = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the server's key pair, or check that it can be opened: raises `Misconfigured`.

        Without this check a lost secret key would only be noticed by failing callbacks. Secrets that were
        sealed with an older secret key are sealed again with the present one, so that the older can be
        removed.
        """
        if not await self.check():
            await self._make(SERVER)
        await self._renew(SERVER)
        for project in await self._keys.projects():
            for key in await self._keys.keys(project.id):
                await self._renew(key.id)

    async def check(self) -> bool:
        """Whether the server has a key pair. Raises `Misconfigured` if it cannot be opened."""
        secrets = await self._keys.signing_secrets(SERVER, self._clock.now())
        try:
            self._opened(secrets, SERVER)
        except UnsealFailed as error:
            raise Misconfigured(
                "The ledger was sealed with another secret key than this server has. Put back the file "
                "secret.key in the data folder, or RINGBACK_SECRET_KEY; to change it, name the new one and, "
                f"behind a comma, the old one. (In full: {error}. With that the server starts, but the "
                "callbacks that wait are lost.)"
            ) from None
        return bool(secrets)

    async def signer(self, key_id: str | None) -> Signer:
        """The signer for the API key and the server; for the server alone without a key.

        Raises `LedgerUnavailable` or `UnsealFailed`. Then nothing is sent: no callback is ever unsigned.
        """
        cached = self._from_cache(key_id)
        if cached is not None:
            return cached
        async with self._lookup_lock:  # one look-up at a time: the others that waited use its result
            return self._from_cache(key_id) or await self._look_up(key_id)

    async def sign(self, key_id: str | None, webhook_id: str, body: bytes) -> dict[str, str]:
        """The headers of an attempt that is made now. Raises as `signer` does."""
        signer = await self.signer(key_id)
        now = self._clock.now()
        if len(body) < LARGE_BODY:
            return signer.headers(webhook_id, now, body)
        return await asyncio.to_thread(signer.headers, webhook_id, now, body)

    async def public_keys(self) -> list[str]:
        """The public keys that verify `v1a` signatures, `whpk_…`, the newest first."""
        return [public_key_of(secret.text) for secret in await self._open(SERVER)]

    async def open_secrets(self, key_id: str) -> list[OpenSecret]:
        """The secrets that sign for this API key, `whsec_…`, the newest first."""
        return await self._open(key_id)

    async def rotate(self, key_id: str, overlap: float) -> None:
        """Add a new secret; the one before it also signs for `overlap` seconds more."""
        await self._add(key_id, overlap)
        self._cached.clear()

    def _from_cache(self, key_id: str | None) -> Signer | None:
        cached = self._cached.get(key_id)
        if cached is None or self._clock.monotonic() - cached[0] >= CACHE_SECONDS:
            return None
        return cached[1]

    async def _look_up(self, key_id: str | None) -> Signer:
        looked_up_at = self._clock.monotonic()
        secrets = [] if key_id is None else await self._open(key_id)
        signer = Signer([each.text for each in secrets], [each.text for each in await self._open(SERVER)])
        if len(self._cached) >= CACHED_KEYS:
            self._cached.clear()
        self._cached[key_id] = (looked_up_at, signer)
        return signer

    async def _open(self, key_id: str) -> list[OpenSecret]:
        secrets = await self._keys.signing_secrets(key_id, self._clock.now())
        if not secrets:
            await self._make(key_id)
            secrets = await self._keys.signing_secrets(key_id, self._clock.now())
        return self._opened(secrets, key_id)

    async def _make(self, key_id: str) -> None:
        """The first secret."""
        await self._add(key_id, FOREVER)

    async def _add(self, key_id: str, overlap: float) -> None:
        text = new_private_key() if key_id == SERVER else new_signing_secret()
        sealed = self._seal.seal(text, _secret_context(key_id))
        await self._keys.rotate_signing_secret(key_id, sealed, self._clock.now(), overlap)

    async def _renew(self, key_id: str) -> None:
        now = self._clock.now()
        sealed_secrets = await self._keys.signing_secrets(key_id, now)
        if all(self._seal.is_current(each.sealed) for each in sealed_secrets):
            return
        try:
            secrets = self._opened(sealed_secrets, key_id)
        except UnsealFailed as error:
            problem("signing_secret.unreadable", key=key_id, reason=str(error))
            return
        overlap = OVERLAP
        for secret in reversed(secrets):
            if secret.expires_at is None or secret.expires_at - now > LONGEST_OVERLAP:
                sealed = self._seal.seal(secret.text, _secret_context(key_id))
                await self._keys.rotate_signing_secret(key_id, sealed, now, overlap)
                overlap = FOREVER

    def _opened(self, secrets: Sequence[SigningSecret], key_id: str) -> list[OpenSecret]:
        try:
            return [
                OpenSecret(
                    self._seal.open(each.sealed, _secret_context(key_id)), each.created_at, each.expires_at
                )
                for each in secrets
            ]
        except UnsealFailed as error:
            raise UnsealFailed(
                f"the signing secret of {key_id} cannot be opened: {error}; give that secret key back, or "
                f"make a new secret with `ringback keys signing-secret {key_id} --rotate --overlap 0s`"
            ) from None


def _secret_context(key_id: str) -> str:
    """The associated data with which a signing secret is sealed."""
    return f"signing secret of {key_id}"
