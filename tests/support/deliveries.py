"""What tests of single deliveries share."""

from ringback.jobs.job import Attempt, JobId


async def nothing_recorded(_: JobId) -> list[Attempt]:
    """`Deliverer`'s port to the ledger, for a delivery that nobody has recorded an attempt of."""
    return []
