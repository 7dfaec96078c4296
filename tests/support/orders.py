"""Jobs of requests, from orders whose callback is written in clear."""

from msgspec import structs

from ringback.egress.target import read_target
from ringback.jobs.job import JobId, NewJob
from ringback.sealing import Seal
from ringback.transcription.request import TranscriptionOrder, order_job


def job_of(
    order: TranscriptionOrder, request_id: JobId, seal: Seal, *, project: str, accessor: str | None
) -> NewJob:
    callback = None if order.callback is None else read_target(order.callback)
    order = structs.replace(order, callback=None)
    return order_job(order, request_id, seal, callback=callback, project=project, accessor=accessor)
