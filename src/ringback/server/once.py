"""`Idempotency-Key`: a request that is sent again means the same job.

The header is ours at this route; its meaning is that of the IETF's draft
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/) and of those who had it before:
the same word and the same request give the same answer, the same word for another request is a mistake (422).
"""

import hmac
from collections.abc import Sequence

import msgspec
from starlette.requests import HTTPConnection

from ringback.errors import Refusal
from ringback.jobs.job import Once

LONGEST_WORD = 255


def word_of(request: HTTPConnection) -> str | None:
    """The caller's word; raises `Refusal` (400) for one that cannot be kept."""
    word: str | None = request.headers.get("idempotency-key")
    if word is None:
        return None
    word = word.strip()
    if not word or len(word) > LONGEST_WORD or not (word.isascii() and word.isprintable()):
        raise Refusal(
            400, "INVALID_HEADER", f"Idempotency-Key must be 1 to {LONGEST_WORD} printable ASCII characters."
        )
    return word


def once(word: str, query: Sequence[tuple[str, str]], audio: str, secret: bytes) -> Once:
    """The word with a fingerprint of all that was asked: the parameters in any order, and the audio's hash or
    URL. Keyed, because a query may hold a password that could be guessed from a plain hash."""
    wish = msgspec.json.encode([sorted(query), audio])
    return Once(word, hmac.digest(secret, wish, "sha256"))


def reused() -> Refusal:
    return Refusal(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "This Idempotency-Key came with another request before. Use a fresh one for each request.",
    )
