"""`Idempotency-Key`: a request that is sent again means the same job.

The header is ours at this route; its meaning is that of the IETF's draft
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/) and of other APIs: the same key
with the same request gets the same answer, the same key with another request is an error (422).
"""

import hmac
from collections.abc import Sequence

import msgspec
from starlette.requests import HTTPConnection

from ringback.errors import Refusal
from ringback.jobs.job import IdempotencyKey

LONGEST_KEY = 255


def idempotency_key_of(request: HTTPConnection) -> str | None:
    """The caller's key; raises `Refusal` (400) for one that cannot be stored."""
    key: str | None = request.headers.get("idempotency-key")
    if key is None:
        return None
    key = key.strip()
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Refusal(
            400, "INVALID_HEADER", f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters."
        )
    return key


def with_fingerprint(
    key: str, query: Sequence[tuple[str, str]], content: str, secret: bytes
) -> IdempotencyKey:
    """The key with a fingerprint of the whole request: the parameters in any order, and the upload's hash or
    the URL. It is keyed, because a query may have a password that could be guessed from a plain hash."""
    request = msgspec.json.encode([sorted(query), content])
    return IdempotencyKey(key, hmac.digest(secret, request, "sha256"))


def key_reused() -> Refusal:
    return Refusal(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "This Idempotency-Key came with another request before. Use a fresh one for each request.",
    )
