"""What a failed attempt says of the receiver, and where the time of any attempt went."""

import os

from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientConnectorSSLError

from ringback.egress.answers import OUR_TROUBLES, POLICY_ERRNO, NoAnswer, Phases, Silence, Unresolvable
from ringback.egress.connector import Dial


class Lost(Exception):
    """The connection went before an answer came."""


def no_answer(error: Exception, dial: Dial, now: float, seconds: float) -> NoAnswer:
    reason, detail = _reason(error, dial, seconds)
    return NoAnswer(reason, detail, phases(dial, None, now), dial.address)


def _reason(error: Exception, dial: Dial, seconds: float) -> tuple[Silence, str]:  # noqa: PLR0911 - a table
    """What happened, in our words: the library's texts may hold the URL."""
    if dial.refused is not None:
        return Silence.BLOCKED, str(dial.refused)
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno == POLICY_ERRNO:
        return Silence.BLOCKED, str(cause.strerror)
    trouble = dial.trouble or cause
    if isinstance(trouble, OSError) and trouble.errno in OUR_TROUBLES:
        return Silence.OURS, f"not tried: {os.strerror(trouble.errno).lower()} on this machine"
    if isinstance(cause, Unresolvable):
        return Silence.DNS, str(cause)
    if isinstance(cause, TimeoutError):
        return Silence.TIMEOUT, _limit_passed(dial, seconds)
    if isinstance(cause, Lost):
        return Silence.RESET, "the connection was closed before an answer came"
    if isinstance(error, ClientConnectorCertificateError):
        return Silence.TLS, f"the certificate was not accepted: {_certificate_fault(error)}"
    if isinstance(error, ClientConnectorSSLError) or (dial.securing is not None and dial.connected is None):
        return Silence.TLS, "the TLS handshake failed"
    if isinstance(error, ClientConnectorError):
        return Silence.CONNECT, f"no connection: {_system_fault(error.os_error)}"
    return Silence.PROTOCOL, "the answer was not HTTP that can be read"


def _limit_passed(dial: Dial, seconds: float) -> str:
    if dial.connected is None and dial.limit is not None and dial.limit.expired():
        return f"no connection within {dial.connect_seconds:g} s"
    return f"no answer within {seconds:.3g} s"


def _system_fault(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "it failed"


def _certificate_fault(error: ClientConnectorCertificateError) -> str:
    return getattr(error.certificate_error, "verify_message", None) or "it could not be verified"


def phases(dial: Dial, answered: float | None, now: float) -> Phases:
    def between(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else round(end - start, 6)

    return Phases(
        dns=between(dial.resolving, dial.connecting),
        connect=between(dial.connecting, dial.securing or dial.connected),
        tls=between(dial.securing, dial.connected),
        first_byte=between(dial.connected, answered),
        total=round(now - dial.began, 6),
        sent=between(dial.connected, dial.sent),
    )
