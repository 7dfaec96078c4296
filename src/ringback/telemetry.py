"""What the operator sees: structured events and Prometheus metrics. No decisions are made here.

One canonical event per unit of work (request, attempt, engine start …) with all its facts. Never in an
event or a label: audio, words, API keys, credentials, the path or query of a caller's URL.
"""

import logging
import sys
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "ringback_requests_total", "Answers to /v1/listen, by method and status.", ["method", "status"],
    registry=REGISTRY,
)  # fmt: skip
JOBS = Gauge("ringback_jobs", "Live jobs, by kind and state.", ["kind", "state"], registry=REGISTRY)
OLDEST_DUE = Gauge(
    "ringback_oldest_due_seconds", "Age of the oldest job that is due and not running, by kind.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip
ATTEMPTS = Counter(
    "ringback_delivery_attempts_total", "Callback attempts, by outcome.", ["outcome"], registry=REGISTRY
)
LATE_WRITES = Counter(
    "ringback_late_writes_total", "Results refused because the lease had been lost, by kind.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip
AUDIO_SECONDS = Counter("ringback_audio_seconds_total", "Audio transcribed.", registry=REGISTRY)
REAL_TIME_FACTOR = Histogram(
    "ringback_real_time_factor", "Seconds of audio per second of waiting and work, per recording.",
    buckets=(0.5, 1, 2, 5, 10, 20, 50, 100, 200), registry=REGISTRY,
)  # fmt: skip
ENGINE_RESTARTS = Counter(
    "ringback_engine_restarts_total", "Engine processes replaced after a crash or a hang.", registry=REGISTRY
)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


def event(name: str, **facts: Any) -> None:
    """Log one event. Facts are plain values; `None` ones are left out."""
    _log.info(name, **{key: value for key, value in facts.items() if value is not None})


def problem(name: str, **facts: Any) -> None:
    """Log what an operator should look at."""
    _log.warning(name, **{key: value for key, value in facts.items() if value is not None})


def configure(level: str, form: str) -> None:
    """`form` is `json`, `text` or `auto` (text on a terminal); logs go to standard error."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


_log = structlog.get_logger("ringback")
