"""Authentication by API key or short-lived token, and what the caller may do.

`Authorization: Token KEY` or `Authorization: Bearer JWT`, the scheme in any case
(https://developers.deepgram.com/docs/authenticating, docs/token-based-authentication); on a WebSocket also
the sub-protocols `token, KEY` and `bearer, JWT` (docs/using-the-sec-websocket-protocol). In addition `Bearer
KEY`, because many HTTP clients and gateways can only send `Bearer`.
"""

from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from ringback.clock import Clock
from ringback.egress.names import Requester
from ringback.errors import Refusal
from ringback.keys import ApiKey, KeyLimits, KeyStore, secret_hash
from ringback.quota import Holder
from ringback.server.auth_failures import AuthFailure, AuthFailureLog, InvalidCredentials
from ringback.server.permissions import TOKEN, Permission, Reach, effective, reach

TOKEN_SECONDS_DEFAULT = 30
TOKEN_SECONDS_MOST = 3600

SESSION_SECONDS = 3600
"""A session of the dashboard lasts no longer; then it asks for the key again."""

CACHE_SECONDS = 1.0
"""Seconds for which a key is cached: one that was removed by another process (the command line) still works
for as long. A removal in this process clears the cache."""

CACHED_KEYS = 10_000


class Caller(msgspec.Struct, frozen=True):
    """The holder of a key, or of a token made with it."""

    key_id: str
    project: str
    columns: frozenset[str]
    """Columns of the table of permissions: the key's scopes that count in its project, or those of a
    token."""
    key: ApiKey | None
    """None with a token: it names its key, but is not the key."""
    limits: KeyLimits
    """The key's own limits; its tokens share them."""
    session: bool = False
    """Whether a session token was sent, and not the key itself."""

    @property
    def requester(self) -> Requester:
        """For whom names are looked up."""
        return Requester(self.project, self.key_id)

    @property
    def holder(self) -> Holder:
        """The key and the project whose audio of the day is counted."""
        return Holder(self.project, self.key_id)

    def reach(self, permission: Permission) -> Reach:
        return reach(permission, self.columns)

    def require(self, permission: Permission) -> None:
        """Raises `Refusal` (403, https://developers.deepgram.com/docs/errors) if the caller lacks it."""
        if self.reach(permission) is Reach.NONE:
            raise forbidden()

    def covers(self, permission: Permission, key_id: str | None) -> bool:
        """Whether the permission covers the requests of this key of the project, or the key itself."""
        own = self.reach(permission) is Reach.OWN and key_id == self.key_id
        return own or self.reach(permission) >= Reach.PROJECT

    def narrowed_to_key(self, permission: Permission) -> str | None:
        """The key to which a list has to be restricted; None: it has the whole project."""
        return None if self.reach(permission) >= Reach.PROJECT else self.key_id


class Authenticator:
    """Checks credentials. Keys are found by the hash of their secret, so that no secret is compared as
    text."""

    def __init__(self, keys: KeyStore, clock: Clock, jwt_secret: bytes) -> None:
        self._keys = keys
        self._clock = clock
        self._jwt_secret = jwt_secret
        self._cached_keys: dict[bytes, tuple[float, ApiKey]] = {}
        self._cached_limits: dict[tuple[str, str], tuple[float, KeyLimits]] = {}
        self._cached_sessions: dict[tuple[str, str], tuple[float, ApiKey | None]] = {}
        self._first_project: str | None = None
        self._failures = AuthFailureLog()

    async def authenticate(self, request: HTTPConnection) -> Caller:
        """The caller of this request; raises `InvalidCredentials` (401), and reports it."""
        try:
            caller = await self._caller(request)
        except InvalidCredentials as failure:
            self._failures.report(request, failure, self._clock.monotonic())
            raise
        request.scope.setdefault("state", {})["caller"] = caller
        return caller

    async def _caller(self, request: HTTPConnection) -> Caller:
        scheme, credential = credentials_of(request)
        if scheme.lower() == "token" and credential:
            return await self._caller_with_key(credential)
        if scheme.lower() == "bearer" and credential:
            claims = self._claims_of(credential)
            if claims is None:
                return await self._caller_with_key(credential)
            if claims["aud"] == _SESSION_AUDIENCE:
                return await self._caller_with_session(claims)
            return await self._caller_with_token(claims)
        raise InvalidCredentials(AuthFailure.MALFORMED if scheme else AuthFailure.MISSING)

    def open_session(self, caller: Caller) -> tuple[str, float]:
        """A token that acts for the caller's key in a browser: with the same permissions, and no longer than
        it or `SESSION_SECONDS`. Returns the token, and its seconds."""
        import jwt  # noqa: PLC0415 - see `_claims_of`

        assert caller.key is not None
        now = self._clock.now()
        expires_at = now + SESSION_SECONDS
        if caller.key.expires_at is not None:
            expires_at = min(expires_at, caller.key.expires_at)
        claims = {
            "sub": caller.key_id,
            "made": caller.key.created_at,
            "project": caller.project,
            "aud": _SESSION_AUDIENCE,
            "exp": expires_at,
        }
        return jwt.encode(claims, self._jwt_secret, _ALGORITHM), expires_at - now

    def grant(self, caller: Caller, seconds: float) -> str:
        """A token that lets its holder transcribe, and nothing else, for `seconds`."""
        import jwt  # noqa: PLC0415 - see `_claims_of`

        now = self._clock.now()
        claims = {"sub": caller.key_id, "project": caller.project, "aud": _AUDIENCE, "exp": now + seconds}
        return jwt.encode(claims, self._jwt_secret, _ALGORITHM)

    def clear_cache(self) -> None:
        """Read keys from the ledger again, after a key or project was removed or its limits were changed."""
        self._cached_keys.clear()
        self._cached_limits.clear()
        self._cached_sessions.clear()

    async def _caller_with_key(self, secret: str) -> Caller:
        key = await self._key(secret_hash(secret))
        if key is None:
            raise InvalidCredentials(AuthFailure.UNKNOWN)
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise InvalidCredentials(AuthFailure.EXPIRED, key.id, key.comment)
        return Caller(key.id, key.project, await self.columns_of(key), key, key.limits)

    async def columns_of(self, key: ApiKey) -> frozenset[str]:
        """The columns of the table of permissions for the key's scopes in its project."""
        if self._first_project is None:  # the first project never changes
            self._first_project = (await self._keys.projects())[0].id
        return effective(key.scopes, first_project=key.project == self._first_project)

    async def _key(self, hashed: bytes) -> ApiKey | None:
        now = self._clock.monotonic()
        cached = self._cached_keys.get(hashed)
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        key = await self._keys.key_by_hash(hashed)
        if key is None:
            self._cached_keys.pop(hashed, None)
            return None
        if len(self._cached_keys) >= CACHED_KEYS:
            self._cached_keys.clear()
        self._cached_keys[hashed] = (now, key)
        return key

    def _claims_of(self, token: str) -> dict[str, Any] | None:
        """The claims of a token from `grant`; None: this server has not made it."""
        import jwt  # noqa: PLC0415 - it brings X.509, which a server without such tokens need not load

        try:
            # The expiry is checked below, with the clock that was passed in.
            claims: dict[str, Any] = jwt.decode(
                token,
                self._jwt_secret,
                [_ALGORITHM],
                audience=[_AUDIENCE, _SESSION_AUDIENCE],
                options={"require": ["sub", "project", "exp"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            return None
        return claims

    async def _caller_with_token(self, claims: dict[str, Any]) -> Caller:
        if claims["exp"] <= self._clock.now():
            raise InvalidCredentials(AuthFailure.EXPIRED, claims["sub"])
        key_id, project = claims["sub"], claims["project"]
        limits = await self._limits_of(project, key_id)
        return Caller(key_id, project, frozenset({TOKEN}), None, limits)

    async def _caller_with_session(self, claims: dict[str, Any]) -> Caller:
        """The caller of the session's key: a session ends when its key is removed or expires. The operator's
        key keeps its id when it gets another value: that is told by when it was made."""
        key = await self._key_by_id(claims["project"], claims["sub"])
        if key is None or claims.get("made") != key.created_at:
            raise InvalidCredentials(AuthFailure.UNKNOWN)
        if claims["exp"] <= self._clock.now():
            raise InvalidCredentials(AuthFailure.EXPIRED)
        return Caller(key.id, key.project, await self.columns_of(key), key, key.limits, session=True)

    async def _key_by_id(self, project: str, key_id: str) -> ApiKey | None:
        now = self._clock.monotonic()
        cached = self._cached_sessions.get((project, key_id))
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        found = next((key for key in await self._keys.keys(project) if key.id == key_id), None)
        if len(self._cached_sessions) >= CACHED_KEYS:
            self._cached_sessions.clear()
        self._cached_sessions[project, key_id] = (now, found)
        return found

    async def _limits_of(self, project: str, key_id: str) -> KeyLimits:
        """The limits of a token's key; the server's settings if the key was removed. If its project was
        deleted, raises `Refusal` (401)."""
        now = self._clock.monotonic()
        cached = self._cached_limits.get((project, key_id))
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        if project not in {known.id for known in await self._keys.projects()}:
            raise InvalidCredentials(AuthFailure.PROJECT_DELETED, key_id)
        limits = {key.id: key.limits for key in await self._keys.keys(project)}.get(key_id, KeyLimits())
        if len(self._cached_limits) >= CACHED_KEYS:
            self._cached_limits.clear()
        self._cached_limits[project, key_id] = (now, limits)
        return limits


def caller_known(connection: HTTPConnection) -> Caller | None:
    """The caller whom `authenticate` has found for this request; None before that, or if there is none."""
    caller: Caller | None = connection.scope.get("state", {}).get("caller")
    return caller


def has_credentials(connection: HTTPConnection) -> bool:
    """Whether the request has any credentials."""
    return bool(credentials_of(connection)[0])


def offered_scheme(connection: HTTPConnection) -> str | None:
    """The WebSocket sub-protocol to answer with: a browser closes the connection if the server selects none
    of those that it offered (docs/using-the-sec-websocket-protocol)."""
    offered: list[str] = connection.scope.get("subprotocols", [])
    return offered[0] if offered and offered[0].lower() in _SCHEMES else None


def credentials_of(connection: HTTPConnection) -> tuple[str, str]:
    """Scheme and secret, from the header, or from the sub-protocols `token, KEY` or `bearer, JWT`, because a
    browser cannot set headers of a WebSocket."""
    scheme, _, credential = connection.headers.get("authorization", "").strip().partition(" ")
    offered: list[str] = connection.scope.get("subprotocols", [])
    if not scheme and len(offered) >= 2 and offered[0].lower() in _SCHEMES:
        scheme, credential = offered[:2]
    return scheme, credential.strip()


_SCHEMES = frozenset({"token", "bearer"})
_ALGORITHM = "HS256"
_AUDIENCE = "ringback:listen"
_SESSION_AUDIENCE = "ringback:session"


def forbidden() -> Refusal:
    return Refusal(403, "INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions.")
