"""The worker that reads texts (`POST /v1/read`), in the role `transcribe`."""

from collections.abc import Callable

from ringback.bootstrap.context import ProcessContext
from ringback.jobs.worker import Worker
from ringback.transcription.fetch import Fetching
from ringback.transcription.read import TextReader
from ringback.transcription.request import READ

TEXTS_AT_ONCE = 64
TEXTS_PER_KEY = 16
"""They wait for the language model, which has a limit of its own (`llm.concurrency`)."""

LEASE_SECONDS = 30.0


def text_worker(context: ProcessContext, fetching: Fetching, may_claim: Callable[[], bool]) -> Worker:
    """It needs no engine, so it does not wait for one."""
    reader = TextReader(
        store=context.ledger,
        fetching=fetching,
        blobs=context.blobs,
        clock=context.clock,
        understanding=context.understanding,
    )
    return Worker(
        READ,
        context.ledger,
        reader,
        concurrency=TEXTS_AT_ONCE,
        lease_seconds=LEASE_SECONDS,
        clock=context.clock,
        per_key=TEXTS_PER_KEY,
        activity=context.activities[READ],
        may_claim=may_claim,
    )
