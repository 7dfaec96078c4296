"""Testing a callback URL: one sample delivery, reported phase by phase, with a hint for what fails.

Every reaction of the receiver is a value, as with any delivery; nothing is stored, and nothing is retried.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias, assert_never

import msgspec

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, headers, text_of
from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.names import OPERATOR, Requester
from ringback.egress.policy import Policy
from ringback.egress.responses import (
    Blocked,
    Limits,
    NoResponse,
    NoResponseReason,
    Phases,
    ReceiverResponse,
    Unresolvable,
)
from ringback.egress.target import BadUrl, Target, TargetError, parse_target
from ringback.ids import new_id
from ringback.listen import results
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word

MAX_ANSWER_CHARACTERS = 2_000
"""Of the receiver's answer in the report."""

Sign: TypeAlias = Callable[[str, float, bytes], Mapping[str, str]]
"""`callbacks.signing.Signer.headers`: of a webhook id, the moment in Unix seconds and the body."""


class Phase(StrEnum):
    """The steps of a delivery, in their order."""

    URL = "url"
    DNS = "dns"
    POLICY = "policy"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    FIRST_BYTE = "first_byte"
    STATUS = "status"


class Step(msgspec.Struct, frozen=True):
    """The result of one phase."""

    phase: Phase
    ok: bool
    seconds: float | None
    """None for a phase without waiting."""
    said: str
    """The result as a sentence, without path, query or credentials."""


class Trial(msgspec.Struct, frozen=True):
    """The result of a sample delivery; the JSON of `POST /v1/callbacks/test`."""

    delivered: bool
    destination: str | None
    """`scheme://host:port`; None when the URL could not be read."""
    method: str
    steps: tuple[Step, ...]
    """Until the phase that failed, if one did."""
    failed: Phase | None = None
    hint: str | None = None
    """What to change."""
    status: int | None = None
    address: str | None = None
    """The address that was called."""
    answer: str | None = None
    """The beginning of the receiver's answer, when it is text."""
    request_id: str | None = None
    """`dg-request-id` of the sample, for the receiver's log; None if nothing was sent."""


async def trial(
    egress: EgressClient,
    policy: Policy,
    url: str,
    *,
    clock: Clock,
    limits: Limits,
    method: str = "POST",
    key_id: str | None = None,
    sign: Sign | None = None,
    requester: Requester = OPERATOR,
) -> Trial:
    """Send one sample to `url`, by `method` (`POST` or `PUT`), as a delivery of the key `key_id` would be.

    Raises `OSError` only if this machine has no descriptors, memory or look-ups left for it.
    """
    report = _TrialReport(method)
    try:
        target = parse_target(url, policy, ports=True)
    except TargetError as error:
        return report.bad_url(error)
    report.read(target)
    began = clock.monotonic()
    try:
        await egress.check_address(target, requester)
    except Blocked as blocked:
        return report.blocked(blocked, clock.monotonic() - began)
    except Unresolvable as error:
        return report.fail(Phase.DNS, clock.monotonic() - began, str(error), _HINTS[Phase.DNS])
    report.allowed(clock.monotonic() - began)

    request_id = new_id()
    body = sample(request_id, clock.now())
    sent_headers = _headers(target, request_id, body, method, key_id=key_id, sign=sign, now=clock.now())
    called = target if target.presigned is None else target.without_credentials
    answer = await egress.send_request(called, method, sent_headers, body, limits, requester=requester)
    if isinstance(answer, NoResponse) and answer.reason is NoResponseReason.OURS:
        raise OSError(answer.detail)
    report.sent(answer, request_id)
    return report.no_answer(answer) if isinstance(answer, NoResponse) else report.answer(answer)


def sample(request_id: str, now: float) -> bytes:
    """A small result document, in the form of a real one."""
    words = ["This", "is", "a", "test", "of", "your", "callback."]
    recognised = tuple(Word(word, 0.3 * place, 0.3 * place + 0.25, 1.0) for place, word in enumerate(words))
    metadata = results.ResultMetadata(request_id, sha256="0" * 64, created=now, models=())
    options = ListenOptions(punctuate=True, tag=("ringback-test",))
    transcript = Transcript(0.3 * len(words), (Channel(Alternative(recognised)),))
    return results.result_document(transcript, options, metadata)


def _headers(
    target: Target,
    request_id: str,
    body: bytes,
    method: str,
    *,
    key_id: str | None,
    sign: Sign | None,
    now: float,
) -> dict[str, str]:
    webhook_id = new_id()
    order = DeliveryOrder(request_id, "", method, 200, key_id, StoredDocument())
    sent_headers = headers(order, webhook_id, 1, target.presigned)
    if sign is not None and target.presigned is None:
        sent_headers |= sign(webhook_id, now, body)
    return sent_headers


class _TrialReport:
    """Records the steps."""

    def __init__(self, method: str) -> None:
        self._trial = Trial(delivered=False, destination=None, method=method, steps=())
        self._target: Target | None = None

    def read(self, target: Target) -> None:
        self._target = target
        self._trial = msgspec.structs.replace(self._trial, destination=target.origin)
        credentials = ", with credentials for Basic authorization" if target.credentials else ""
        self._done(Phase.URL, None, f"{target.origin}{credentials}")

    def bad_url(self, error: TargetError) -> Trial:
        if error.reason is BadUrl.PORT:
            hint = "choose another port, or have the operator set RINGBACK_CALLBACK_PORTS"
            return self.fail(Phase.POLICY, None, str(error), hint)
        return self.fail(Phase.URL, None, "the URL cannot be used", str(error))

    def blocked(self, blocked: Blocked, seconds: float) -> Trial:
        if blocked.refused.resolved:
            self._done(Phase.DNS, seconds, "it has an address")
        return self.fail(Phase.POLICY, None, *_rule_and_hint(str(blocked.refused)))

    def allowed(self, seconds: float) -> None:
        assert self._target is not None
        if not self._target.is_address:
            self._done(Phase.DNS, seconds, f"{self._target.host} has an address")
        self._done(Phase.POLICY, None, "this server may call it")

    def sent(self, answer: ReceiverResponse | NoResponse, request_id: str) -> None:
        """All phases that succeeded once the request was on its way."""
        assert self._target is not None
        self._trial = msgspec.structs.replace(self._trial, address=answer.address)
        phases = answer.phases
        failed = _failed_phase(answer, self._target) if isinstance(answer, NoResponse) else None
        if failed in {Phase.DNS, Phase.POLICY, Phase.CONNECT}:
            return
        way = "on a connection that was open already" if phases.connect is None else f"to {answer.address}"
        self._done(Phase.CONNECT, phases.connect, way)
        if failed is Phase.TLS:
            return
        if self._target.scheme == "https":
            self._done(Phase.TLS, phases.tls, "the certificate is good")
        if failed is Phase.SEND:
            return
        self._done(Phase.SEND, phases.sent, "the request was taken")
        self._trial = msgspec.structs.replace(self._trial, request_id=request_id)
        if failed is None:
            waited = None if phases.first_byte is None else phases.first_byte - (phases.sent or 0.0)
            self._done(Phase.FIRST_BYTE, waited, "it answered")

    def no_answer(self, answer: NoResponse) -> Trial:
        assert self._target is not None
        phase = _failed_phase(answer, self._target)
        if phase is Phase.POLICY:
            return self.fail(phase, None, *_rule_and_hint(answer.detail))
        return self.fail(phase, None, answer.detail, _hint_for_silence(phase, answer.reason))

    def answer(self, answer: ReceiverResponse) -> Trial:
        text = (text_of(answer.body) or "")[:MAX_ANSWER_CHARACTERS] or None
        self._trial = msgspec.structs.replace(self._trial, status=answer.status, answer=text)
        hint = _hint_for_status(answer.status, self._trial.method)
        if hint is not None:
            return self.fail(Phase.STATUS, None, f"it answered {answer.status}", hint)
        self._done(Phase.STATUS, None, f"it answered {answer.status}")
        return msgspec.structs.replace(self._trial, delivered=True)

    def fail(self, phase: Phase, seconds: float | None, said: str, hint: str) -> Trial:
        self._note(phase, False, seconds, said)
        return msgspec.structs.replace(self._trial, failed=phase, hint=hint)

    def _done(self, phase: Phase, seconds: float | None, said: str) -> None:
        self._note(phase, True, seconds, said)

    def _note(self, phase: Phase, ok: bool, seconds: float | None, said: str) -> None:
        step = Step(phase, ok, None if seconds is None else round(seconds, 6), said)
        self._trial = msgspec.structs.replace(self._trial, steps=(*self._trial.steps, step))


def _failed_phase(answer: NoResponse, target: Target) -> Phase:
    match answer.reason:
        case NoResponseReason.DNS:
            return Phase.DNS
        case NoResponseReason.BLOCKED:
            return Phase.POLICY
        case NoResponseReason.CONNECT:
            return Phase.CONNECT
        case NoResponseReason.TLS:
            return Phase.TLS
        case NoResponseReason.TIMEOUT | NoResponseReason.RESET:
            return _phase_in_work(answer.phases, target)
        case NoResponseReason.PROTOCOL:
            return Phase.STATUS
        case NoResponseReason.OURS:
            raise AssertionError("nothing was tried")
        case _:
            assert_never(answer.reason)


def _phase_in_work(phases: Phases, target: Target) -> Phase:
    """The phase in which the time limit passed, or the connection was lost."""
    if phases.sent is not None:
        return Phase.FIRST_BYTE
    if phases.connect is None:
        return Phase.CONNECT
    return Phase.TLS if target.scheme == "https" and phases.tls is None else Phase.SEND


def _rule_and_hint(refusal: str) -> tuple[str, str]:
    """The policy's message names the rule, and then the setting."""
    rule, _, hint = refusal.partition("; ")
    return rule, hint


def _hint_for_silence(phase: Phase, reason: NoResponseReason) -> str:
    """A time limit is named where it has passed."""
    if reason is NoResponseReason.TIMEOUT and phase in _LIMITS:
        return f"{_HINTS[phase]}; {_LIMITS[phase]} is the limit"
    if reason is NoResponseReason.RESET and phase is Phase.FIRST_BYTE:
        return "the receiver ended the connection without an answer: its log may say why"
    return _HINTS[phase]


_LIMITS = {
    Phase.CONNECT: "RINGBACK_CALLBACK_CONNECT_TIMEOUT",
    Phase.FIRST_BYTE: "RINGBACK_CALLBACK_TIMEOUT",
}
_HINTS = {
    Phase.DNS: "check the host's spelling, and that the server's machine can resolve it",
    Phase.CONNECT: "is the receiver running, and does every firewall between let the server through?",
    Phase.TLS: "the certificate must be valid now, name this host, and come from an authority in the store "
    "of this server's machine (or in SSL_CERT_FILE)",
    Phase.SEND: "the receiver accepts connections and takes no bytes: let it read the request's body",
    Phase.FIRST_BYTE: "let the receiver answer 200 first and work later",
    Phase.STATUS: "something else than an HTTP server listens there: check the scheme and the port",
}


def _hint_for_status(status: int, method: str) -> str | None:
    """None for success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return "callbacks follow no redirects: give the URL that it leads to"
    if status >= 500:
        return "the receiver failed: its log has more, under the sample's request_id"
    return _STATUS_HINTS.get(status, "the receiver refuses it: its answer or its log may say why").format(
        method=method
    )


_STATUS_HINTS = {
    401: "put credentials into the URL (https://user:password@host/path), "
    "or let the receiver take it without",
    403: "put credentials into the URL, or let the receiver take it without; "
    "a presigned URL may have expired, or be signed for another method or content type",
    404: "check the URL's path",
    405: "it does not take {method}: choose the other `callback_method`",
    410: "the receiver wants no more of it: give another URL (a 410 parks a delivery at once)",
    413: "raise the receiver's body limit: transcripts are larger than this sample",
    415: "let the receiver take application/json",
}
