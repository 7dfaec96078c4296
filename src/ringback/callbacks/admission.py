"""Checks a `callback` URL when a request is submitted; refusals are worded as Deepgram's.

https://developers.deepgram.com/docs/callback and https://developers.deepgram.com/docs/errors: a URL that
cannot be delivered to is refused before the request is accepted, with the fix after Deepgram's own text.
"""

from collections.abc import Collection

from ringback.callbacks.catcher import is_catcher
from ringback.egress.client import EgressClient
from ringback.egress.names import OPERATOR, Requester
from ringback.egress.policy import Policy
from ringback.egress.responses import Blocked, Unresolvable
from ringback.egress.socket import LIVE
from ringback.egress.target import HTTP, BadUrl, Target, TargetError, parse_target
from ringback.errors import Refusal


class Admission:
    """Decides whether a callback URL may be used, by its form, the address policy and a look-up of its
    host."""

    def __init__(self, egress: EgressClient, policy: Policy) -> None:
        self._egress = egress
        self._policy = policy

    async def admit(self, url: str, requester: Requester = OPERATOR) -> Target:
        """The URL, parsed. Raises `Refusal`."""
        return await self._admit(url, HTTP, requester)

    async def admit_live(self, url: str, requester: Requester = OPERATOR) -> Target:
        """The same for a live stream, whose callback may also be a WebSocket."""
        return await self._admit(url, LIVE, requester)

    async def _admit(self, url: str, schemes: Collection[str], requester: Requester) -> Target:
        try:
            target = parse_target(url, self._policy, ports=True, schemes=schemes)
        except TargetError as error:
            raise _unusable(error) from None
        if is_catcher(target):
            return target
        try:
            await self._egress.check_address(target, requester)
        except Blocked as blocked:
            raise _invalid(str(blocked.strerror), "the address policy forbids its host") from None
        except Unresolvable:
            raise Refusal(400, "Bad Request", "Failed to resolve callback.", parameter="callback") from None
        except OSError:
            # This machine has no resources for a look-up at the moment: the URL may be good.
            raise Refusal(503, "Service Unavailable", "Please try again later") from None
        return target


def _unusable(error: TargetError) -> Refusal:
    if error.reason is BadUrl.NO_SCHEME:
        return Refusal(400, "Bad Request", "Invalid query string.", parameter="callback")
    hint = str(error)
    if error.reason is BadUrl.PORT:
        hint = f"{hint}; the operator can set RINGBACK_CALLBACK_PORTS"
    return _invalid(hint, f"its {error.reason} cannot be used")


def _invalid(hint: str, reason: str) -> Refusal:
    message = f"Invalid callback url. ({hint})"
    return Refusal(400, "INVALID_QUERY_PARAMETER", message, reason=reason, parameter="callback")
