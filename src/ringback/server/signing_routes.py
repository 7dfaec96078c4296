"""The secrets and public keys with which receivers verify callbacks: of a key, and of the server."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ringback import telemetry
from ringback.callbacks.signers import LONGEST_OVERLAP, OVERLAP, Signers
from ringback.clock import rfc3339
from ringback.server.auth import Authenticator, Caller
from ringback.server.body import Pace
from ringback.server.operations import KEY_PATH, Operation, Timestamp, Uuid
from ringback.server.path_lookup import key_of
from ringback.server.permissions import Permission
from ringback.server.request_parsing import answer, caller_of_project, json_body
from ringback.server.services import Services

TAG = "Signatures"

PUBLIC_KEYS_PATH = "/.well-known/ringback/webhook-keys"


class _Rotation(msgspec.Struct):
    overlap_seconds: Annotated[float, Meta(ge=0, le=LONGEST_OVERLAP)] = OVERLAP


class SigningSecretDocument(msgspec.Struct):
    secret: str
    """`whsec_…`"""
    created: Timestamp
    expires: Timestamp | None
    """Null, except for secrets that a rotation has replaced."""


class SigningSecrets(msgspec.Struct):
    """The secrets that sign a key's callbacks, newest first."""

    api_key_id: Uuid
    signing_secrets: list[SigningSecretDocument]


class PublicKeys(msgspec.Struct):
    """The ed25519 public keys of this server (`whpk_…`), the newest first."""

    keys: list[str]


_SECRETS = f"{KEY_PATH}/signing-secret"
SHOW_SECRETS = Operation("GET", _SECRETS, "getSigningSecrets", TAG, "A key's signing secrets", SigningSecrets)
ROTATE_SECRETS = Operation(
    "POST",
    _SECRETS,
    "rotateSigningSecret",
    TAG,
    "Make a new signing secret",
    SigningSecrets,
    body=_Rotation,
    body_optional=True,
)
SHOW_PUBLIC_KEYS = Operation(
    "GET",
    PUBLIC_KEYS_PATH,
    "getWebhookKeys",
    TAG,
    "The server's public keys",
    PublicKeys,
    needs_key=False,
    headers=("cache-control",),
)


class SigningRoutes:
    """The routes about signatures."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self._keys = services.keys
        self._signers: Signers = services.signers
        self._authenticator = authenticator
        self._pace = Pace(services.limits.body_bytes_per_second)

    async def show(self, request: Request) -> Response:
        """The secrets that sign at present, newest first."""
        _, key_id = await self._caller_and_key(request)
        return await self._secrets_response(key_id)

    async def rotate(self, request: Request) -> Response:
        """Add a new secret; the one before it also signs for a while."""
        caller, key_id = await self._caller_and_key(request)
        body = await json_body(request, self._pace, _ROTATION, optional=True)
        await self._signers.rotate(key_id, body.overlap_seconds)
        telemetry.event(
            "signing_secret.rotated",
            key=key_id,
            by=caller.key_id,
            project=caller.project,
            overlap_s=body.overlap_seconds,
        )
        return await self._secrets_response(key_id)

    async def public_keys(self, request: Request) -> Response:
        """For everybody: public keys need no API key."""
        response = answer(PublicKeys(await self._signers.public_keys()))
        response.headers["cache-control"] = "public, max-age=300"
        return response

    async def _caller_and_key(self, request: Request) -> tuple[Caller, str]:
        caller = await caller_of_project(request, self._authenticator, Permission.SIGNING_SECRETS)
        key = await key_of(self._keys, request, caller, Permission.SIGNING_SECRETS)
        return caller, key.id

    async def _secrets_response(self, key_id: str) -> Response:
        secrets = [
            SigningSecretDocument(
                secret=secret.text,
                created=rfc3339(secret.created_at),
                expires=None if secret.expires_at is None else rfc3339(secret.expires_at),
            )
            for secret in await self._signers.open_secrets(key_id)
        ]
        response = answer(SigningSecrets(key_id, secrets))
        response.headers["cache-control"] = "no-store"
        return response


_ROTATION = msgspec.json.Decoder(_Rotation)
