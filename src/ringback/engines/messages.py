"""What the serving process and the engine process say to each other, over a socket pair.

A frame is two little-endian 32-bit lengths, a msgpack header (one of the messages below) and a body: the
samples of a batch as raw 32-bit floats, otherwise nothing.
"""

import struct
from typing import Self

import msgspec

from ringback.engines.base import ModelInfo, Recognition, Task, Urgency
from ringback.settings import Settings


class Setup(msgspec.Struct, frozen=True, tag=True):
    """To the engine, first: which models, and how to run them."""

    model: str
    """The setting `model`; loaded and warmed at once."""
    models: str
    """The folder of pulled models."""
    threads: int = 0
    """Recognition threads; 0: one per core."""
    device: str = "auto"
    compute_type: str = "default"
    sandbox: bool = True
    """Whether the process gives up what recognising does not need."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What these settings ask for."""
        engine = settings.engine
        models = str(settings.data_path / "models")
        return cls(settings.model, models, engine.threads, engine.device, engine.compute_type, engine.sandbox)


class Batch(msgspec.Struct, frozen=True, tag=True):
    """To the engine: recognise these segments, whose samples follow one another in the body."""

    id: int
    urgency: Urgency
    task: Task
    lengths: tuple[int, ...]
    """Samples of each segment."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the configured model is loaded and warm."""

    model: ModelInfo
    device: str
    threads: int
    """How many it has started: on a GPU few suffice, however many cores there are."""


class Unusable(msgspec.Struct, frozen=True, tag=True):
    """From the engine, instead of `Ready`: the operator must act."""

    mend: str


class Taken(msgspec.Struct, frozen=True, tag=True):
    """From the engine: a thread has begun this batch; if the process dies now, this may be why."""

    id: int


class Recognised(msgspec.Struct, frozen=True, tag=True):
    """From the engine: one recognition per segment, in order."""

    id: int
    recognitions: list[Recognition]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From the engine: the recogniser raised; with `mend`, the operator must act."""

    id: int
    reason: str
    mend: bool = False


ToEngine = Setup | Batch
FromEngine = Ready | Unusable | Taken | Recognised | Failed

LENGTHS = struct.Struct("<II")


def head(message: ToEngine | FromEngine, body_size: int = 0) -> bytes:
    """The frame up to its body."""
    header = msgspec.msgpack.encode(message)
    return LENGTHS.pack(len(header), body_size) + header


def to_engine(header: bytes) -> ToEngine:
    return _to_engine.decode(header)


def from_engine(header: bytes) -> FromEngine:
    return _from_engine.decode(header)


_to_engine: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)
_from_engine: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
