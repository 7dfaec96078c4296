"""The errors that several packages know, named by who must act.

RingbackError
├── Refusal            the caller: the request, the audio or the URL must change
├── Misconfigured      the operator: a setting, a file or a port must change (says the fix)
└── EngineFailure      the operator, by the log: the request is answered with a 500

A receiver that answers 500 is not in this tree: that is a value (`callbacks.delivery`), not an exception.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no transcript, in Deepgram's words.

    The same value answers a waiting caller, is stored, and is delivered to a callback
    (https://developers.deepgram.com/docs/errors).
    """

    status: int
    err_code: str
    err_msg: str
    retry_after: int | None = None
    """Seconds after which it is worth trying again; None: what is usual for the status."""
    reason: str = ""
    """The log's reason, in words of ours; empty: `err_msg` is the reason, and has no text of a caller."""
    parameter: str | None = None
    """The query parameter that is at fault, by its name."""
    details: str = ""
    """What to do about it, where the management routes can say more than `err_code` does."""

    @property
    def log_reason(self) -> str:
        """Why, without a byte of the caller's."""
        return self.reason or self.err_msg


class RingbackError(Exception):
    """Whatever Ringback raises on purpose."""


class Refusal(RingbackError):
    """The request cannot be served as it stands; `failure` is the whole answer."""

    def __init__(
        self,
        status: int,
        err_code: str,
        err_msg: str,
        *,
        retry_after: int | None = None,
        reason: str = "",
        parameter: str | None = None,
    ) -> None:
        """`reason`: for the log, where `err_msg` quotes what the caller sent."""
        super().__init__(err_msg)
        self.failure = Failure(status, err_code, err_msg, retry_after, reason, parameter)


class Misconfigured(RingbackError):
    """The operator must change something; the message says what, and how."""


class EngineFailure(RingbackError):
    """The recogniser failed on this piece of speech and trying again did not help."""
