"""Every metric, for Prometheus (https://prometheus.io/docs/practices/naming/). No decisions are made here.

No label holds a key, a project or a URL, and none takes values that a caller can invent.
"""

import platform
from collections.abc import Mapping
from typing import cast

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

# A time series of its own for the moment at which each counter was first seen: nothing asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

BUILD = Gauge(
    "ringback_build_info", "1; the labels say what runs.", ["version", "python", "model"], registry=REGISTRY
)

# Requests.

REQUESTS = Counter(
    "ringback_requests_total", "Answers to /v1/listen and /v1/read, by endpoint, method and status.",
    ["endpoint", "method", "status"], registry=REGISTRY,
)  # fmt: skip
HTTP_SECONDS = Histogram(
    "ringback_http_request_seconds", "From a request's head to its answer's end, by route and status.",
    ["route", "status"], buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600), registry=REGISTRY,
)  # fmt: skip
AUTH_FAILURES = Counter(
    "ringback_auth_failures_total", "Requests and handshakes with credentials that are not valid, by reason.",
    ["reason"], registry=REGISTRY,
)  # fmt: skip
CONNECTIONS_REFUSED = Counter(
    "ringback_connections_refused_total",
    "Connections refused below the routes, by reason: `full`, `address`, `unread`, or the answer's status.",
    ["reason"], registry=REGISTRY,
)  # fmt: skip

# The queue.

JOBS = Gauge(
    "ringback_jobs", "Jobs that wait, run or are parked, by kind.", ["kind", "state"], registry=REGISTRY
)
JOBS_ENDED = Counter(
    "ringback_jobs_ended_total", "Jobs that this process has ended, by kind and end.", ["kind", "end"],
    registry=REGISTRY,
)  # fmt: skip
OLDEST_DUE = Gauge(
    "ringback_oldest_due_seconds", "Age of the oldest job that is due and not running, by kind.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip
OLDEST_READY = Gauge(
    "ringback_oldest_ready_seconds", "Since when a worker could have taken up a job and did not, by kind.",
    ["kind"], registry=REGISTRY,
)  # fmt: skip
LATE_WRITES = Counter(
    "ringback_late_writes_total", "Results refused because the lease had been lost, by kind.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip

# Callbacks.

ATTEMPTS = Counter(
    "ringback_delivery_attempts_total", "Callback attempts, by outcome.", ["outcome"], registry=REGISTRY
)
DESTINATIONS = Gauge(
    "ringback_destinations", "Destinations of callbacks, by how their last attempts ended.", ["state"],
    registry=REGISTRY,
)  # fmt: skip
CALLBACK_SECONDS = Histogram(
    "ringback_callback_seconds", "From the acceptance of a callback request to its delivery, and its parts.",
    ["stage"], buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400), registry=REGISTRY,
)  # fmt: skip
ATTEMPT_SECONDS = Histogram(
    "ringback_delivery_attempt_seconds", "How long one attempt at a callback took.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30), registry=REGISTRY,
)  # fmt: skip

# Recognition.

AUDIO_SECONDS = Counter("ringback_audio_seconds_total", "Audio transcribed.", registry=REGISTRY)
REAL_TIME_FACTOR = Histogram(
    "ringback_real_time_factor", "Seconds of audio per second of waiting and work, per recording.",
    buckets=(0.5, 1, 2, 5, 10, 20, 50, 100, 200), registry=REGISTRY,
)  # fmt: skip
ENGINE_UP = Gauge("ringback_engine_up", "1 while the model is loaded and the engine runs.", registry=REGISTRY)
ENGINE_THREADS = Gauge("ringback_engine_threads", "Batches that it can recognise at once.", registry=REGISTRY)
ENGINE_BUSY = Gauge("ringback_engine_busy_threads", "Batches that it is recognising.", registry=REGISTRY)
ENGINE_SEGMENTS = Gauge(
    "ringback_engine_segments", "Segments that wait for the engine or are being recognised, by urgency.",
    ["urgency"], registry=REGISTRY,
)  # fmt: skip
ENGINE_RESTARTS = Counter(
    "ringback_engine_restarts_total", "Engine processes replaced after a crash or a hang.", registry=REGISTRY
)

# The operator's language model.

LLM_REQUESTS = Counter(
    "ringback_llm_requests_total",
    "Requests to the language model at `llm.url`, by outcome: `answered`, `bad_answer`, `bad_status`, "
    "`timeout`, `unreachable`.",
    ["outcome"], registry=REGISTRY,
)  # fmt: skip
LLM_SECONDS = Histogram(
    "ringback_llm_request_seconds", "Seconds that a request to the language model took.",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300), registry=REGISTRY,
)  # fmt: skip

# Live streams.

STREAMS = Gauge("ringback_streams", "Live streams that are open.", registry=REGISTRY)
STREAMS_LIMIT = Gauge("ringback_streams_limit", "Live streams that may be open.", registry=REGISTRY)
STREAM_LATENCY = Histogram(
    "ringback_stream_latency_seconds", "Audio received beyond a result's end when it is made.", ["kind"],
    buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30), registry=REGISTRY,
)  # fmt: skip
STREAM_SECONDS = Counter("ringback_stream_seconds_total", "Audio of ended live streams.", registry=REGISTRY)
STREAM_MESSAGES = Counter(
    "ringback_stream_messages_total", "Messages of ended live streams, by kind.", ["kind"], registry=REGISTRY
)
STREAM_ENDS = Counter(
    "ringback_stream_ends_total", "Ended live streams, by close code.", ["code"], registry=REGISTRY
)

TURN_VERDICT_SECONDS = Histogram(
    "ringback_turn_verdict_seconds", "Seconds from a pause in a turn to the turn model's verdict on it.",
    buckets=(0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 3), registry=REGISTRY,
)  # fmt: skip

# What the server stands on.

LEDGER_UP = Gauge("ringback_ledger_up", "1 while the ledger can be read; 0 otherwise.", registry=REGISTRY)
LEDGER_BYTES = Gauge("ringback_ledger_bytes", "Size of the ledger on its disk.", registry=REGISTRY)
BLOB_STORE_UP = Gauge(
    "ringback_blob_store_up", "0 while the store at blobs_url cannot be used, or is another ledger's.",
    registry=REGISTRY,
)  # fmt: skip
BLOB_STORE_UP.set(1)  # it is watched where `blobs_url` names one

DISK_BYTES = Gauge("ringback_disk_bytes", "Size of the data folder's disk.", registry=REGISTRY)
DISK_FREE_BYTES = Gauge("ringback_disk_free_bytes", "What is free of it for this process.", registry=REGISTRY)


def describe_build(version: str, model: str | None) -> None:
    """What runs here. `model`: None where nothing is recognised."""
    BUILD.labels(version, platform.python_version(), model or "").set(1)


def count_ends(ends: Mapping[tuple[str, str], int]) -> None:
    """Jobs that have ended for good, by kind and end (`done`, `parked`, `cancelled`)."""
    for (kind, end), jobs in ends.items():
        JOBS_ENDED.labels(kind, end).inc(jobs)


TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' own format, which everybody reads."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""The one that has exemplars (https://prometheus.io/docs/specs/om/open_metrics_spec/)."""


def exposition(*, exemplars: bool = False) -> bytes:
    """All metrics, as `TEXT`; with `exemplars` as `OPENMETRICS`."""
    if exemplars:
        return cast(bytes, openmetrics.generate_latest(REGISTRY))  # type: ignore[no-untyped-call]
    return generate_latest(REGISTRY)
