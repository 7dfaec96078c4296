"""Which model serves a request."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning, printable


class Models(Protocol):
    """The models of this server."""

    def resolve(
        self,
        model: str | None,
        language: str,
        detect: bool,
        version: str = "latest",
        *,
        candidates: Sequence[str] = (),
        live: bool = False,
    ) -> ModelInfo:
        """The model that will run; raises `Refusal` (400) when there is none that fits."""
        ...


def model_for(options: ListenOptions, models: Models, *, live: bool = False) -> ModelInfo:
    """The model for these options, of a recording or a live stream (https://developers.deepgram.com/docs/model).

    Raises `Refusal` (400) when this server has none that fits, or when it does not know a language that
    `language_hint` names (https://developers.deepgram.com/docs/nova-3-language-prompting).
    """
    model = models.resolve(
        options.model,
        options.language,
        bool(options.detect_language),
        options.version,
        candidates=options.candidates,
        live=live,
    )
    unknown = [tag for tag in options.hinted_languages if tag not in model.languages]
    if options.code_switching and unknown:
        raise Refusal(
            400,
            "INVALID_QUERY_PARAMETER",
            "Failed to deserialize query parameters: "
            f"`language_hint`: {model.name} does not know {', '.join(map(printable, unknown))}.",
        )
    return model


def with_model_warnings(
    options: ListenOptions, model: ModelInfo, *, warn_of_substitution: bool
) -> ListenOptions:
    """The options, with a warning for each of them that `model`, which serves them, does not meet.

    Versions of Deepgram's models are never here: this always gets a warning. That another model is served
    under its name is the purpose of this server: `warn_of_substitution` is the operator's choice.
    """
    warnings = list(options.warnings)
    name = options.model
    by_its_own_name = name is None or name == model.name or name.lower() == model.uuid
    if warn_of_substitution and not by_its_own_name:
        what = f"`model={printable(options.model or '')}` is served by {model.name}."
        warnings.append(ParameterWarning("model", "unsupported", what))
    if unknown := [tag for tag in options.candidates if tag not in model.languages]:
        what = f"`detect_language`: {model.name} does not know {', '.join(map(printable, unknown))}."
        warnings.append(ParameterWarning("detect_language", "ignored", what))
    if model.incremental:
        given = [
            name for name, terms in (("keyterm", options.keyterm), ("keywords", options.keywords)) if terms
        ]
        what = f"`{{}}` is passed over: {model.name} takes no words to expect."
        warnings += [ParameterWarning(name, "unsupported", what.format(name)) for name in given]
    if options.version not in {"latest", model.version}:
        version = printable(options.version)
        what = f"`version={version}` is passed over: {model.name} has version {model.version}."
        warnings.append(ParameterWarning("version", "ignored", what))
    return msgspec.structs.replace(options, warnings=tuple(warnings))
