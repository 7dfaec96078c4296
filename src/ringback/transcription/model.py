"""Which model serves a request: the facts of its options that decide it, named once."""

from collections.abc import Sequence
from typing import Protocol

from ringback.engines.base import ModelInfo
from ringback.listen.options import ListenOptions


class Models(Protocol):
    """Whoever knows which models there are."""

    def resolve(
        self,
        model: str | None,
        language: str,
        detect: bool,
        version: str = "latest",
        *,
        candidates: Sequence[str] = (),
    ) -> ModelInfo:
        """The model that will run; raises `Refusal` (400) when there is none for this wish."""
        ...


def model_for(options: ListenOptions, models: Models) -> ModelInfo:
    """The model that these options ask for (https://developers.deepgram.com/docs/model).

    Raises `Refusal` (400) when this server has none that will do.
    """
    return models.resolve(
        options.model,
        options.language,
        bool(options.detect_language),
        options.version,
        candidates=options.candidates,
    )
