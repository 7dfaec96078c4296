"""Which model serves a request: the facts of its options that decide it, named once."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ringback.engines.base import ModelInfo
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning, printable


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


def with_model_warnings(
    options: ListenOptions, model: ModelInfo, *, tell_substitution: bool
) -> ListenOptions:
    """The options, with what they wanted of `model`, which serves them, and do not get.

    A version of one of Deepgram's models is never here, which is always told. That another model answers to
    its name is what this server is for: it is told where the operator wants it told.
    """
    warnings = list(options.warnings)
    asked = options.model
    by_its_own_name = asked is None or asked == model.name or asked.lower() == model.uuid
    if tell_substitution and not by_its_own_name:
        what = f"`model={printable(options.model or '')}` is served by {model.name}."
        warnings.append(ParameterWarning("model", "unsupported", what))
    if options.version not in {"latest", model.version}:
        version = printable(options.version)
        what = f"`version={version}` is passed over: {model.name} has version {model.version}."
        warnings.append(ParameterWarning("version", "ignored", what))
    return msgspec.structs.replace(options, warnings=tuple(warnings))
