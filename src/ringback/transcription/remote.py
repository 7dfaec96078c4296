"""The audio behind a `{"url": …}`: judged when the request comes in, fetched when its turn comes.

https://developers.deepgram.com/docs/errors has the refusals (`REMOTE_CONTENT_ERROR`).
"""

from collections.abc import AsyncIterator

from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.names import OPERATOR, Requester
from ringback.egress.policy import Policy
from ringback.egress.remote_content import refusal_of, remote_content_refusal
from ringback.egress.responses import Blocked, FetchFailed, FetchLimits, FetchReason
from ringback.egress.retry_after import parse_retry_after
from ringback.egress.target import Target, TargetError, parse_target
from ringback.errors import Failure, Refusal


class AudioNotFetched(Refusal):
    """The audio did not come this time: trying again later may well help."""

    def __init__(self, failure: Failure, reason: str, retry_after: float | None) -> None:
        super().__init__(failure.status, failure.err_code, failure.err_msg)
        self.reason = reason
        """For logs and records; without path, query or credentials."""
        self.retry_after = retry_after
        """Seconds that the host asked us to wait, if it did."""


class RemoteAudio:
    """The way to callers' audio URLs, with failures in Deepgram's words."""

    def __init__(self, egress: EgressClient, policy: Policy, limits: FetchLimits, clock: Clock) -> None:
        self._egress = egress
        self._policy = policy
        self._limits = limits
        self._clock = clock

    async def judge(self, url: str) -> str:
        """The URL as it is to be stored; `Refusal` if its form or, for an address, its place is bad.

        A name is resolved and judged when it is fetched, so that a slow resolver delays the job and not
        the answer.
        """
        target = self._read(url)
        if target.is_address:
            try:
                await self._egress.check_address(target)
            except Blocked as blocked:
                raise remote_content_refusal(FetchReason.BLOCKED, str(blocked.refused)) from None
        return target.reveal_url()

    async def chunks(self, url: str, requester: Requester = OPERATOR) -> AsyncIterator[bytes]:
        """The audio's bytes. Raises `Refusal`, and `AudioNotFetched` where they may come later."""
        try:
            async with self._egress.fetch(self._read(url), self._limits, requester) as fetched:
                async for chunk in fetched.chunks:
                    yield chunk
        except FetchFailed as failed:
            refusal = refusal_of(failed)
            if not failed.temporary:
                raise refusal from None
            retry_after = parse_retry_after(failed.retry_after, self._clock.now())
            raise AudioNotFetched(refusal.failure, failed.detail, retry_after) from None

    def _read(self, url: str) -> Target:
        try:
            return parse_target(url, self._policy, ports=False)
        except TargetError as error:
            raise remote_content_refusal(FetchReason.BAD_URL, str(error)) from None
