"""The messages between the serving process and the engine process (`child_process.framing`).

The body of a batch is its samples as raw 32-bit floats; the others have none.
"""

import msgspec

from ringback.engines.base import LanguageProbabilities, ModelInfo, Recognition, Task, Urgency
from ringback.speakers.voices import Voice
from ringback.transcript import NamedSpan


class EngineSetup(msgspec.Struct, frozen=True, tag=True):
    """To the engine, first: which model to load, and how to run it."""

    model: str
    """The setting `model`; loaded and warmed at once."""
    models: str
    """The folder of pulled models."""
    threads: int = 0
    """Recognition threads; 0: one per core."""
    device: str = "auto"
    compute_type: str = "default"
    sandbox: bool = True
    """Whether the process gives up the rights that it does not need (`ringback.sandbox`)."""
    live_model: str = ""
    """The setting `live_model`; loaded and warmed at once, too. Empty: it is `model`."""
    batch: int = 0
    """Segments that one batch has at the most; 0: what suits the device."""
    kinds: dict[str, str] = {}
    """Kinds of recogniser that other packages add, by name: `MODULE:CLASS` (`other_packages`)."""


class UtterancePart(msgspec.Struct, frozen=True):
    """Which utterance a segment's samples continue. The engine process has its state, under this key."""

    utterance: str
    opens: bool
    """They are its first samples; a state that is there under the key is dropped."""
    ends: bool
    """They are its last samples; the state is dropped after them."""


class Batch(msgspec.Struct, frozen=True, tag=True):
    """To the engine: recognise these segments; the body holds their samples, one after the other."""

    id: int
    urgency: Urgency
    task: Task
    lengths: tuple[int, ...]
    """Samples of each segment."""
    texts: tuple[tuple[str, ...], ...] = ()
    """Words of each segment, in place of its samples, in which names are to be found (`NAMES_TASK`)."""
    parts: tuple[UtterancePart, ...] = ()
    """Of each segment, where they are no speech by themselves but continue utterances."""


class CloseUtterance(msgspec.Struct, frozen=True, tag=True):
    """To the engine: drop the state of an utterance that will not be ended, if there is one."""

    utterance: str


class EngineReady(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the configured model is loaded and warm."""

    model: ModelInfo
    device: str
    compute_type: str
    """`Recogniser.compute_type`; empty: the recogniser names none."""
    threads: int
    """Recognition threads that were started: on a GPU fewer than there are cores."""


class EngineUnusable(msgspec.Struct, frozen=True, tag=True):
    """From the engine, in place of `EngineReady`: the configured model cannot be used."""

    reason: str
    """What is wrong and how to fix it, for the operator."""


class BatchStarted(msgspec.Struct, frozen=True, tag=True):
    """From the engine: a thread has begun this batch. If the process dies now, the batch is a suspect."""

    id: int


class BatchRecognised(msgspec.Struct, frozen=True, tag=True):
    """From the engine: one recognition per segment, in order."""

    id: int
    recognitions: list[Recognition]


class LanguagesFound(msgspec.Struct, frozen=True, tag=True):
    """From the engine, of a batch whose task finds languages: those of each segment, in order."""

    id: int
    languages: list[LanguageProbabilities]


class VoicesFound(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the voices in each segment of a batch, in order."""

    id: int
    voices: list[tuple[Voice, ...]]


class NamesFound(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the names in each text of a batch, in order."""

    id: int
    names: list[tuple[NamedSpan, ...]]


class BatchFailed(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the recogniser raised."""

    id: int
    reason: str
    misconfigured: bool = False
    """The batch's model cannot be loaded: trying again is of no use, and `reason` says how to fix it."""


ToEngine = EngineSetup | Batch | CloseUtterance
FromEngine = (
    EngineReady
    | EngineUnusable
    | BatchStarted
    | BatchRecognised
    | LanguagesFound
    | VoicesFound
    | NamesFound
    | BatchFailed
)

TO_ENGINE: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)
FROM_ENGINE: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
