"""What a request wanted of its model and does not get."""

import pytest

from ringback.engines.base import ModelInfo
from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.transcription.model import model_for, with_model_warnings

TINY = ModelInfo("tiny.en", "whisper", "ct2-1", "aa066bfc-b5eb-52e3-91a8-8baa99b853ba", ("en",))


def warned(options: ListenOptions, *, tell: bool) -> list[tuple[str, str]]:
    served = with_model_warnings(options, TINY, warn_of_substitution=tell)
    assert ListenOptions(model=served.model, version=served.version) == ListenOptions(
        options.model, options.version
    )
    return [(warning.parameter, warning.type) for warning in served.warnings]


@pytest.mark.parametrize("model", [None, "tiny.en", TINY.uuid, TINY.uuid.upper()])
def test_its_own_names_are_no_substitution(model: str | None) -> None:
    assert warned(ListenOptions(model=model), tell=True) == []


def test_a_substitution_is_told_where_the_operator_wants_it() -> None:
    requested = ListenOptions(model="nova-3")
    assert warned(requested, tell=False) == []
    assert with_model_warnings(requested, TINY, warn_of_substitution=True).warnings == (
        ParameterWarning("model", "unsupported", "`model=nova-3` is served by tiny.en."),
    )


def test_a_version_that_is_not_served_is_always_told() -> None:
    earlier = ParameterWarning("redact", "unsupported", "")
    requested = ListenOptions(model="nova-3", version="2024-12-20.0", warnings=(earlier,))
    assert with_model_warnings(requested, TINY, warn_of_substitution=False).warnings == (
        earlier,
        ParameterWarning(
            "version", "ignored", "`version=2024-12-20.0` is passed over: tiny.en has version ct2-1."
        ),
    )
    assert warned(ListenOptions(version="ct2-1"), tell=False) == []


class OneModel:
    """Knows one model, which serves everything."""

    def resolve(self, *_: object, **__: object) -> ModelInfo:
        return BASE


BASE = ModelInfo("base", "whisper", "ct2-1", "-", ("en", "es", "pt"))


def test_a_hint_at_a_language_that_the_model_does_not_know_is_refused() -> None:
    """https://developers.deepgram.com/docs/nova-3-language-prompting"""
    assert model_for(ListenOptions(language="multi", language_hint=("pt-BR", "ES")), OneModel()) == BASE
    with pytest.raises(Refusal) as refused:
        model_for(ListenOptions(language="multi", language_hint=("es", "tlh")), OneModel())
    assert refused.value.failure.status == 400
    assert "`language_hint`: base does not know tlh" in refused.value.failure.err_msg
    assert model_for(ListenOptions(language="es", language_hint=("tlh",)), OneModel()) == BASE


def test_candidates_that_the_model_does_not_know_are_reported() -> None:
    requested = ListenOptions(detect_language=("es", "tlh", "pt-BR"))
    assert with_model_warnings(requested, BASE, warn_of_substitution=False).warnings == (
        ParameterWarning("detect_language", "ignored", "`detect_language`: base does not know tlh."),
    )
