"""The audio behind a `{"url": …}`: judged when the request comes in, fetched when its turn comes.

https://developers.deepgram.com/docs/errors has the refusals (`REMOTE_CONTENT_ERROR`).
"""

from collections.abc import AsyncIterator

from ringback.egress.answers import Blocked, FetchFailed, FetchLimits, FetchReason
from ringback.egress.door import Door
from ringback.egress.policy import Policy
from ringback.egress.remote_content import refusal_of, remote_content_refusal
from ringback.egress.target import Target, TargetError, parse_target


class RemoteAudio:
    """The way to callers' audio URLs, with failures in Deepgram's words."""

    def __init__(self, door: Door, policy: Policy, limits: FetchLimits) -> None:
        self._door = door
        self._policy = policy
        self._limits = limits

    async def judge(self, url: str) -> str:
        """The URL as it is to be stored; `Refusal` if its form or, for an address, its place is bad.

        A name is resolved and judged when it is fetched, so that a slow resolver delays the job and not
        the answer.
        """
        target = self._read(url)
        if target.is_address:
            try:
                await self._door.check(target)
            except Blocked as blocked:
                raise remote_content_refusal(FetchReason.BLOCKED, str(blocked.refused)) from None
        return target.with_login

    async def chunks(self, url: str) -> AsyncIterator[bytes]:
        """The audio's bytes; `Refusal` whenever they do not come."""
        try:
            async with self._door.fetch(self._read(url), self._limits) as fetched:
                async for chunk in fetched.chunks:
                    yield chunk
        except FetchFailed as failed:
            raise refusal_of(failed) from None

    def _read(self, url: str) -> Target:
        try:
            return parse_target(url, self._policy, ports=False)
        except TargetError as error:
            raise remote_content_refusal(FetchReason.BAD_URL, str(error)) from None
