"""The trace that a caller's request belongs to, read from its headers, and as it goes on to receivers.

https://www.w3.org/TR/trace-context-2/. Pure. What a caller sends is checked to the letter: what goes on is
put together from the parts that were understood, so that no other byte of a header ever reaches a receiver.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"

LONGEST_TRACESTATE = 512
"""Characters that go on at most, in whole entries: the least that §3.3.1.5 asks of everybody."""
MOST_ENTRIES = 32
LONG_ENTRY = 128
"""Characters; longer entries are the first to go where there are too many."""


class TraceContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a trace, in the form of the two headers. Kept with jobs."""

    traceparent: str
    """`00-TRACE_ID-SPAN_ID-FLAGS`"""
    tracestate: str = ""
    """What tracing systems on the way have added; empty: nothing."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits: of the span that comes before."""
        return self.traceparent[36:52]

    @property
    def flags(self) -> int:
        """Bit 0: the trace is recorded. Bit 1: the last 7 bytes of its id are random."""
        return int(self.traceparent[53:], 16)

    @property
    def headers(self) -> dict[str, str]:
        """As they are sent."""
        sent = {"traceparent": self.traceparent}
        if self.tracestate:
            sent["tracestate"] = self.tracestate
        return sent


def context_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """The trace of a request with these headers (names in lower case); None: it names none, or not as it
    must be. A `tracestate` that is not as it must be is left out, and so is one without a trace."""
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in headers:
        if name == TRACEPARENT:
            parents.append(value)
        elif name == TRACESTATE:
            states.append(value)
    if len(parents) != 1:
        return None
    traceparent = _traceparent(parents[0])
    return None if traceparent is None else TraceContext(traceparent, _tracestate(states))


def _traceparent(value: bytes) -> str | None:
    """In the form of version 00, the one that is known; a newer version may go on behind it (§3.2.4)."""
    found = _PARENT.fullmatch(value.strip(b" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = (part.decode() for part in found.groups(b""))
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return f"00-{trace_id}-{span_id}-{int(flags, 16) & _KNOWN_FLAGS:02x}"


def _tracestate(values: Sequence[bytes]) -> str:
    """The entries of all headers in their order, as many as go on; empty where one of them is malformed."""
    entries: dict[str, str] = {}
    for part in b",".join(values).split(b","):
        entry = part.strip(b" \t")
        if not entry:
            continue  # allowed, and says nothing
        found = _ENTRY.fullmatch(entry)
        if found is None or len(entries) == MOST_ENTRIES:
            return ""
        key = found[1].decode()
        if key in entries:
            return ""
        entries[key] = entry.decode()
    return ",".join(_shortened(list(entries.values())))


def _shortened(entries: list[str]) -> list[str]:
    """As many as fit: without the long ones first, then without the oldest, which are the last (§3.3.1.5)."""
    if _length(entries) > LONGEST_TRACESTATE:
        entries = [entry for entry in entries if len(entry) <= LONG_ENTRY]
    while _length(entries) > LONGEST_TRACESTATE:
        entries.pop()
    return entries


def _length(entries: Sequence[str]) -> int:
    return sum(map(len, entries)) + max(0, len(entries) - 1)


_KNOWN_FLAGS = 0b11
_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_ENTRY = re.compile(rb"([a-z0-9][-a-z0-9_*/@]{0,255})=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
"""A key, in the wider of its two grammars (level 2), and a value: printable ASCII without comma and equals
sign that does not end in a space."""
