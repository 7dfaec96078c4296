"""What tests of single deliveries share."""

import time
import uuid

from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, order_job
from ringback.callbacks.signing import Signer, new_private_key, new_signing_secret
from ringback.jobs.job import Attempt, JobId, NewJob

SECRET = new_signing_secret()
_SIGNER = Signer([SECRET], [new_private_key()])


async def sign(_key_id: str | None, webhook_id: str, body: bytes) -> dict[str, str]:
    """`Deliverer`'s port to what callbacks are signed with: `SECRET`, for every key."""
    return _SIGNER.headers(webhook_id, time.time(), body)


async def nothing_recorded(_: JobId, __: int) -> list[Attempt]:
    """`Deliverer`'s port to the ledger, for a delivery without recorded attempts."""
    return []


def delivery(origin: str, project: str) -> NewJob:
    """A new delivery of an empty document to a receiver there."""
    order = DeliveryOrder(
        str(uuid.uuid4()),
        f"{origin}/hook",
        "POST",
        200,
        None,
        StoredDocument(inline="{}"),
        destination=origin,
    )
    return order_job(order, project=project, accessor="key-1")
