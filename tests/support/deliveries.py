"""What tests of single deliveries share."""

import time

from ringback.callbacks.signing import Signer, new_private_key, new_signing_secret
from ringback.jobs.job import Attempt, JobId

SECRET = new_signing_secret()
_SIGNER = Signer([SECRET], [new_private_key()])


async def sign(_key_id: str | None, webhook_id: str, body: bytes) -> dict[str, str]:
    """`Deliverer`'s port to what callbacks are signed with: `SECRET`, for every key."""
    return _SIGNER.headers(webhook_id, time.time(), body)


async def nothing_recorded(_: JobId, __: int) -> list[Attempt]:
    """`Deliverer`'s port to the ledger, for a delivery without recorded attempts."""
    return []
