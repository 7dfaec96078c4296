"""Where spans go: the collector that OpenTelemetry's variables name, where the extra `traces` is installed.

These variables are often set for everything on a machine or in a pod: what they ask for and cannot be had is
a line in the log, and never a reason not to serve.
"""

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.util import find_spec

from ringback import __version__, telemetry
from ringback.telemetry import tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"

LAST_SPANS_SECONDS = 3.0
"""For what has not been sent when the server ends."""


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Whether spans are to be recorded: a collector is named, and nothing switches it off."""
    exporters = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and "otlp" in exporters
    )


def obstacle(environment: Mapping[str, str]) -> str | None:
    """Why spans cannot be recorded here; None: they can."""
    if not _is_installed():
        return "the extra is not installed: `make setup EXTRAS=traces`, or `pip install 'ringback[traces]'`"
    protocol = next((value for name in PROTOCOLS if (value := environment.get(name))), PROTOCOL)
    return None if protocol == PROTOCOL else f"{protocol} is not spoken here, only {PROTOCOL}"


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of one of the packages above it
        return False


def record_traces(environment: Mapping[str, str], node: str | None, stack: AsyncExitStack) -> None:
    """Record spans if the environment asks for it, until the stack is closed."""
    if not wants_traces(environment):
        return
    reason = obstacle(environment)
    if reason is not None:
        telemetry.problem("traces.not_recorded", reason=reason)
        return
    from ringback.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - of an extra, and a second of imports

    try:
        tracer = OtlpTracer(__version__, node or str(uuid.uuid4()))
    except Exception as error:
        # Whatever the SDK makes of a variable: it is no reason not to serve.
        telemetry.problem("traces.not_recorded", reason=f"{type(error).__name__}: {error}")
        return
    tracing.record_with(tracer)

    async def stop() -> None:
        tracing.record_with(None)
        if not await asyncio.to_thread(tracer.close, LAST_SPANS_SECONDS):
            telemetry.problem("traces.not_sent", seconds=LAST_SPANS_SECONDS)

    stack.push_async_callback(stop)
