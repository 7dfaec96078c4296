"""The audio behind a `{"url": …}` body, and Deepgram's words for when it does not come.

https://developers.deepgram.com/docs/errors, REMOTE_CONTENT_ERROR.
"""

from collections.abc import AsyncIterator
from typing import assert_never

from ringback.egress.answers import Blocked, FetchFailed, FetchLimits, FetchReason, Unresolvable
from ringback.egress.door import Door
from ringback.egress.policy import Policy
from ringback.egress.target import Target, TargetError, parse_target
from ringback.errors import Refusal


class RemoteContent:
    """Audio by URL: from any port, wherever the address policy allows."""

    def __init__(self, door: Door, policy: Policy, limits: FetchLimits) -> None:
        self._door = door
        self._policy = policy
        self._limits = limits

    async def check(self, url: str) -> str:
        """Judge a URL at submit, without connecting: how it is to be stored. Raises `Refusal`."""
        target = self._target(url)
        try:
            await self._door.check(target)
        except Blocked as blocked:
            raise remote_content_refusal(FetchReason.BLOCKED, str(blocked.strerror)) from None
        except Unresolvable as unresolvable:
            raise remote_content_refusal(FetchReason.UNRESOLVABLE, str(unresolvable)) from None
        return target.with_login

    async def chunks(self, url: str) -> AsyncIterator[bytes]:
        """The bytes behind `url`, as they come. Raises `Refusal`; the size is for the consumer to bound."""
        target = self._target(url)
        try:
            async with self._door.fetch(target, self._limits) as fetched:
                async for chunk in fetched.chunks:
                    yield chunk
        except FetchFailed as failed:
            raise remote_content_refusal(failed.reason, failed.detail) from None

    def _target(self, url: str) -> Target:
        try:
            return parse_target(url, self._policy, ports=False)
        except TargetError as error:
            raise remote_content_refusal(FetchReason.BAD_URL, str(error)) from None


def remote_content_refusal(reason: FetchReason, detail: str) -> Refusal:
    """The whole answer to a request whose `url` yields no audio; Deepgram's text comes first."""
    text = _text(reason, detail)
    if reason is not FetchReason.CLIENT_ERROR:
        text = f"{text} ({detail})"
    return Refusal(400, "REMOTE_CONTENT_ERROR", text)


def _text(reason: FetchReason, detail: str) -> str:
    match reason:
        case FetchReason.BAD_URL:
            return "Could not parse URL as URI."
        case FetchReason.BLOCKED:
            return "URL for media download must be publicly routable."
        case FetchReason.CLIENT_ERROR:
            return f"The remote server hosting the media returned a client error: {detail}."
        case FetchReason.UNRESOLVABLE | FetchReason.NO_DATA:
            return "The remote server hosting the media failed to return valid data."
        case FetchReason.TOO_MANY_REDIRECTS:
            return "The remote server hosting the media sent too many redirects."
        case FetchReason.BAD_LOCATION:
            return "The remote server hosting the media sent a redirect with a bad `location` header."
        case _:
            assert_never(reason)
