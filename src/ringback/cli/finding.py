"""A line of `ringback doctor`: what was looked at, how it is, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum

import click


class Grade(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    grade: Grade
    subject: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        colour = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}[self.grade]
        line = f"{click.style(f'{self.grade:<5}', fg=colour)}{self.subject:<16}{self.what}"
        return line + (f"\n{'':<21}→ {self.mend}" if self.mend else "")
