"""What a failed attempt says of the receiver, and where the time of any attempt went."""

import os
import ssl

from ringback.egress.answers import (
    OUR_TROUBLES,
    Blocked,
    LookupsBusy,
    NoAnswer,
    Phases,
    Silence,
    Unresolvable,
)
from ringback.egress.connection import Lost, NotHttp
from ringback.egress.dial import ConnectTimeout, Dial


def no_answer(error: Exception, dial: Dial, now: float, seconds: float) -> NoAnswer:
    reason, detail = _reason(error, dial, seconds)
    return NoAnswer(reason, detail, phases(dial, None, now), dial.address)


def _reason(error: Exception, dial: Dial, seconds: float) -> tuple[Silence, str]:  # noqa: C901, PLR0911 - a table
    """What happened, in our words."""
    match error:
        case Blocked():
            return Silence.BLOCKED, str(error.refused)
        case LookupsBusy():
            return Silence.OURS, f"not tried: {error}"
        case Unresolvable():
            return Silence.DNS, str(error)
        case ConnectTimeout():
            return Silence.TIMEOUT, f"no connection within {dial.connect_seconds:g} s"
        case TimeoutError() if error.errno is None:
            return Silence.TIMEOUT, f"no answer within {seconds:.3g} s"
        case Lost():
            return Silence.RESET, "the connection was closed before an answer came"
        case NotHttp():
            return Silence.PROTOCOL, str(error)
        case ssl.SSLCertVerificationError():
            return Silence.TLS, f"the certificate was not accepted: {_certificate_fault(error)}"
        case OSError() if error.errno in OUR_TROUBLES:
            return Silence.OURS, f"not tried: {os.strerror(error.errno).lower()} on this machine"
        case OSError() if dial.securing is not None:
            return Silence.TLS, "the TLS handshake failed"
        case OSError():
            return Silence.CONNECT, f"no connection: {_system_fault(error)}"
        case _:
            raise error


def _system_fault(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "it failed"


def _certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    return getattr(error, "verify_message", None) or "it could not be verified"


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
