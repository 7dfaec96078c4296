"""Spans: what was done for a request, how long it took, and what followed from what, across processes.

A span is recorded where they are collected (`otlp`, the extra `traces`). Where they are not, these
functions cost next to nothing, and a request's trace is what its caller sent: it travels on unchanged.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import Enum, auto
from typing import Protocol

from ringback.telemetry.trace_context import TraceContext

Fact = str | int | float | bool
"""A value of an attribute; the names are those of OpenTelemetry's conventions, or `ringback.…`."""


_NO_FACTS: Mapping[str, Fact] = {}


class SpanKind(Enum):
    """https://opentelemetry.io/docs/specs/otel/trace/api/#spankind"""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    CONSUMER = auto()
    """A job."""


class TraceSpan(Protocol):
    """One piece of work of a trace."""

    @property
    def context(self) -> TraceContext | None:
        """What follows from this work goes on from here; None: there is no trace."""
        ...

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The labels of an exemplar, for histograms; None: the span is not recorded."""
        ...

    def add(self, facts: Mapping[str, Fact | None]) -> None:
        """Attributes; those that are None are left out."""
        ...

    def fail(self, error_type: str) -> None:
        """The work did not do what it was for. `error_type`: one of few words, or a status."""
        ...

    def end(self, at: float | None = None) -> None:
        """`at`: Unix seconds; None: now."""
        ...


class Tracer(Protocol):
    """What makes spans."""

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        at: float | None,
        facts: Mapping[str, Fact],
    ) -> TraceSpan: ...


class _PassedOn:
    """In place of a span that is not collected."""

    __slots__ = ("context",)
    exemplar: dict[str, str] | None = None

    def __init__(self, context: TraceContext | None) -> None:
        self.context = context

    def __enter__(self) -> "_PassedOn":
        return self

    def __exit__(self, *_: object) -> None: ...

    def add(self, facts: Mapping[str, Fact | None]) -> None: ...

    def fail(self, error_type: str) -> None: ...

    def end(self, at: float | None = None) -> None: ...


_UNTRACED = _PassedOn(None)


def record_with(tracer: Tracer | None) -> None:
    """From now on spans are made by `tracer`; None: none are."""
    global _tracer  # noqa: PLW0603 - one process, one collector
    _tracer = tracer


def is_recording() -> bool:
    """Whether spans are collected."""
    return _tracer is not None


def span(
    name: str,
    kind: SpanKind,
    parent: TraceContext | None,
    *,
    at: float | None = None,
    facts: Mapping[str, Fact] = _NO_FACTS,
) -> AbstractContextManager[TraceSpan]:
    """A span around what is done in the context, which has failed if that raises. `at`: when it began, in
    Unix seconds; None: now."""
    if _tracer is None:
        return _UNTRACED if parent is None else _PassedOn(parent)
    return _recorded(_tracer.begin(name, kind, parent, at, facts))


@contextmanager
def _recorded(made: TraceSpan) -> Iterator[TraceSpan]:
    token = _current.set(made)
    try:
        with _ended(made):
            yield made
    finally:
        _current.reset(token)


@contextmanager
def _ended(made: TraceSpan) -> Iterator[TraceSpan]:
    try:
        yield made
    except BaseException as error:
        made.fail(type(error).__name__)
        raise
    finally:
        made.end()


def past_span(
    name: str, parent: TraceContext | None, began: float, ended: float, facts: Mapping[str, Fact] = _NO_FACTS
) -> None:
    """A span of what is over already; in Unix seconds."""
    if _tracer is not None:
        _tracer.begin(name, SpanKind.INTERNAL, parent, began, facts).end(max(began, ended))


def stage(name: str) -> AbstractContextManager[object]:
    """A part of the span around it, with a span of its own; stages may overlap."""
    around = _current.get()
    if around is None or _tracer is None:
        return _UNTRACED
    return _ended(_tracer.begin(name, SpanKind.INTERNAL, around.context, None, _NO_FACTS))


def exemplar() -> dict[str, str] | None:
    """For histograms: which recorded span this is about; None: none."""
    around = _current.get()
    return None if around is None else around.exemplar


_tracer: Tracer | None = None
_current: ContextVar[TraceSpan | None] = ContextVar("span", default=None)
"""The recorded span that is around what runs now."""
