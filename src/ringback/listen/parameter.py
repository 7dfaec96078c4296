"""What a query parameter of `/v1/listen` is: its kind of value, and what this server does with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ringback.listen.values import ValueKind


class Mode(StrEnum):
    """What comes: audio as a whole (`POST /v1/listen`), audio as a stream over a WebSocket, or text
    (`POST /v1/read`)."""

    RECORDED = "recorded"
    LIVE = "live"
    TEXT = "text"


class Support(StrEnum):
    """What this server does with a parameter."""

    SERVED = "served"
    IGNORED = "ignored"
    """Of old clients only; its value is not even checked."""


MANY = 1_000
"""How often a parameter may be repeated when Deepgram names no limit."""

EVERY = frozenset(Mode)
AUDIO = frozenset({Mode.RECORDED, Mode.LIVE})
RECORDED = frozenset({Mode.RECORDED})
LIVE = frozenset({Mode.LIVE})
TEXT = frozenset({Mode.TEXT})
WHOLE = frozenset({Mode.RECORDED, Mode.TEXT})
"""What comes as a whole, and has one result."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: ValueKind
    support: Support
    page: str
    """The page of developers.deepgram.com that says so; of a parameter of ours, the page in `docs/`."""
    description: str
    default: str = "false"
    """As the user would write it; empty: none."""
    repeats: int = 1
    """How many values it may have in one request."""
    modes: frozenset[Mode] = AUDIO
    required: bool = False

    @property
    def schema(self) -> Mapping[str, object]:
        """JSON Schema of what it takes; an array is given by repeating the name."""
        if self.repeats > 1:
            return {"type": "array", "items": self.kind.schema, "maxItems": self.repeats}
        return self.kind.schema
