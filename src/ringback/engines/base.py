"""What a recogniser is: facts about its model, and blocking calls over a batch of speech segments: one finds
their words, one their languages.

Recordings and live streams share it. No asyncio, no HTTP, none of Deepgram's JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from ringback.audio.samples import Samples
from ringback.transcript import Word


class Urgency(IntEnum):
    """The order in which segments are recognised when the processor is busy; smaller goes first."""

    LIVE_FINAL = 0
    LIVE_PARTIAL = 1
    LIVE_VOICES = 2
    """Who speaks in a final; its words are known already."""
    RECORDING = 3


class Quality(StrEnum):
    DRAFT = "draft"
    """As FAST, but decoded once only, without fallback, and cut at a repetition loop."""
    FAST = "fast"
    """Windows as short as the speech, greedy."""
    ACCURATE = "accurate"
    """Full windows, beam search."""


@dataclass(frozen=True, slots=True)
class Task:
    """How to recognise; segments with equal tasks may share a batch, others never do."""

    model: str
    """The configured model's name (`ModelInfo.name`)."""
    language: str = "en"
    """A code of `ModelInfo.languages`: what is spoken. Told another one, a model translates into it."""
    quality: Quality = Quality.FAST
    terms: tuple[str, ...] = ()
    """`keyterm`: what may be said and is easily misheard, as it is to be written. Drafts do without."""
    finds: Literal["words", "languages", "voices"] = "words"
    """`languages`: `Recogniser.identify` is called, which no other field but `model` matters to.
    `voices`: `VOICES_TASK` alone."""


NAMES_TASK = Task("names")
"""The task of a text in which the names model (`engines.names`) is to find names."""

VOICES_TASK = Task("speakers", finds="voices")
"""The task of speech in which the speaker models (`engines.voices`) are to find who speaks."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """The words of one segment. Word times are seconds from the segment's start."""

    words: tuple[Word, ...]


LanguageProbabilities = Mapping[str, float]
"""How probably a segment is in each language, by its code; those that are next to impossible are left out."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about a model, as `model_info` and `/v1/models` show them."""

    name: str
    arch: str
    version: str
    uuid: str
    """Stable for the same weights (UUID5 of name and version)."""
    languages: tuple[str, ...]
    incremental: bool = False
    """Whether it is a `Transducer`, which live streams feed as they are spoken."""


class Recogniser(Protocol):
    """One loaded model. Thread-safe: the engine process calls it from one thread per core.

    One that computes in a type of its choice names it in a further attribute, `compute_type`.
    """

    @property
    def info(self) -> ModelInfo: ...

    @property
    def device(self) -> str:
        """`cpu` or `cuda`: where it runs."""
        ...

    def warm(self) -> None:
        """Run once, so that the first call is not slower than the others."""
        ...

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """One recognition per segment, in order. A segment is at most 30 s long and holds speech."""
        ...

    def identify(self, batch: Sequence[Samples]) -> list[LanguageProbabilities]:
        """The languages of each segment, in order; at least one each. Segments as for `recognise`."""
        ...


@dataclass(frozen=True, slots=True)
class UtteranceSpeech:
    """The next samples of one utterance, for `Transducer.feed`."""

    state: Any
    """What `Transducer.open` returned."""
    samples: Samples
    """Those after the last ones that were fed; there may be none."""
    ends: bool
    """Whether they are its last: its words become final."""


class Transducer(Recogniser, Protocol):
    """A recogniser that takes speech as it comes: each sample is computed once, however often the words so
    far are asked for.

    open → feed → words so far → … → feed with `ends` → final words. An utterance that is never ended needs no
    call: its state is dropped. States are used by one thread at a time, and by any.
    """

    def open(self) -> Any:
        """The state of a new utterance."""
        ...

    def feed(self, parts: Sequence[UtteranceSpeech]) -> list[Recognition]:
        """The words of each utterance so far, in the order of `parts`; times are seconds from its start.

        An utterance is in `parts` once. After `ends` its state is not fed again.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where models are and how to load them."""

    models: Path
    """The folder of pulled models."""
    device: str = "auto"
    """`cpu`, `cuda` or `auto`."""
    compute_type: str = "default"
    """A `ComputeType` of the settings."""
    threads: int = 1
    """How many calls of `Recogniser.recognise` may run at once."""


class RecogniserKind(Protocol):
    """One kind of recogniser. Other packages add theirs with an entry point in `ringback.engines`.

    The engine process runs in a sandbox: it reads code and models, and can neither write files nor open
    sockets nor start programs. A kind that needs any of that sets `confined = False`.
    """

    def names(self, models: Path) -> Sequence[str]:
        """Models of this kind that are installed or pulled."""
        ...

    def describe(self, name: str, models: Path) -> ModelInfo:
        """Facts about a model, without loading it. Raises `Misconfigured` if it is not on this machine."""
        ...

    def load(self, name: str, options: LoadOptions) -> Recogniser:
        """The model, ready to recognise. Only the engine process calls this. Raises `Misconfigured`."""
        ...
