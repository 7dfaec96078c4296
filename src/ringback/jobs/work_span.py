"""The span of an attempt at a job, and of the time that the job has waited for it."""

from contextlib import AbstractContextManager

from ringback.jobs.job import Interrupted, Job, Outcome
from ringback.telemetry import tracing
from ringback.telemetry.trace_context import TraceContext
from ringback.telemetry.tracing import SpanKind, TraceSpan


def work_span(
    name: str, kind: SpanKind, job: Job, trace: TraceContext | None, started_at: float
) -> AbstractContextManager[TraceSpan]:
    """A span around an attempt that began at `started_at` (Unix seconds). `trace`: of the job's request."""
    if not tracing.is_recording():
        return tracing.span(name, kind, trace)
    facts: dict[str, tracing.Fact] = {
        "ringback.request_id": job.parent or job.id,
        "ringback.project": job.project,
        "ringback.job_kind": job.kind,
    }
    if job.tries:
        facts["ringback.tries"] = job.tries
    elif not job.losses:
        tracing.past_span("queue", trace, job.created_at, started_at, facts)
    return tracing.span(name, kind, trace, at=started_at, facts=facts)


def add_outcome(span: TraceSpan, outcome: Outcome) -> None:
    """What came of it."""
    if isinstance(outcome, Interrupted):
        span.add({"ringback.outcome": "interrupted"})
    elif outcome.attempt is not None:
        span.add({"ringback.outcome": outcome.attempt.outcome})
