"""Real recordings with what is said in them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clip:
    """A real recording; `text` is what is said in it, if that is known."""

    path: Path
    duration: float
    channels: int
    language: str
    text: str | None
