"""The query parameters of the management routes: each has its name, its description and its parser.

`openapi.json` is made from the same values.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from ringback.errors import Refusal
from ringback.server.request_parsing import moment_of


class QueryParameter(Protocol):
    """Its part of the description of the interface."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> Mapping[str, object]:
        """JSON Schema; an array may be given by repeating the name."""
        ...


@dataclass(frozen=True, slots=True)
class IntegerParameter:
    """A whole number; `2.0` is one too, because the official Python SDK types such parameters as floats."""

    name: str
    least: int
    most: int
    default: int | None
    description: str

    @property
    def schema(self) -> Mapping[str, object]:
        shape: dict[str, object] = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return shape if self.default is None else shape | {"default": self.default}

    def of(self, request: Request) -> int:
        """The number, or the default. Raises `Refusal` (400)."""
        text = request.query_params.get(self.name)
        if text is None:
            return self.default or 0
        if not _WHOLE.fullmatch(text) or not self.least <= float(text) <= self.most:
            raise bad_query(f"`{self.name}` must be a whole number from {self.least} to {self.most}.")
        return int(float(text))

    def of_given(self, request: Request) -> int | None:
        """The same; None where it was not given."""
        return self.of(request) if self.name in request.query_params else None


@dataclass(frozen=True, slots=True)
class ChoiceParameter:
    """One of several words."""

    name: str
    choices: tuple[str, ...]
    description: str

    @property
    def schema(self) -> Mapping[str, object]:
        return {"type": "string", "enum": list(self.choices)}

    def of(self, request: Request) -> str | None:
        """Raises `Refusal` (400)."""
        text = request.query_params.get(self.name)
        if text is not None and text not in self.choices:
            raise bad_query(f"`{self.name}` must be one of: {', '.join(self.choices)}.")
        return text


@dataclass(frozen=True, slots=True)
class MomentParameter:
    """A date or an RFC 3339 time, in Unix seconds; without an offset it is UTC."""

    name: str
    description: str
    end_of_day: bool = False
    """Whether a bare date means the end of that day."""

    @property
    def schema(self) -> Mapping[str, object]:
        return {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}

    def of(self, request: Request) -> float | None:
        """Raises `Refusal` (400)."""
        return moment_of(request.query_params.get(self.name), self.name, end_of_day=self.end_of_day)


@dataclass(frozen=True, slots=True)
class TextParameter:
    """Any text."""

    name: str
    description: str

    @property
    def schema(self) -> Mapping[str, object]:
        return {"type": "string"}

    def of(self, request: Request) -> str | None:
        return request.query_params.get(self.name)


@dataclass(frozen=True, slots=True)
class TextsParameter:
    """Texts; the parameter may repeat."""

    name: str
    description: str
    choices: tuple[str, ...] = ()
    """The possible values, for the description of the interface; empty: any text."""

    @property
    def schema(self) -> Mapping[str, object]:
        items: dict[str, object] = {"type": "string"}
        if self.choices:
            items["enum"] = list(self.choices)
        return {"type": "array", "items": items}

    def of(self, request: Request) -> Sequence[str]:
        return request.query_params.getlist(self.name)


START = MomentParameter("start", "From this date or time on; without an offset it is UTC.")
END = MomentParameter("end", "Until this time; a bare date includes that day.", end_of_day=True)
TAG = TextsParameter("tag", "What bears all of these tags.")


def bad_query(message: str) -> Refusal:
    return Refusal(400, "INVALID_QUERY_PARAMETER", message)


_WHOLE = re.compile(r"[0-9]{1,10}(\.0+)?")
