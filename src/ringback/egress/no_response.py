"""What a failed attempt says of the receiver, and where the time of any attempt went."""

import os
import ssl

from ringback.egress.connection import ConnectionBroken, NotHttp
from ringback.egress.dial import ConnectTimeout, Dial
from ringback.egress.responses import (
    LOCAL_ERRNOS,
    Blocked,
    LookupsBusy,
    NoResponse,
    NoResponseReason,
    Phases,
    Unresolvable,
)


def no_response(error: Exception, dial: Dial, now: float, seconds: float) -> NoResponse:
    reason, detail = _reason(error, dial, seconds)
    return NoResponse(reason, detail, phases(dial, None, now), dial.address)


def _reason(error: Exception, dial: Dial, seconds: float) -> tuple[NoResponseReason, str]:  # noqa: C901, PLR0911 - a table
    """The reason, and a sentence for the record."""
    match error:
        case Blocked():
            return NoResponseReason.BLOCKED, str(error.refused)
        case LookupsBusy():
            return NoResponseReason.OURS, f"not tried: {error}"
        case Unresolvable():
            return NoResponseReason.DNS, str(error)
        case ConnectTimeout():
            return NoResponseReason.TIMEOUT, f"no connection within {dial.connect_seconds:g} s"
        case TimeoutError() if error.errno is None:
            return NoResponseReason.TIMEOUT, f"no answer within {seconds:.3g} s"
        case ConnectionBroken():
            return NoResponseReason.RESET, "the connection was closed before an answer came"
        case NotHttp():
            return NoResponseReason.PROTOCOL, str(error)
        case ssl.SSLCertVerificationError():
            return NoResponseReason.TLS, f"the certificate was not accepted: {_certificate_error(error)}"
        case OSError() if error.errno in LOCAL_ERRNOS:
            return NoResponseReason.OURS, f"not tried: {os.strerror(error.errno).lower()} on this machine"
        case OSError() if dial.securing is not None:
            return NoResponseReason.TLS, "the TLS handshake failed"
        case OSError():
            return NoResponseReason.CONNECT, f"no connection: {_system_error(error)}"
        case _:
            raise error


def _system_error(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "it failed"


def _certificate_error(error: ssl.SSLCertVerificationError) -> str:
    return getattr(error, "verify_message", None) or "it could not be verified"


def phases(dial: Dial, answered: float | None, now: float) -> Phases:
    return Phases(
        dns=_between(dial.resolving, dial.connecting),
        connect=_between(dial.connecting, dial.securing or dial.connected),
        tls=_between(dial.securing, dial.connected),
        first_byte=_between(dial.connected, answered),
        total=round(now - dial.began, 6),
        sent=_between(dial.connected, dial.sent),
    )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 6)
