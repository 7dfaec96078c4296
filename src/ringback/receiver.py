"""The receiver's side of callbacks: verify what came, and read it. docs/receivers.md shows it at work.

verifier = CallbackVerifier("whsec_…")
match verifier.open(headers, body):
    case TranscriptCallback() as done: ...
    case ReadCallback() as understood: ...
    case FailureCallback() as failed: ...
    case LinkCallback() as link: ...
    case MessageCallback() as message: ...
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from ringback.callbacks.delivery import Thin
from ringback.callbacks.signing import NotAKey, Verifier
from ringback.listen.read_results import ReadDocument
from ringback.listen.results import ErrorDocument, ResultDocument

__all__ = [
    "Callback",
    "CallbackRefused",
    "CallbackVerifier",
    "FailureCallback",
    "LinkCallback",
    "MessageCallback",
    "NotAKey",
    "ReadCallback",
    "TranscriptCallback",
]


class CallbackRefused(ValueError):
    """The callback must not be believed, or cannot be read; the message says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        """To answer with: 401 where no signature fits, 400 where the document cannot be read. Both are sent
        again on the usual schedule, so that a receiver with a wrong secret loses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFacts:
    """What the headers of every callback say."""

    request_id: str
    webhook_id: str
    """Of the delivery, the same over all attempts: drop what you have handled."""
    attempt: int
    """1 for the first."""
    status: int
    """The HTTP status that a waiting caller would have got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptCallback(CallbackFacts):
    """A recording was transcribed."""

    document: ResultDocument

    @property
    def texts(self) -> list[str]:
        """The transcript of each channel."""
        return [channel.alternatives[0].transcript for channel in self.document.results.channels]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCallback(CallbackFacts):
    """A text was read (`POST /v1/read`)."""

    document: ReadDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCallback(CallbackFacts):
    """There is no result."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCallback(CallbackFacts):
    """The document was too large for this receiver (it answered 413): fetch it with the API key."""

    url: str
    """A path where the server's `public_url` is not set."""
    size: int
    """Bytes of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCallback(CallbackFacts):
    """One message of a live stream, as docs/live.md describes it."""

    message: dict[str, Any]
    number: int
    """From 1; the messages of one stream come in their order."""


Callback: TypeAlias = TranscriptCallback | ReadCallback | FailureCallback | LinkCallback | MessageCallback


class CallbackVerifier:
    """Verifies callbacks by the signing secret of the key that asks, or by the server's public key."""

    def __init__(
        self,
        *signing_secrets: str,
        public_keys: Sequence[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """Of `whsec_…` and `whpk_…` texts, several while one replaces another; `NotAKey` for any other text,
        and for none at all. `now`: Unix seconds."""
        if not signing_secrets and not public_keys:
            raise NotAKey("give a signing secret (whsec_…) or a public key (whpk_…)")
        self._verifier = Verifier.of(signing_secrets, public_keys)
        self._now = now

    def open(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """The callback in its type; raises `CallbackRefused`. `body`: the bytes as they came, not parsed."""
        lowered = {name.lower(): value for name, value in headers.items()}
        fault = self._verifier.fault(lowered, body, self._now())
        if fault is not None:
            raise CallbackRefused(401, fault)
        try:
            return _read(lowered, body)
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            raise CallbackRefused(400, f"this is no callback of Ringback: {error}") from None


def _read(headers: Mapping[str, str], body: bytes) -> Callback:
    facts: dict[str, Any] = {
        "request_id": headers["dg-request-id"],
        "webhook_id": headers["webhook-id"],
        "attempt": int(headers["ringback-attempt"]),
        "status": int(headers["ringback-status"]),
    }
    if "ringback-sequence" in headers:
        message = msgspec.json.decode(body, type=dict[str, Any])
        return MessageCallback(**facts, message=message, number=int(headers["ringback-sequence"]))
    if "result_url" in msgspec.json.decode(body, type=dict[str, msgspec.Raw]):
        link = msgspec.json.decode(body, type=Thin)
        return LinkCallback(**facts, url=link.result_url, size=link.bytes)
    if facts["status"] >= 400:
        error = msgspec.json.decode(body, type=ErrorDocument)
        return FailureCallback(**facts, code=error.err_code, message=error.err_msg)
    found = msgspec.json.decode(body, type=_AnyResult)
    if "channels" not in found.results:
        return ReadCallback(**facts, document=msgspec.json.decode(body, type=ReadDocument))
    return TranscriptCallback(**facts, document=msgspec.json.decode(body, type=ResultDocument))


class _AnyResult(msgspec.Struct):
    results: dict[str, msgspec.Raw]
