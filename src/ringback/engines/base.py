"""What a recogniser is: its facts, and one blocking verb over a batch of speech segments.

Recordings and live streams share it. No asyncio, no HTTP, none of Deepgram's JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Protocol

from ringback.audio.samples import Samples
from ringback.transcript import Word


class Urgency(IntEnum):
    """Who goes first when there is more speech than processor."""

    LIVE_FINAL = 0
    LIVE_PARTIAL = 1
    RECORDING = 2


class Quality(StrEnum):
    DRAFT = "draft"
    """As fast, but heard once only, whatever it looks like, up to where it loops."""
    FAST = "fast"
    """Windows as short as the speech, greedy."""
    ACCURATE = "accurate"
    """Full windows, beam search."""


@dataclass(frozen=True, slots=True)
class Task:
    """How to recognise; segments with equal tasks may share a batch, others never do."""

    model: str
    """The configured model's name (`ModelInfo.name`)."""
    language: str | None = "en"
    """A two-letter code; None: find out."""
    quality: Quality = Quality.FAST
    candidates: tuple[str, ...] = ()
    """When the language is to be found out: only among these, if any."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was heard in one segment. Word times are seconds from the segment's start."""

    words: tuple[Word, ...]
    language: str
    language_confidence: float | None = None
    """Set when the language was found out."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The truth about a model, as `model_info` and `/v1/models` tell it."""

    name: str
    arch: str
    version: str
    uuid: str
    """Stable for the same weights (UUID5 of name and version)."""
    languages: tuple[str, ...]


class Recogniser(Protocol):
    """One loaded model. Thread-safe: the engine process calls it from one thread per core."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def device(self) -> str:
        """`cpu` or `cuda`: where it runs."""
        ...

    def warm(self) -> None:
        """Do once what the first call would otherwise be slow for."""
        ...

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """One recognition per segment, in order. A segment is at most 30 s long and holds speech."""
        ...


@dataclass(frozen=True, slots=True)
class Loading:
    """Where models lie and how they are to be loaded."""

    models: Path
    """The folder of models that were pulled."""
    device: str = "auto"
    """`cpu`, `cuda` or `auto`."""
    compute_type: str = "default"
    """CTranslate2's; `default`: int8 on a CPU, float16 on a GPU."""
    threads: int = 1
    """How many calls of `Recogniser.recognise` may run at once."""


class Kind(Protocol):
    """One kind of recogniser. Third parties add theirs with an entry point in `ringback.engines`.

    The engine process runs in a sandbox: it reads code and models, and neither writes files nor opens sockets
    nor starts programs. A kind that needs any of that says `confined = False`.
    """

    def names(self, models: Path) -> Sequence[str]:
        """Models of this kind that are at hand without being configured."""
        ...

    def describe(self, name: str, models: Path) -> ModelInfo:
        """Facts about a model, without loading it. Raises `Misconfigured` if it is not here."""
        ...

    def load(self, name: str, how: Loading) -> Recogniser:
        """The model, ready to recognise. Only the engine process calls this. Raises `Misconfigured`."""
        ...
