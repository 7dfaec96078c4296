"""A progress bar on standard error; nothing where that is no terminal."""

import sys
from types import TracebackType
from typing import Self

import click

STEPS = 1_000


class Bar:
    """How much of something is done, when the whole may become known, or grow, on the way."""

    def __init__(self, label: str) -> None:
        self._bar = click.progressbar(
            length=STEPS, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
        )

    def reach(self, done: float, whole: float) -> None:
        """So much is done of the whole, in any unit; a bar never goes back."""
        steps = min(STEPS, int(STEPS * done / whole)) if whole > 0 else 0
        if steps > self._bar.pos:
            self._bar.update(steps - self._bar.pos)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.reach(1, 1)
        self._bar.__exit__(kind, error, trace)
